"""Datasets ten times as large, and again: whether time grows with them and no faster, and memory does not.

    python -m tests.benchmarks scale                                   # 1,000 to 1,000,000 annotations, 10 an entry
    python -m tests.benchmarks scale --annotations 1000 100000 --most-megabytes 400

Each is exported without media, as COCO in a zip, by a process of its own that gets no more memory than a limit, the
same for all: one that needed more would fail. The exponent is that of the line through the logarithms of the sizes and
of the CPU seconds; 1 is linear. What is done once, however small the dataset, makes it smaller: so there is a second
one, without the seconds that an export of one entry takes, of the sizes that take at least twice as many.
"""

from __future__ import annotations

import argparse
import json
import statistics
from math import log
from pathlib import Path

from tests.benchmarks.s3 import STORES
from tests.benchmarks.whole import Figures, medians_of, standing

PER_ENTRY = 10
ASKED = json.dumps({"media": "none"})
SIZES = (1_000, 10_000, 100_000, 1_000_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", type=int, nargs="+", default=SIZES)
    parser.add_argument("--most-megabytes", type=int, default=400, help="of memory that it writes to (default: 400)")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds the platform waits before it answers")
    parser.add_argument("--store", choices=STORES, default="sink", help="what takes the zip")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures there")
    arguments = parser.parse_args()
    sizes = sorted({PER_ENTRY, *arguments.annotations})
    found = {size: _measured(arguments, size) for size in sizes}
    print(f"{PER_ENTRY} annotations an entry, no media, zip to {arguments.store}, medians of {arguments.rounds}")
    print(f"{'annotations':>12}" + "".join(f"{one:>10}" for one in ("wall s", "CPU s", "peak MB", "requests")))
    for size, one in found.items():
        shown = f"{one['work_seconds']:>10.1f}{one['work_cpu_seconds']:>10.1f}{one['peak_megabytes']:>10.0f}"
        print(f"{size:>12,}{shown}{one['requests']:>10.0f}")
    seconds = {size: one["work_cpu_seconds"] for size, one in found.items()}
    once = seconds.pop(PER_ENTRY)
    exponents = exponent_of(seconds), exponent_of({size: one - once for size, one in seconds.items() if one > 2 * once})
    shown = " and ".join(f"{one:.2f}" for one in exponents if one is not None)
    print(f"CPU time grows with the size to the power of {shown}; no more than {arguments.most_megabytes} MB.")
    if arguments.json:
        arguments.json.write_text(json.dumps({"exponents": exponents, "medians": found}, indent=2))


def exponent_of(seconds: dict[int, float]) -> float | None:
    """The slope through logarithms; None of less than two."""
    if len(seconds) < 2:
        return None
    return statistics.linear_regression(*([log(one) for one in of] for of in (seconds, seconds.values()))).slope


def _measured(arguments: argparse.Namespace, size: int) -> Figures:
    sizes = {"entries": size // PER_ENTRY, "annotations": PER_ENTRY, "media_bytes": 0}
    with standing(**sizes, latency=arguments.latency, store=arguments.store) as bench:
        rounds = [
            bench.measure("outhaul", number, ASKED, most_megabytes=arguments.most_megabytes)
            for number in range(arguments.rounds)
        ]
    return medians_of(rounds)
