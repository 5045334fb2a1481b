"""Two runs of one export at once: one works, the other waits for it, or refuses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from blocks.catalog import find_source
from blocks.lease import exclusive, leases
from blocks.sandbox.faults import Fault
from blocks.target import Target
from blocks.workspace import Workspace
from exporters.errors import BusyError
from flows.lease import _key, alone
from flows.request import Request
from tests.flows.harness import Exports, Platform, Run, command_line
from tests.flows.recovery import Job, running


@pytest.fixture
def job(prefect_api: None, platform: Platform, tmp_path: Path) -> Job:
    from prefect.settings import PREFECT_API_URL  # noqa: PLC0415 - of the API that was started for the tests

    api = str(PREFECT_API_URL.value())
    return Job(platform.source.url, str(tmp_path / "out"), str(tmp_path / "workspace"), prefect_api=api)


@pytest.fixture
def outhaul(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], platform: Platform, prefect_api: None
) -> Iterator[Run]:
    """Calls `outhaul export` in this process; returns status, standard output, standard error."""
    with command_line(monkeypatch, capsys) as run:
        yield partial(run, "export", f"idah+{platform.source.url}")


def test_of_two_runs_one_works(job: Job, platform: Platform) -> None:
    """The other one waits, says so, and finds the export delivered: no file is fetched twice. A third one refuses."""
    fault = Fault(r"medias/files/", kind="slow", times=None, drip_bytes=400, drip_seconds=0.2)
    platform.sandbox.faults.append(fault)
    with running(job) as first:
        first.wait_for("media")
        with running(job) as second:
            second.wait_for("said")
            with running(replace(job, parameters={"if_running": "refuse"})) as third:
                word, what = third.end()
            assert word == "failed"
            assert f"in use by another run of this export, process {first.process.pid} on " in what
            platform.sandbox.faults.clear()
            delivered, waited = first.end(), second.end()
    assert delivered == waited
    assert delivered[0] == "delivered"
    assert platform.sandbox.requests["media/medias/files"] == 24
    assert leases(Workspace(url=job.workspace).open()) == []


def test_another_export_need_not_wait(job: Job, platform: Platform) -> None:
    """Other targets, formats and filters are other exports."""
    platform.sandbox.faults.append(Fault(r"medias/files/", kind="stall", times=None, after=3))
    with running(job) as first:
        first.wait_for("media")
        with running(replace(job, parameters={"media": "none", "if_running": "refuse"})) as second:
            assert second.end()[0] == "delivered"
        assert len(leases(Workspace(url=job.workspace).open())) == 1


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({"shard_entries": 7}, True),
        ({"full": True}, True),
        ({"exporter": "json"}, False),
        ({"where": ("status=completed",)}, False),
        ({"options": {"x": 1}}, False),
        ({"name": "n"}, False),
    ],
    ids=str,
)
def test_what_tells_exports_apart(tmp_path: Path, changes: dict[str, Any], is_same: bool) -> None:
    """How an export is made does not make it another one; what it is made of, and as what, does."""
    source, target = find_source(f"folder:{tmp_path}"), Target(url=str(tmp_path / "out"))
    one, other = Request(), Request(**changes)
    assert (_key(one, source, target) == _key(other, source, target)) is is_same
    assert _key(one, source, Target(url=str(tmp_path / "elsewhere"))) != _key(one, source, target)


def test_runs_that_share_a_target(tmp_path: Path) -> None:
    """One export to two targets and to one of them is at work in the same place, so one of both works."""
    source, workspace = find_source(f"folder:{tmp_path}"), Workspace(url=str(tmp_path / "workspace"))
    first, second, third = (Target(url=str(tmp_path / name)) for name in ("one", "two", "three"))
    with alone(Request(), source, [first, second], workspace, "refuse"):
        for one in (first, second):
            with pytest.raises(BusyError), alone(Request(), source, [third, one], workspace, "refuse"):
                pass
        with alone(Request(), source, [third], workspace, "refuse"):
            pass
    assert leases(workspace.open()) == []


def test_a_refusal_is_one_line_and_status_2(outhaul: Run, tmp_path: Path) -> None:
    """Nothing was fetched, so it is the request that cannot be carried out now."""
    places = ("--to", str(tmp_path / "out"), "--workspace", str(tmp_path / "workspace"))
    with exclusive(Workspace(url=str(tmp_path / "workspace")).open()):
        status, output, errors = outhaul(*places, "--if-running", "refuse")
    assert (status, output) == (2, "")
    (said,) = [line for line in errors.splitlines() if "The format coco cannot hold" not in line]
    assert said.startswith(f"outhaul: The workspace {tmp_path / 'workspace'} is in use by a clean-up, process ")
    assert not list((tmp_path / "out").rglob("*"))


def test_waiting_is_said_once_on_standard_error(outhaul: Run, exports: Exports, tmp_path: Path) -> None:
    """With whom it waits for; then it goes on by itself."""
    entered, end = threading.Event(), threading.Event()

    def clean_up() -> None:
        with exclusive(Workspace(url=str(tmp_path / "workspace")).open()):
            entered.set()
            end.wait(3)

    thread = threading.Thread(target=clean_up)
    thread.start()
    entered.wait()
    status, output, errors = outhaul("--to", str(tmp_path / "out"), "--workspace", str(tmp_path / "workspace"))
    thread.join()
    assert status == 0
    assert output.startswith("Exported ")
    assert errors.splitlines() == [line for line in errors.splitlines() if line.startswith("outhaul: ")]
    assert sum("Waiting for a clean-up, at work in process" in line for line in errors.splitlines()) == 1
