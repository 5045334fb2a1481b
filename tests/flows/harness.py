"""One way to run an export in a test: the real flow, a sandbox platform over HTTP, a workspace of its own."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import Artifact, TaskRun
from prefect.client.schemas.sorting import ArtifactSort, FlowRunSort

from blocks.idah import IdahSource
from blocks.sandbox.idah import DEMO_API_KEY, IdahSandbox
from blocks.target import Target
from blocks.workspace import Workspace
from exporters import registry
from flows.cli import main
from flows.delivered import Summary
from flows.export import export

Run = Callable[..., tuple[int, str, str]]
"""Calls the command line; returns status, standard output, standard error."""


@contextmanager
def command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], api_key: str = DEMO_API_KEY
) -> Iterator[Run]:
    """Calls `outhaul` in this process, each time as one that knows nothing of former calls."""
    for name, value in dict(os.environ).items():  # what the command sets must not reach other tests
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OUTHAUL_API_KEY", api_key)

    def run(*arguments: str) -> tuple[int, str, str]:
        registry.reload()
        with pytest.raises(SystemExit) as stopped:
            main(list(arguments))
        captured = capsys.readouterr()
        return int(stopped.value.code or 0), captured.out, captured.err

    yield run
    monkeypatch.undo()
    registry.reload()


def of_the_tests(folder: Path) -> dict[str, str]:
    """What a process needs to use the Prefect API of the tests, and a workspace in this folder."""
    from prefect.settings import PREFECT_API_URL  # noqa: PLC0415 - it is another one while tests run

    return {
        **os.environ,
        "PREFECT_API_URL": str(PREFECT_API_URL.value()),
        "OUTHAUL_WORKSPACE": str(folder / "workspace"),
    }


def newest_artifacts() -> list[Artifact]:
    """Those of the last runs, the newest first: tests share one API, which keeps those of all."""
    with get_client(sync_client=True) as client:
        return client.read_artifacts(sort=ArtifactSort.CREATED_DESC, limit=20)


def newest_tasks(count: int) -> list[TaskRun]:
    """The tasks of the newest run of a flow, once the API has heard that so many have ended; or what it has by then."""
    with get_client(sync_client=True) as client:
        (run,) = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)
        only = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
        for _ in range(200):
            tasks = client.read_task_runs(flow_run_filter=only, limit=200)
            if sum(task.state_name == "Completed" for task in tasks) >= count:
                break
            time.sleep(0.1)
        return tasks


@dataclass
class Platform:
    """A sandbox, and the source block that reads it."""

    sandbox: IdahSandbox
    source: IdahSource


@dataclass
class Exports:
    """Runs exports; everything lies below `folder`."""

    folder: Path

    def run(self, source: Any, to: str = "out", workspace: str = "workspace", **parameters: Any) -> Summary:
        url = to if "://" in to else str(self.folder / to)
        place = Workspace(url=workspace if "://" in workspace else str(self.folder / workspace))
        return export(source=source, target=Target(url=url), workspace=place, **{"exporter": "coco", **parameters})

    def delivered(self, to: str = "out") -> dict[str, bytes]:
        """Every delivered file by its path, but for what names the run and the hour."""
        top = self.folder / to
        files = {str(path.relative_to(top)): path.read_bytes() for path in sorted(top.rglob("*")) if path.is_file()}
        return {name: data for name, data in files.items() if Path(name).name not in ("receipt.json", "latest.json")}

    def manifest(self, summary: Summary) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((Path(summary.delivery.url) / "manifest.json").read_bytes())
        return loaded
