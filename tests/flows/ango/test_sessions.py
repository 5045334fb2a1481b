"""The book of accepted sessions: what a killed service finds in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exporters import RequestError
from flows.ango.sessions import Answer, open_sessions

KEY = "3f2b9c1e-key-of-a-user"
EVENT: dict[str, Any] = {"session": "s1", "projectId": "p1", "apiKey": KEY}
ANSWER = Answer((("ERROR", "why"),), {"error": True, "session": "s1"})


def test_a_session_is_accepted_once(tmp_path: Path) -> None:
    """Also after it is over, and by the next process."""
    with open_sessions(tmp_path, "plugin", "secret") as sessions:
        assert sessions.accept(EVENT)
        assert not sessions.accept(EVENT)
        sessions.close("s1")
    with open_sessions(tmp_path, "plugin", "secret") as sessions:
        assert not sessions.accept(EVENT)
        assert sessions.unfinished() == []


def test_what_was_not_answered_is_found_again(tmp_path: Path) -> None:
    """In the order of acceptance, with the event as it came, and with the answer where there is one."""
    with open_sessions(tmp_path, "plugin", "secret") as sessions:
        for session in ("s2", "s1", "s3"):
            sessions.accept({**EVENT, "session": session})
        sessions.settle("s1", ANSWER)
        sessions.close("s3")
    with open_sessions(tmp_path, "plugin", "secret") as sessions:
        found = sessions.unfinished()
        assert [(one.event["session"], one.answer) for one in found] == [("s2", None), ("s1", ANSWER)]
        assert found[0].event == {**EVENT, "session": "s2"}
        assert [sessions.begin("s2") for _ in range(3)] == [1, 2, 3]


def test_no_key_lies_open(tmp_path: Path) -> None:
    """Nobody reads a user's key, nor a signed link, off the disk: neither while a session lasts nor afterwards."""
    with open_sessions(tmp_path, "plugin", "secret") as sessions:
        sessions.accept(EVENT)
        sessions.settle("s1", Answer((), {"export": True, "response": "https://signed", "session": "s1"}))
        lying = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert b"s1" in lying
        assert KEY.encode() not in lying
        assert b"https://signed" not in lying
        sealed = sessions.unfinished()
        sessions.close("s1")
    assert sealed
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.glob("*.sqlite"))


def test_another_secret_opens_nothing(tmp_path: Path) -> None:
    """A plug-in that got a new secret begins anew; sessions of the old one cannot be read, and do not stop it."""
    with open_sessions(tmp_path, "plugin", "secret") as sessions:
        sessions.accept(EVENT)
    with open_sessions(tmp_path, "plugin", "another") as sessions:
        assert sessions.unfinished() == []


def test_a_plugin_is_served_by_one_process(tmp_path: Path) -> None:
    """A second one would answer the same sessions; another plug-in has another book."""
    with (
        open_sessions(tmp_path, "plugin", "secret"),
        open_sessions(tmp_path, "other", "secret"),
        pytest.raises(RequestError, match=r"served from .* already"),
        open_sessions(tmp_path, "plugin", "secret"),
    ):
        pass
