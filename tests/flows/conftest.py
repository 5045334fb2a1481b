"""What the tests of the flow ask for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks.idah import IdahSource
from blocks.sandbox.idah import DEMO_API_KEY, IdahSandbox
from exporters import registry
from flows.cli import main
from tests.flows.harness import Exports, Platform, Run


@pytest.fixture
def exports(tmp_path: Path, prefect_api: None) -> Exports:
    return Exports(tmp_path)


@pytest.fixture
def platform() -> Iterator[Platform]:
    """A platform of 24 entries with every kind of shape."""
    sandbox = IdahSandbox(entries=24, seed=7)
    with sandbox.serve() as url:
        yield Platform(sandbox, IdahSource(url=url, api_key=SecretStr(DEMO_API_KEY)))


@pytest.fixture
def outhaul(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], platform: Platform, tmp_path: Path
) -> Iterator[Run]:
    """Calls the command line in this process; returns status, standard output, standard error."""
    for name, value in dict(os.environ).items():  # what the command sets must not reach other tests
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OUTHAUL_API_KEY", DEMO_API_KEY)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(list(arguments))
        captured = capsys.readouterr()
        return int(stopped.value.code or 0), captured.out, captured.err

    yield run
    monkeypatch.undo()
    registry.reload()
