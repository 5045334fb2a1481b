"""The sessions of a plug-in's runs, and what was sent for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass
class HubSession:
    """One run of the plug-in, as the hub's page shows it."""

    id: str
    event: dict[str, Any]
    logs: list[dict[str, Any]] = field(default_factory=list)
    responses: list[dict[str, Any]] = field(default_factory=list)
    rest_status: int | None = None
    """Of the request by which a plug-in in REST mode was called, once it is over; 0 where nobody answered."""

    @property
    def state(self) -> Literal["running", "done", "error"]:
        if not self.responses:
            return "running"
        return "error" if self.responses[0].get("error") else "done"


class HubSessions:
    """``strays`` and ``stray_logs`` are what came for no session. May be used from several threads."""

    def __init__(self) -> None:
        self.sessions: dict[str, HubSession] = {}
        self.strays: list[Any] = []
        self.stray_logs: list[Any] = []
        self._changed = threading.Condition()

    def wait(self, session: str, timeout: float = 60.0) -> HubSession:
        """The session, once it has a response. Raises TimeoutError."""
        self.wait_for(lambda: bool(self.sessions[session].responses), timeout)
        return self.sessions[session]

    def wait_for(self, condition: Callable[[], bool], timeout: float = 60.0) -> None:
        """Raises TimeoutError."""
        until = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > until:
                raise TimeoutError(f"The hub waited {timeout:g} seconds in vain.")
            with self._changed:
                self._changed.wait(0.05)

    def _take_log(self, document: Any) -> None:
        with self._changed:
            session = self._session_of(document)
            (session.logs if session else self.stray_logs).append(document)
            self._changed.notify_all()

    def _take_response(self, document: Any) -> None:
        with self._changed:
            session = self._session_of(document)
            (session.responses if session else self.strays).append(document)
            self._changed.notify_all()

    def _session_of(self, document: Any) -> HubSession | None:
        return self.sessions.get(str(document.get("session"))) if isinstance(document, dict) else None
