"""What `--dry-run` says an export costs is what it then costs, as far as it can be counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_RESULTS_LOCAL_STORAGE_PATH, temporary_settings

from blocks.sandbox.idah import IdahSandbox
from flows.cost import Size, cost_of
from tests.flows.harness import Platform, Run, newest_tasks

FILES = "media/medias/files"
TOLERANCE = 0.1


@pytest.mark.parametrize(
    ("entries", "given"),
    [
        (24, ["--no-report"]),
        (150, ["--shard-entries", "4"]),
        (1500, ["--shard-entries", "200", "--media", "none", "--as", "jsonl"]),
    ],
)
def test_it_costs_what_was_said(
    outhaul: Run, prefect_api: None, tmp_path: Path, entries: int, given: list[str]
) -> None:
    """At three sizes, files and task runs to the number, requests and objects within a tenth, bytes within a half."""
    sandbox = IdahSandbox(entries=entries, seed=7)
    workspace = tmp_path / "work"
    with (
        sandbox.serve() as url,
        temporary_settings({PREFECT_RESULTS_LOCAL_STORAGE_PATH: workspace / "results"}),
    ):
        command = ["export", f"idah+{url}", "--to", "out", "--workspace", str(workspace), *given, "--json"]
        status, said, _ = outhaul(*command, "--dry-run")
        cost: dict[str, Any] = json.loads(said)["cost"]
        sandbox.requests.clear()
        (workspace / "workspace.json").unlink()
        status, _, errors = outhaul(*command)
        assert status == 0, errors
    assert cost["task_runs"] == len(newest_tasks(cost["task_runs"]))
    assert cost["files"] == sandbox.requests[FILES]
    assert cost["requests"] == pytest.approx(sandbox.requests.total() - sandbox.requests[FILES], rel=TOLERANCE, abs=3)
    kept = [path for path in workspace.rglob("*") if path.is_file()]
    beside = sum(path.stat().st_size for path in kept if path.relative_to(workspace).parts[0] not in ("media", "parts"))
    assert cost["workspace_bytes"] == pytest.approx(beside, rel=0.5)
    objects = len(kept)
    assert cost["workspace_objects"] == pytest.approx(objects, rel=TOLERANCE, abs=3)


def test_a_second_run_costs_what_is_new(outhaul: Run, prefect_api: None, platform: Platform) -> None:
    """Of a run before, plan knows how many annotations there are, and that there is nothing to fetch."""
    command = ["export", f"idah+{platform.source.url}", "--to", "out", "--workspace", "work", "--json"]
    status, said, _ = outhaul(*command)
    counted = json.loads(said)["counts"]
    platform.sandbox.requests.clear()
    status, said, _ = outhaul(*command, "--dry-run")
    cost = json.loads(said)["cost"]
    assert status == 0
    assert (cost["files"], cost["annotations"]) == (0, counted["annotations"]["in"])
    assert cost["requests"] == pytest.approx(platform.sandbox.requests.total(), abs=2)


def test_cost_grows_with_the_export() -> None:
    """Task runs do not, once there are two dozen shards; objects do by shards and files, the memory by entries."""
    small, large = (cost_of(Size(entries=1000 * n, shards=[1000] * n, files=1000 * n)) for n in (100, 10_000))
    assert small.task_runs <= large.task_runs <= 100
    assert 90 < large.workspace_objects / small.workspace_objects <= 100
    assert large.task_megabytes == small.task_megabytes
    assert large.flow_megabytes < 2 * 10_000_000 * 64 // 1_000_000
