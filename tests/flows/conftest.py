"""What the tests of the flow ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import Task
from pydantic import SecretStr

from blocks.idah import IdahSource
from blocks.sandbox.idah import DEMO_API_KEY, IdahSandbox
from exporters import registry
from tests.flows.contextual_jobs import Plugs
from tests.flows.harness import Exports, Platform, Run, command_line


@pytest.fixture
def exports(tmp_path: Path, prefect_api: None) -> Exports:
    return Exports(tmp_path)


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts the tasks that are submitted from here on, by their names."""
    counted: Counter[str] = Counter()
    submit = Task.submit

    def watched(task: Any, *inputs: Any, **named: Any) -> Any:
        counted[task.name] += 1
        return submit(task, *inputs, **named)

    monkeypatch.setattr(Task, "submit", watched)
    return counted


@pytest.fixture
def platform() -> Iterator[Platform]:
    """A platform of 24 entries with every kind of shape."""
    sandbox = IdahSandbox(entries=24, seed=7)
    with sandbox.serve() as url:
        yield Platform(sandbox, IdahSource(url=url, api_key=SecretStr(DEMO_API_KEY)))


@pytest.fixture
def plug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugs]:
    """A folder for plug-ins, which nothing is left of afterwards."""
    monkeypatch.setenv("OUTHAUL_PLUGINS", str(tmp_path / "plugins"))
    yield Plugs(tmp_path / "plugins")
    monkeypatch.undo()
    registry.reload()


@pytest.fixture
def outhaul(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], platform: Platform, tmp_path: Path
) -> Iterator[Run]:
    """Calls the command line in a folder of the test's own; returns status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    with command_line(monkeypatch, capsys) as run:
        yield run
