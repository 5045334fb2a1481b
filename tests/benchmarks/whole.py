"""From an HTTP platform to a zip in S3: this system against the bare floor, interleaved in one run, as ratios.

    python -m tests.benchmarks                            # 5,000 entries, 5 annotations and 200 kB each
    python -m tests.benchmarks --entries 1000 --rounds 1 --json figures.json

The floor (`floor.py`) is a script that does the same by hand: 64 connections, a stored zip of its own that goes out in
parts while it is made. No orchestration, no retries, no checks, no second run. Platform, store and Prefect server are
processes of their own that stand before the clock begins, and count in nobody's CPU time.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from blocks.sandbox.idah import DEMO_API_KEY, IdahSandbox
from tests.benchmarks.bars import bars
from tests.benchmarks.measuring import measured
from tests.benchmarks.s3 import STORES, serving_store
from tests.prefect_server import serving_prefect
from tests.s3_server import S3Server, free_ports

CASES = ("floor", "outhaul", "again", "steps")
Figures = dict[str, float]


class Bench:
    """What stands while cases are measured."""

    def __init__(self, url: str, platform: Connection, server: S3Server, api: str, folder: Path) -> None:
        self._url, self._platform, self._server, self._folder = url, platform, server, folder
        self._environment = {
            **server.environment,
            "AWS_REGION": "us-east-1",
            "OUTHAUL_API_KEY": DEMO_API_KEY,
            "PREFECT_API_URL": api,
            "PREFECT_HOME": str(folder / "prefect"),
        }

    def measure(
        self, case: str, number: int, asked: str = "{}", *, place: str = "", most_megabytes: int = 0
    ) -> Figures:
        """One case in a process of its own: of the whole process, and of what it did once it was loaded.

        `asked` is a request as JSON; with `most_megabytes` the process gets no more memory than that. `place` is where
        to deliver, if not to the store.
        """
        workspace, said = self._folder / "workspace", self._folder / "said.json"
        if case != "again":
            shutil.rmtree(workspace, ignore_errors=True)
        os.sync()  # what one case has left to be written is not to hold up the next
        place = place or f"s3://{self._server.bucket}/{case}{number}"
        command = [sys.executable, "-m", "tests.benchmarks.whole_case", case, self._url, place, str(workspace)]
        self._platform.send("count anew")
        one = measured([*command, asked, str(said)], self._environment, most_megabytes)
        self._platform.send("")
        return {**one, **json.loads(said.read_text()), "requests": float(self._platform.recv())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=5000)
    parser.add_argument("--annotations", type=int, default=5, help="of each entry")
    parser.add_argument("--media-bytes", type=int, default=200_000)
    parser.add_argument("--latency", type=float, default=0.02, help="seconds the platform waits before it answers")
    parser.add_argument("--store", choices=STORES, default="sink", help="what takes the zip")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--plot", type=Path, help="draw the ratios there, as SVG")
    arguments = parser.parse_args()
    figures: dict[str, list[Figures]] = {case: [] for case in CASES}
    with standing(**_sizes(arguments), annotations=arguments.annotations) as bench:
        bench.measure("floor", -1)  # warm up: the platform draws its pictures when they are asked for
        for number in range(arguments.rounds):
            for case, found in figures.items():
                found.append(bench.measure(case, number))
    medians = {case: medians_of(found) for case, found in figures.items()}
    _print(arguments, medians)
    if arguments.plot:
        arguments.plot.write_text(bars(_title(arguments), {case: _ratios(medians, case) for case in CASES[1:]}))
    if arguments.json:
        arguments.json.write_text(json.dumps({**_sizes(arguments), "medians": medians, "rounds": figures}, indent=2))


def _print(arguments: argparse.Namespace, medians: dict[str, Figures]) -> None:
    print(_title(arguments))
    heads = ("wall s", "ratio", "CPU s", "ratio", "start s", "peak MB", "requests")
    print(f"{'':<10}" + "".join(f"{one:>10}" for one in heads))
    for case, one in medians.items():
        ratios = _ratios(medians, case)
        print(
            f"{case:<10}{one['work_seconds']:>10.2f}{ratios['wall time']:>10.2f}"
            f"{one['work_cpu_seconds']:>10.2f}{ratios['CPU time']:>10.2f}"
            f"{one['seconds'] - one['work_seconds']:>10.2f}{one['peak_megabytes']:>10.0f}{one['requests']:>10.0f}"
        )


def _title(arguments: argparse.Namespace) -> str:
    return (
        f"{arguments.entries:,} entries with files of {arguments.media_bytes / 1000:,.0f} kB, "
        f"{arguments.latency * 1000:.0f} ms a request, zip to {arguments.store}, medians of {arguments.rounds}"
    )


def _ratios(medians: dict[str, Figures], case: str) -> Figures:
    """To the floor."""
    named = {"wall time": "work_seconds", "CPU time": "work_cpu_seconds"}
    return {name: medians[case][figure] / medians["floor"][figure] for name, figure in named.items()}


def _sizes(arguments: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(arguments, name) for name in ("entries", "media_bytes", "latency", "store")}


def medians_of(rounds: Sequence[Figures]) -> Figures:
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


@contextmanager
def standing(
    *, entries: int, annotations: int, media_bytes: int, latency: float = 0.0, store: str = "sink"
) -> Iterator[Bench]:
    room = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=room)))
        server = stack.enter_context(serving_store(store))
        (port,) = free_ports(1)
        stack.enter_context(serving_prefect(folder / "server", port))
        here, there = multiprocessing.Pipe()
        settings = (there, entries, annotations, media_bytes, latency)
        platform = multiprocessing.get_context("spawn").Process(target=_platform, args=settings, daemon=True)
        platform.start()
        stack.callback(platform.kill)
        yield Bench(here.recv(), here, server, f"http://127.0.0.1:{port}/api", folder)


def _platform(pipe: Connection, entries: int, annotations: int, media_bytes: int, latency: float) -> None:
    sandbox = IdahSandbox(
        entries=entries, annotations_per_entry=annotations, media_bytes=media_bytes, latency_seconds=latency
    )
    with sandbox.serve() as url:
        pipe.send(url)
        while True:
            if pipe.recv():
                sandbox.requests.clear()
            else:
                pipe.send(sum(sandbox.requests.values()))
