"""A large project through the Ango Hub plug-in: memory of every process, heartbeats meanwhile, files left behind.

    python -m tests.benchmarks ango                   # 100,000 tasks of 8 kB, as COCO and by a callback
    python -m tests.benchmarks ango --tasks 10000     # less patience

The hub runs in a process of its own, and people press Run in it: first on the exporter, then on a script's callback.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from blocks.sandbox.ango import DEMO_PLUGIN_ID, DEMO_PLUGIN_SECRET, AngoSandbox
from tests.benchmarks.measuring import Tree

OUTHAUL = str(Path(sys.executable).with_name("outhaul"))
CALLBACK = """
import json, os
from io import BytesIO
from flows.ango import ExportPlugin, ExportResponse, run

def callback(data):
    tools = sum(len(row["task"]["tools"]) for row in data["jsonExport"])
    return ExportResponse(BytesIO(json.dumps({"rows": data["numTasks"], "tools": tools}).encode()), "counted.json")

if __name__ == "__main__":
    run(ExportPlugin(os.environ["OUTHAUL_ANGO_PLUGIN_ID"], os.environ["OUTHAUL_ANGO_PLUGIN_SECRET"], callback),
        host=os.environ["HOST"])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--row-bytes", type=int, default=8000)
    parser.add_argument("--only", choices=("coco", "callback"), help="one of the two runs")
    arguments = parser.parse_args()
    here, there = multiprocessing.Pipe()
    hub = multiprocessing.get_context("spawn").Process(
        target=_hub, args=(there, arguments.tasks, arguments.row_bytes), daemon=True
    )
    hub.start()
    try:
        _measure(here.recv(), here, arguments.only)
    finally:
        hub.kill()


def _measure(url: str, hub: Connection, only: str | None) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "plugin.py").write_text(CALLBACK)
        commands = {
            "coco": [OUTHAUL, "ango-plugin", "--exporter", "coco", "--host", url],
            "callback": [sys.executable, str(folder / "plugin.py")],
        }
        print(f"{'':<10}{'seconds':>9}{'answers':>9}{'heartbeat s':>13}{'left':>6}   peak MB of each process")
        for case in [only] if only else commands:
            temporary = folder / f"{case}-temporary"
            temporary.mkdir()
            with _serving(commands[case], url, folder, temporary) as tree:
                hub.send(case)
                found = hub.recv()
            left = sum(1 for path in temporary.rglob("*") if path.is_file())
            peaks = ", ".join(f"{label} {size:.0f}" for label, size in tree.peaks.items())
            print(
                f"{case:<10}{found['seconds']:>9.0f}{found['answers']:>9}{found['longest_silence']:>13.1f}{left:>6}"
                f"   {peaks}\n           {found['said']}",
                flush=True,
            )


@contextmanager
def _serving(command: list[str], url: str, folder: Path, temporary: Path) -> Iterator[Tree]:
    environment = {
        "OUTHAUL_ANGO_PLUGIN_ID": DEMO_PLUGIN_ID,
        "OUTHAUL_ANGO_PLUGIN_SECRET": DEMO_PLUGIN_SECRET,
        "OUTHAUL_WORKSPACE": str(folder / "workspace"),
        "PREFECT_HOME": str(folder / "prefect"),
        "HOST": url,
        "TMPDIR": str(temporary),
    }
    process = subprocess.Popen(command, env={**os.environ, **environment}, cwd=folder, stderr=subprocess.DEVNULL)
    try:
        with Tree(process.pid).watched() as tree:
            yield tree
    finally:
        process.terminate()
        process.wait()


def _hub(pipe: Connection, tasks: int, row_bytes: int) -> None:
    sandbox = AngoSandbox(tasks, row_bytes=row_bytes, video_tasks=0, document_tasks=0)
    with sandbox.serve() as url:
        pipe.send(url)
        while True:
            pipe.send(_one_run(sandbox, pipe.recv()))


def _one_run(sandbox: AngoSandbox, case: str) -> dict[str, Any]:
    hub = sandbox.hub
    hub.wait_green(300)
    began = time.monotonic()
    hub.heartbeats.clear()
    options = '{"media": "none"}' if case == "coco" else "{}"
    session = hub.wait(hub.run(sandbox.project().id, options, stage=[]), 3600)
    seconds = time.monotonic() - began
    time.sleep(2)  # whoever answers twice does so now
    beats = [began, *(moment for moment, _ in hub.heartbeats), began + seconds]
    return {
        "seconds": seconds,
        "answers": len(session.responses),
        "longest_silence": max(later - earlier for earlier, later in itertools.pairwise(beats)),
        "said": next((line["msg"] for line in session.logs[::-1] if "Exported" in line["msg"]), session.state),
    }


if __name__ == "__main__":
    main()
