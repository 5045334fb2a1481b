"""One export in a process of its own; writes its seconds and CPU seconds without those of loading.

    python -m tests.benchmarks.whole_case CASE URL PLACE WORKSPACE REQUEST FILE

CASE is `floor`, or `download`, which is its files alone; or `outhaul`, or `again`, which is the same on the workspace
that the one before has left, or `steps`, which is the same without Prefect's engine, and tells what each step took.
REQUEST is what is asked for, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FILES_AT_ONCE = 64
"""Connections to the platform, of each."""


def floor(url: str, place: str, *, only_files: bool) -> Callable[[], Any]:
    from tests.benchmarks.floor import download, export  # noqa: PLC0415 - each case loads what it needs

    key = os.environ["OUTHAUL_API_KEY"]
    return lambda: download(url, key, FILES_AT_ONCE) if only_files else export(url, key, place, FILES_AT_ONCE)


def ours(url: str, place: str, workspace: str, asked: str, *, has_engine: bool) -> Callable[[], Any]:
    """The flow as a deployment runs it; or each task of it carried out where it is called, and nobody told."""
    from flows.settings import prepare  # noqa: PLC0415 - before Prefect

    prepare(workspace)
    from pydantic import SecretStr  # noqa: PLC0415

    from blocks.catalog import find_target, find_workspace  # noqa: PLC0415
    from blocks.idah import IdahSource  # noqa: PLC0415
    from flows.commands import run  # noqa: PLC0415
    from flows.request import Request  # noqa: PLC0415

    source = IdahSource(url=url, api_key=SecretStr(os.environ["OUTHAUL_API_KEY"]), connections=FILES_AT_ONCE)
    target, request = find_target(place), Request.model_validate_json(asked)
    if not has_engine:
        from tests.faults.steps import Asked, run_in_steps  # noqa: PLC0415

        return lambda: run_in_steps(Asked(source, target, workspace, request.parameters()))
    return lambda: run(request, source, [target], find_workspace(workspace), wants_bars=False)


def _cpu() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def main() -> None:
    case, url, place, workspace, asked, said = sys.argv[1:]
    if case in ("floor", "download"):
        work = floor(url, place, only_files=case == "download")
    else:
        work = ours(url, place, workspace, asked, has_engine=case != "steps")
    cpu, begun = _cpu(), time.perf_counter()
    made = work()
    found = {"work_seconds": time.perf_counter() - begun, "work_cpu_seconds": _cpu() - cpu}
    if case == "steps":
        found |= {f"{step}_seconds": seconds for step, seconds in made.seconds.items()}
    Path(said).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
