"""Two steps alone: files from the platform beside bare aiohttp, and a zip on a disk beside a plain copy of it.

    python -m tests.benchmarks parts                      # 2,000 files of 200 kB
    python -m tests.benchmarks parts --entries 5000

*download* is what a run takes longer with files than without, up to where they lie in the workspace, digested and
looked at; aiohttp reads the same files over as many connections, and drops them. *zip* is packaging and delivery into
a folder, until it is on the disk; the copy is one of the zip, until that is on the disk. Both are ours without
Prefect's engine.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from tests.benchmarks.whole import Bench, Figures, medians_of, standing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=2000)
    parser.add_argument("--media-bytes", type=int, default=200_000)
    parser.add_argument("--latency", type=float, default=0.02, help="seconds the platform waits before it answers")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    sizes = {"entries": arguments.entries, "annotations": 5, "media_bytes": arguments.media_bytes}
    with standing(**sizes, latency=arguments.latency) as bench, tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        bench.measure("download", -1)  # warm up: the platform draws its pictures when they are asked for
        seconds = medians_of([_round(bench, number, Path(folder)) for number in range(arguments.rounds)])
    megabytes = arguments.entries * arguments.media_bytes / 1e6
    print(f"{arguments.entries:,} files of {arguments.media_bytes / 1000:,.0f} kB, medians of {arguments.rounds}")
    print(f"{'':<20}{'MB/s':>10}{'ratio':>10}")
    for name, floor in (("download", "aiohttp"), ("zip", "copy")):
        ours, theirs = seconds[name], seconds[floor]
        print(f"{floor:<20}{megabytes / theirs:>10.0f}\n{name:<20}{megabytes / ours:>10.0f}{theirs / ours:>10.2f}")


def _round(bench: Bench, number: int, folder: Path) -> Figures:
    """Seconds of each."""
    place = folder / str(number)
    bare = bench.measure("download", number)
    with_files = bench.measure("steps", number, json.dumps({"report": False}), place=str(place))
    without = bench.measure("steps", number, json.dumps({"report": False, "media": "none"}))
    found = {
        "aiohttp": bare["work_seconds"],
        "download": with_files["fetch_seconds"] - without["fetch_seconds"],
        "copy": _seconds_of_a_copy(next(place.rglob("*.zip"))),
        "zip": with_files["package_seconds"] + with_files["deliver_seconds"],
    }
    shutil.rmtree(place)
    return found


def _seconds_of_a_copy(path: Path) -> float:
    begun = time.perf_counter()
    with path.open("rb") as given, path.with_suffix(".copy").open("wb") as copy:
        shutil.copyfileobj(given, copy, 1 << 20)
        os.fsync(copy.fileno())
    return time.perf_counter() - begun
