"""Every run ends in exactly one answer, whatever happens to it, to the connection or to the service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks import http
from blocks.sandbox.ango import DEMO_API_KEY, AngoSandbox
from blocks.sandbox.ango.hub import Hub, HubSession
from tests.flows.ango.serving import serving


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[AngoSandbox]:
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.02)
    sandbox = AngoSandbox(tasks=2)
    with sandbox.serve():
        yield sandbox


def press_run(hub: Hub, sandbox: AngoSandbox, **config: object) -> str:
    return hub.run(sandbox.project().id, json.dumps(config))


def texts(session: HubSession) -> list[str]:
    return [line["msg"] for line in session.logs]


def begun(folder: Path) -> list[str]:
    return (folder / "begun").read_text().split()


def test_a_run_is_answered_with_its_link(sandbox: AngoSandbox, tmp_path: Path) -> None:
    """Its lines come before, in order, with whose they are and what they say beside their text."""
    hub = sandbox.hub
    with serving(sandbox, tmp_path):
        hub.wait_green()
        session = hub.wait(press_run(hub, sandbox, say=["one", "two"]))
    assert session.responses == [{"export": True, "response": f"https://hub/{session.id}", "session": session.id}]
    assert texts(session) == ["one", "two", "The export has been uploaded."]
    assert session.logs[0]["session"] == session.id
    assert (session.logs[0]["level"], session.logs[0]["step"]) == ("INFO", 1)


@pytest.mark.parametrize(
    ("config", "said"),
    [({"fail": "The bucket is gone."}, "The bucket is gone."), ({"die": True}, "ended its own process with status 9")],
)
def test_a_run_that_fails_is_answered_with_its_reason(
    sandbox: AngoSandbox, tmp_path: Path, config: dict[str, object], said: str
) -> None:
    """Whether it says so itself or dies."""
    hub = sandbox.hub
    with serving(sandbox, tmp_path):
        hub.wait_green()
        session = hub.wait(press_run(hub, sandbox, **config))
    assert session.responses == [{"error": True, "session": session.id}]
    assert session.logs[-1]["level"] == "ERROR"
    assert said in texts(session)[-1]


def test_a_run_that_hangs_is_stopped(sandbox: AngoSandbox, tmp_path: Path) -> None:
    """After its time limit."""
    hub = sandbox.hub
    with serving(sandbox, tmp_path, time_limit=0.5):
        hub.wait_green()
        session = hub.wait(press_run(hub, sandbox, until=str(tmp_path / "never")))
    assert session.responses == [{"error": True, "session": session.id}]
    assert "still running after 0.5 seconds" in texts(session)[-1]


@pytest.mark.parametrize("config", [None, "", "[1]", "{"])
def test_a_configuration_that_makes_no_sense_is_answered(
    sandbox: AngoSandbox, tmp_path: Path, config: str | None
) -> None:
    """At once, without waiting for its turn."""
    hub = sandbox.hub
    with serving(sandbox, tmp_path):
        hub.wait_green()
        session = hub.wait(hub.run(sandbox.project().id, config))
    assert session.responses == [{"error": True, "session": session.id}]
    assert "configuration of this run" in texts(session)[-1]


def test_a_session_that_comes_again_is_answered_once(sandbox: AngoSandbox, tmp_path: Path) -> None:
    """While it runs, after it is over, and after the service was started again."""
    hub, gate = sandbox.hub, tmp_path / "gate"
    with serving(sandbox, tmp_path):
        hub.wait_green()
        first = press_run(hub, sandbox, until=str(gate))
        config = json.dumps({"until": str(gate)})
        hub.run(sandbox.project().id, config, session=first)
        gate.touch()
        hub.wait(first)
        hub.run(sandbox.project().id, config, session=first)
        hub.wait(press_run(hub, sandbox))
    with serving(sandbox, tmp_path):
        hub.wait_green()
        hub.run(sandbox.project().id, config, session=first)
        hub.wait(press_run(hub, sandbox))
    assert len(hub.sessions[first].responses) == 1
    assert begun(tmp_path).count(first) == 1


def test_an_answer_is_not_lost_with_its_connection(sandbox: AngoSandbox, tmp_path: Path) -> None:
    """A connection that breaks while a run lasts, stays away, and breaks again under the answer itself."""
    hub, gate = sandbox.hub, tmp_path / "gate"
    with serving(sandbox, tmp_path):
        hub.wait_green()
        session = press_run(hub, sandbox, until=str(gate), say=["before"])
        hub.wait_for(lambda: bool(hub.sessions[session].logs))
        hub.go_away(1.0)
        hub.lose_responses(1)
        gate.touch()
        answered = hub.wait(session)
    assert len(answered.responses) == 1
    assert texts(answered)[-1] == "The export has been uploaded."


def test_a_service_that_was_stopped_goes_on(sandbox: AngoSandbox, tmp_path: Path) -> None:
    """What it had accepted is carried out by the next one, which says so."""
    hub, gate = sandbox.hub, tmp_path / "gate"
    with serving(sandbox, tmp_path):
        hub.wait_green()
        session = press_run(hub, sandbox, until=str(gate), say=["begun"])
        hub.wait_for(lambda: bool(hub.sessions[session].logs))
    assert not hub.sessions[session].responses
    gate.touch()
    with serving(sandbox, tmp_path):
        answered = hub.wait(session)
    assert answered.responses == [{"export": True, "response": f"https://hub/{session}", "session": session}]
    assert "The plug-in was restarted, and takes this run up again." in texts(answered)
    assert begun(tmp_path) == [session, session]


def test_a_run_that_ends_the_service_again_and_again_is_given_up(sandbox: AngoSandbox, tmp_path: Path) -> None:
    """After three attempts its user hears that."""
    hub = sandbox.hub
    with serving(sandbox, tmp_path):
        hub.wait_green()
        session = press_run(hub, sandbox, until=str(tmp_path / "never"))
        hub.wait_for((tmp_path / "begun").exists)
    for count in (2, 3):
        with serving(sandbox, tmp_path):
            hub.wait_for(lambda count=count: len(begun(tmp_path)) == count)  # type: ignore[misc]
    with serving(sandbox, tmp_path):
        answered = hub.wait(session)
    assert answered.responses == [{"error": True, "session": session}]
    assert "ended 3 times over this run" in texts(answered)[-1]


def test_the_key_of_a_user_is_in_no_line(sandbox: AngoSandbox, tmp_path: Path) -> None:
    """A run that prints it has it taken out on the way."""
    hub = sandbox.hub
    with serving(sandbox, tmp_path):
        hub.wait_green()
        session = hub.wait(press_run(hub, sandbox, say=["my key is KEY"]))
    assert texts(session)[0] == "my key is ..."
    assert DEMO_API_KEY not in json.dumps(session.logs)


def test_heartbeats_go_on_whatever_runs(sandbox: AngoSandbox, tmp_path: Path) -> None:
    """The hub hears one at once when the plug-in connects, and goes on to while runs are under way."""
    hub, gate = sandbox.hub, tmp_path / "gate"
    with serving(sandbox, tmp_path):
        hub.wait_green()
        session = press_run(hub, sandbox, until=str(gate))
        before = len(hub.heartbeats)
        hub.wait_for(lambda: len(hub.heartbeats) >= before + 3)
        gate.touch()
        hub.wait(session)


def test_a_hub_that_refuses_is_asked_again(sandbox: AngoSandbox, tmp_path: Path) -> None:
    """For ever, with longer and longer waits; a plug-in is started before its hub is up, too."""
    hub = sandbox.hub
    hub.refuse_connections(4)
    with serving(sandbox, tmp_path):
        hub.wait_green()
        assert hub.wait(press_run(hub, sandbox)).state == "done"
