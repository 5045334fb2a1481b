"""`make bench`: this system and the bare floor, interleaved in one run, as ratios; see README.md beside this.

`make bench ARGS=formats` measures formats alone, `ARGS=idah` the source IDAH, `ARGS=ango` the plug-in of Ango Hub,
`ARGS=nightly` what a second export of a dataset takes, `ARGS=upd` what UPD files do, `ARGS=s3` delivery to S3.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from blocks.sandbox.idah import DEMO_API_KEY, IdahSandbox
from tests.benchmarks import ango, formats, idah, nightly, s3, upd
from tests.benchmarks.measuring import measured

OUTHAUL = str(Path(sys.executable).with_name("outhaul"))
FLOOR = str(Path(__file__).with_name("floor.py"))


def cases(url: str, folder: Path) -> dict[str, Callable[[int], tuple[list[str], dict[str, str]]]]:
    key = {"OUTHAUL_API_KEY": DEMO_API_KEY, "PREFECT_HOME": str(folder / "prefect")}

    def ours(workspace: str) -> Callable[[int], tuple[list[str], dict[str, str]]]:
        def command(number: int) -> tuple[list[str], dict[str, str]]:
            place = workspace.format(number)
            return [OUTHAUL, "export", f"idah+{url}", "--to", str(folder / f"{place}-out")], {
                **key,
                "OUTHAUL_WORKSPACE": str(folder / place),
            }

        return command

    return {
        "floor": lambda number: ([sys.executable, FLOOR, url, DEMO_API_KEY, str(folder / f"{number}.zip")], {}),
        "outhaul, first run": ours("fresh-{}"),
        "outhaul, nothing new": ours("kept"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=2000)
    parser.add_argument("--latency", type=float, default=0.02, help="seconds the platform waits before it answers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures there")
    arguments = parser.parse_args()
    sandbox = IdahSandbox(entries=arguments.entries, latency_seconds=arguments.latency)
    figures: dict[str, list[dict[str, float]]] = {}
    with sandbox.serve() as url, tempfile.TemporaryDirectory() as name:
        made = cases(url, Path(name))
        for case in (
            "outhaul, nothing new",
            "floor",
        ):  # warm up: databases are made, the platform has drawn its pictures
            measured(*made[case](-1))
        for number in range(arguments.rounds):
            for case, command in made.items():
                sandbox.requests.clear()
                figures.setdefault(case, []).append(
                    {**measured(*command(number)), "requests": float(sum(sandbox.requests.values()))}
                )
    medians = {
        case: {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
        for case, rounds in figures.items()
    }
    _print(arguments, medians)
    if arguments.json:
        document: dict[str, Any] = {"entries": arguments.entries, "latency_seconds": arguments.latency}
        arguments.json.write_text(json.dumps({**document, "medians": medians, "rounds": figures}, indent=2))


def _print(arguments: argparse.Namespace, medians: dict[str, dict[str, float]]) -> None:
    latency = f"{arguments.latency * 1000:.0f} ms a request"
    print(f"{arguments.entries:,} entries, {latency}, medians of {arguments.rounds} rounds")
    print(f"{'':<22}{'wall s':>8}{'ratio':>8}{'CPU s':>8}{'peak MB':>9}{'requests':>10}")
    floor = medians["floor"]["seconds"]
    for case, one in medians.items():
        print(
            f"{case:<22}{one['seconds']:>8.1f}{one['seconds'] / floor:>8.2f}{one['cpu_seconds']:>8.1f}"
            f"{one['peak_megabytes']:>9.0f}{one['requests']:>10.0f}"
        )


PARTS = {
    "ango": ango.main,
    "formats": formats.main,
    "idah": idah.main,
    "nightly": nightly.main,
    "s3": s3.main,
    "upd": upd.main,
}

if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in PARTS:
        PARTS[sys.argv.pop(1)]()
    else:
        main()
