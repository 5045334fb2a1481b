"""What a plug-in needs of the hub, however they are connected: runs come in, log lines and one answer each go out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

Event = Mapping[str, Any]
"""What the hub sends when somebody presses Run."""
Take = Callable[[dict[str, Any]], asyncio.Task[None]]
"""Takes an event; the task is done when its session is over, and outlives the connection that it came in on."""


class Caller(NamedTuple):
    """Whom a session belongs to, as its log lines say, and the key of the user who pressed Run."""

    session: str
    organization: str
    run_by: str
    api_key: str

    def __repr__(self) -> str:
        return f"Caller({self.session!r})"

    @classmethod
    def of(cls, event: Event) -> Caller:
        named = (event.get(key) for key in ("session", "orgId", "runBy", "apiKey"))
        return cls(*(value if isinstance(value, str) else "" for value in named))


class Line(NamedTuple):
    """A log line, which the user sees in the session's panel. `level` is a name, as in `logging`."""

    level: str
    text: str
    extra: Mapping[str, Any] = {}


class Door(Protocol):
    async def serve(self, take: Take) -> None:
        """Take what comes in, for ever."""

    def log(self, caller: Caller, line: Line) -> None:
        """Send a log line, now or when there is a connection again."""

    async def answer(self, caller: Caller, lines: Sequence[Line], response: Mapping[str, Any]) -> None:
        """Send the last lines and the response; returns when the hub has them, as far as can be told."""


def log_document(caller: Caller, line: Line, plugin_id: str) -> dict[str, Any]:
    """A log line as the hub takes it."""
    return {
        **line.extra,
        "level": line.level,
        "organization": caller.organization,
        "pluginId": plugin_id,
        "runBy": caller.run_by,
        "session": caller.session,
        "msg": line.text,
    }


def succeeded(session: str, link: str) -> dict[str, Any]:
    return {"export": True, "response": link, "session": session}


def failed(session: str) -> dict[str, Any]:
    """Has no field for a reason: that goes to the log."""
    return {"error": True, "session": session}
