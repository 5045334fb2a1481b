"""The second export of a dataset, and the third: what they cost of the first one's time, requests and bytes.

    python -m tests.benchmarks nightly                    # 20,000 entries with files of 200 kB, 20 ms a request
    python -m tests.benchmarks nightly --entries 4000     # less disk and patience

The platform runs in a process of its own and is told what to change: nothing; 1 % of the entries, one behind the other
as people work through a dataset; 1 % here and there; one deleted annotation and one deleted entry. Prefect's own start
is not in the times.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from blocks.sandbox.idah import DEMO_API_KEY, IdahSandbox

BOX = {"type": "idah-image::bbox", "data": {"x": 1, "y": 1, "width": 5, "height": 5}}
NIGHTS = ("first", "unchanged", "1% in a row", "1% here and there", "deleted")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--latency", type=float, default=0.02, help="seconds the platform waits before it answers")
    parser.add_argument("--media-bytes", type=int, default=200_000)
    parser.add_argument("--as", dest="format", default="coco")
    arguments = parser.parse_args()
    here, there = multiprocessing.Pipe()
    platform = multiprocessing.get_context("spawn").Process(
        target=_platform, args=(there, arguments.entries, arguments.latency, arguments.media_bytes), daemon=True
    )
    platform.start()
    try:
        _nights(here.recv(), here, arguments.format)
    finally:
        platform.kill()


def _nights(url: str, platform: Connection, exporter: str) -> None:
    from flows.settings import prepare  # noqa: PLC0415 - before Prefect

    with tempfile.TemporaryDirectory() as name:
        prepare(f"{name}/workspace")
        from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings  # noqa: PLC0415
        from prefect.testing.utilities import prefect_test_harness  # noqa: PLC0415

        # A local run sends no heartbeats: see flows.settings.
        silent: Any = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
        with prefect_test_harness(server_startup_timeout=120), temporary_settings(silent):
            heads = ("wall s", "of first", "requests", "MB", "of first", "fresh", "sent")
            print(f"{'':<20}" + "".join(f"{one:>10}" for one in heads))
            whole: tuple[float, float] | None = None
            for night in NIGHTS:
                platform.send(night)
                before, bytes_before = platform.recv(), _received()
                began = time.perf_counter()
                summary = _export(url, Path(name), exporter)
                seconds, size = time.perf_counter() - began, (_received() - bytes_before) / 1e6
                platform.send("")
                requests = sum((Counter(platform.recv()) - Counter(before)).values())
                whole = whole or (seconds, size)
                print(
                    f"{night:<20}{seconds:>10.1f}{seconds / whole[0]:>10.1%}{requests:>10,}{size:>10,.1f}"
                    f"{size / whole[1]:>10.1%}{summary.plan.fresh:>10,}{summary.delivery.moved_files:>10,}",
                    flush=True,
                )


def _export(url: str, folder: Path, exporter: str) -> Any:
    from pydantic import SecretStr  # noqa: PLC0415

    from blocks.idah import IdahSource  # noqa: PLC0415
    from blocks.target import Target  # noqa: PLC0415
    from blocks.workspace import Workspace  # noqa: PLC0415
    from flows.export import export  # noqa: PLC0415

    return export(
        source=IdahSource(url=url, api_key=SecretStr(DEMO_API_KEY)),
        target=Target(url=str(folder / "out")),
        workspace=Workspace(url=str(folder / "workspace")),
        exporter=exporter,
        package="directory",
    )


def _received() -> int:
    """Bytes that have come over this machine's own interface: ours, and what little Prefect says to itself."""
    lines = Path("/proc/net/dev").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.strip().startswith("lo:"))


def _platform(pipe: Connection, entries: int, latency: float, media_bytes: int) -> None:
    sandbox = IdahSandbox(entries=entries, latency_seconds=latency, media_bytes=media_bytes)
    with sandbox.serve() as url:
        pipe.send(url)
        while True:
            _change(sandbox, pipe.recv())
            pipe.send(dict(sandbox.requests))


def _change(sandbox: IdahSandbox, what: str) -> None:
    store = sandbox.store
    entries = list(store.entries_of(store.datasets[0].id))
    share = max(len(entries) // 100, 1)
    match what:
        case "1% in a row":
            changed = entries[len(entries) // 2 :][:share]
        case "1% here and there":
            changed = random.Random(1).sample(entries, share)
        case "deleted":
            with_some = next(entry for entry in entries[len(entries) // 3 :] if store.annotations_of(entry.id))
            store.delete_annotation(store.annotations_of(with_some.id)[0].id)
            store.delete_entry(entries[5].id)
            return
        case _:
            return
    for entry in changed:
        for annotation in list(store.annotations_of(entry.id))[:1]:
            store.change_annotation(annotation.id, dimensions=BOX)
