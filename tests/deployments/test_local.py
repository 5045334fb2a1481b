"""What processes that stay are given: a workspace that all runs find, and a memory that does not grow."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
import weakref
from pathlib import Path

import pytest

from deployments import long_running
from deployments.local import workspace_url
from exporters.errors import RequestError


class Cycle:
    def __init__(self) -> None:
        self.itself = self


@pytest.mark.parametrize(
    ("given", "url"), [("work", "{here}/work"), ("/data/w", "/data/w"), ("s3://b/w", "s3://b/w"), ("", "{here}/mine")]
)
def test_the_workspace_is_the_same_for_every_run(
    given: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path is one from where `outhaul serve` was called, since each run stands in a folder that goes with it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTHAUL_WORKSPACE", "mine")
    assert workspace_url(given) == url.format(here=tmp_path)


def test_a_saved_workspace_is_for_the_form() -> None:
    """A process that stays cannot hand a block to its runs."""
    with pytest.raises(RequestError, match="chosen in the form of a run; give --workspace a path or a URL"):
        workspace_url("block:big")


def test_garbage_is_collected_though_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left in a cycle of references goes after a while, also when Python would not look for it itself."""
    monkeypatch.setattr(long_running, "EVERY_SECONDS", 0.02)
    monkeypatch.setattr(long_running.runpy, "run_module", lambda *_args, **_names: None)
    monkeypatch.setattr(sys, "argv", ["-m", "version"])
    gc.disable()
    try:
        left = weakref.ref(Cycle())
        assert left() is not None
        long_running.main()
        until = time.monotonic() + 20
        while left() is not None:
            assert time.monotonic() < until
            time.sleep(0.02)
    finally:
        gc.enable()


def test_sqlite_holds_no_more_than_its_limit(tmp_path: Path) -> None:
    """However many connections a server has, each of which may hold 80 MB: read whole, a database of 45 MB comes to
    far less than the 180 MB of four copies.
    """
    said = subprocess.run(
        [sys.executable, "-c", READ_BY_FOUR, str(tmp_path / "prefect.db")], capture_output=True, text=True, check=True
    )  # fmt: skip
    assert int(said.stdout) < 60_000_000


READ_BY_FOUR = """
import runpy, sqlite3, sys
from unittest import mock
import psutil
from deployments import long_running

with mock.patch.object(long_running.runpy, "run_module"):
    long_running.main()
with sqlite3.connect(sys.argv[1]) as database:
    database.execute("CREATE TABLE kept (row BLOB)")
    database.executemany("INSERT INTO kept VALUES (?)", ((bytes(900),) for _ in range(45_000)))
database.close()
before = psutil.Process().memory_info().rss
connections = [sqlite3.connect(sys.argv[1]) for _ in range(4)]
for connection in connections:
    connection.execute("PRAGMA cache_size = 20000")
    connection.execute("SELECT sum(length(row)) FROM kept").fetchone()
print(psutil.Process().memory_info().rss - before)
"""


def test_it_is_prefects_own_command_line() -> None:
    """Whatever `prefect` takes, it takes."""
    said = subprocess.run(
        [sys.executable, "-m", "deployments.long_running", "worker", "start", "--help"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "prefect worker start [OPTIONS]" in said.stdout
