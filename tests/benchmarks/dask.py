"""Two Dask workers against one, and against threads, on a format that is made of CPU time: masks drawn from outlines.

    make bench ARGS=dask
    make bench ARGS="dask --entries 2000 --rounds 5"

The source is a folder on disk, so no platform takes part; the workers stand, as in a cluster, and Prefect's own start
and theirs are not in the times. Each run has a workspace of its own. The three take turns in each round, and medians of
the rounds are compared. `of it` is what is left beside the steps that are shared out: plan, survey, package, deliver.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.measuring import Tree

WIDTH, HEIGHT, POINTS, PER_ENTRY = 1920, 1080, 24, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=400, help=f"of {PER_ENTRY} outlines each")
    parser.add_argument("--shard-entries", type=int, default=20)
    parser.add_argument("--as", dest="format", default="masks")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures there")
    arguments = parser.parse_args()
    from flows.settings import prepare  # noqa: PLC0415 - before Prefect

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(f"{name}/workspace")
        _write_dataset(folder / "dataset", arguments.entries)
        rounds = _measure(folder, arguments)
    medians = {
        runner: {step: statistics.median(one[step] for one in made) for step in made[0]}
        for runner, made in rounds.items()
    }
    _print(arguments, medians)
    if arguments.json:
        arguments.json.write_text(json.dumps({"medians": medians, "rounds": rounds}, indent=2))


def _measure(folder: Path, arguments: argparse.Namespace) -> dict[str, list[dict[str, float]]]:
    from distributed import LocalCluster  # noqa: PLC0415 - Prefect is prepared before
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings  # noqa: PLC0415
    from prefect.testing.utilities import prefect_test_harness  # noqa: PLC0415

    silent: Any = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
    ours: dict[str, Any] = {"threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    with (
        prefect_test_harness(server_startup_timeout=120),
        temporary_settings(silent),
        LocalCluster(n_workers=1, **ours) as one,
        LocalCluster(n_workers=2, **ours) as two,
    ):
        runners = {
            "threads": "threads",
            "one worker": f"dask={one.scheduler_address}",
            "two workers": f"dask={two.scheduler_address}",
        }
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in runners}
        for number in range(-1, arguments.rounds):  # the first is to load what is loaded once
            for name, runner in runners.items():
                figures = _export(folder, f"{name} {number}", runner, arguments)
                if number >= 0:
                    rounds[name].append(figures)
                    print(f"{name:<12} {figures['seconds']:.1f} s", file=sys.stderr, flush=True)
    return rounds


def _export(folder: Path, name: str, runner: str, arguments: argparse.Namespace) -> dict[str, float]:
    from blocks.folder import FolderSource  # noqa: PLC0415
    from blocks.target import Target  # noqa: PLC0415
    from blocks.workspace import Workspace  # noqa: PLC0415
    from flows.export import export  # noqa: PLC0415

    with Tree(os.getpid()).watched() as tree:
        began = time.perf_counter()
        summary = export(
            source=FolderSource(url=str(folder / "dataset")),
            target=Target(url=str(folder / "out" / name)),
            workspace=Workspace(url=str(folder / "work" / name)),
            exporter=arguments.format,
            media="none",
            report=False,
            shard_entries=arguments.shard_entries,
            runner=runner,
        )
        seconds = time.perf_counter() - began
    shared = summary.seconds["fetch"] + summary.seconds["transform"]
    peaks = {f"MB {kind}": peak for kind, peak in tree.peaks.items()}
    return {"seconds": seconds, **summary.seconds, "rest": seconds - shared, **peaks}


def _write_dataset(folder: Path, entries: int) -> None:
    """COCO without its pictures."""
    folder.mkdir()
    images = [
        {"id": number, "file_name": f"{number:06}.jpg", "width": WIDTH, "height": HEIGHT}
        for number in range(1, entries + 1)
    ]
    annotations = [_outline(number, entries) for number in range(entries * PER_ENTRY)]
    categories = [{"id": number, "name": f"class {number}"} for number in range(1, 11)]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "instances.json").write_text(json.dumps(document))


def _outline(number: int, entries: int) -> dict[str, Any]:
    x, y, radius = number * 37 % 1500 + 200, number * 91 % 700 + 190, 60 + number % 120
    turns = [2 * math.pi * point / POINTS for point in range(POINTS)]
    reach = [radius * (1 + 0.2 * math.sin(5 * turn + number)) for turn in turns]
    points = [
        value
        for turn, far in zip(turns, reach, strict=True)
        for value in (round(x + far * math.cos(turn), 2), round(y + far * math.sin(turn), 2))
    ]
    return {
        "id": number + 1, "image_id": number % entries + 1, "category_id": number % 10 + 1, "iscrowd": 0,
        "segmentation": [points], "bbox": [x - radius, y - radius, 2 * radius, 2 * radius], "area": radius * radius * 3,
    }  # fmt: skip


def _print(arguments: argparse.Namespace, medians: dict[str, dict[str, float]]) -> None:
    print(f"{arguments.entries:,} entries of {PER_ENTRY} outlines as {arguments.format}, {arguments.rounds} rounds")
    print(f"{'':<14}{'wall s':>8}{'fetch s':>9}{'transform s':>13}{'of it':>8}{'one / this':>12}")
    one = medians["one worker"]["seconds"]
    for name, figures in medians.items():
        print(
            f"{name:<14}{figures['seconds']:>8.1f}{figures['fetch']:>9.1f}{figures['transform']:>13.1f}"
            f"{figures['rest']:>8.1f}{one / figures['seconds']:>12.2f}"
        )
