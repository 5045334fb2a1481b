"""The hub's door for plug-ins: Socket.IO or REST, the sessions of their runs, and what can go wrong between the two.

Tests live in another thread than the server; every method here may be called from any thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
import socketio
from aiohttp import web

from blocks.sandbox.ango.ids import long_id, uuid
from blocks.sandbox.ango.wire import success

NAMESPACE = "/plugin"
DEMO_PLUGIN_ID = long_id("plugin", "sandbox")
DEMO_PLUGIN_SECRET = uuid("plugin secret", "sandbox")
GREEN_SECONDS = 120.0
LEFT_OUT = object()
"""For `Hub.run`: the event has no such key."""


@dataclass
class HubSession:
    """One run of the plug-in, as the hub's page shows it."""

    id: str
    event: dict[str, Any]
    logs: list[dict[str, Any]] = field(default_factory=list)
    responses: list[dict[str, Any]] = field(default_factory=list)
    rest_status: int | None = None
    """Of the request by which a plug-in in REST mode was called, once it has been answered."""

    @property
    def state(self) -> Literal["running", "done", "error"]:
        if not self.responses:
            return "running"
        return "error" if self.responses[0].get("error") else "done"


class Hub:
    """``plugins`` are the secrets of those it knows; ``heartbeats`` when which one was heard, by `time.monotonic`."""

    def __init__(self) -> None:
        self.plugins = {DEMO_PLUGIN_ID: DEMO_PLUGIN_SECRET}
        self.rest_url = ""
        self.sessions: dict[str, HubSession] = {}
        self.strays: list[dict[str, Any]] = []
        self.heartbeats: list[tuple[float, str]] = []
        self.connections = 0
        self._known: dict[str, str] = {}  # by connection, the plug-in that it told us it is
        self._changed = threading.Condition()
        self._lost = {"response": 0, "log": 0}
        self._refused, self._away_until = 0, 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self._server = socketio.AsyncServer(
            async_mode="aiohttp", transports=["websocket"], cors_allowed_origins=[], ping_interval=5, ping_timeout=5
        )
        for event, handler in (
            ("connect", self._on_connect), ("disconnect", self._on_disconnect), ("heartbeat", self._on_heartbeat),
            ("log", self._on_log), ("response", self._on_response),
        ):  # fmt: skip
            self._server.on(event, handler, namespace=NAMESPACE)

    def attach(self, application: web.Application) -> None:
        """Serve as part of a web application."""

        async def begin(_: web.Application) -> None:
            self._loop = asyncio.get_running_loop()

        application.on_startup.append(begin)
        self._server.attach(application)
        application.router.add_post("/v2/pluginLog", self._post_log)
        application.router.add_post("/v2/pluginResponse", self._post_response)

    # -- what users do

    def run(
        self,
        project_id: str,
        config_json: Any = "{}",
        *,
        stage: list[str] | None = None,
        batches: list[str] | None = None,
        session: str | None = None,
        api_key: str | None = None,
        plugin_id: str = DEMO_PLUGIN_ID,
        **others: Any,
    ) -> str:
        """Press Run; returns the session. `LEFT_OUT` as configuration sends none; a session of before comes again."""
        from blocks.sandbox.ango.sandbox import DEMO_API_KEY  # noqa: PLC0415 - which knows this module

        session = session or uuid("session", len(self.sessions), time.monotonic_ns())
        event = {
            "projectId": project_id,
            "session": session,
            "apiKey": DEMO_API_KEY if api_key is None else api_key,
            "orgId": long_id("organization"),
            "runBy": long_id("user"),
            "stage": stage,
            "batches": batches,
            **({} if config_json is LEFT_OUT else {"configJSON": config_json}),
            **others,
        }
        with self._changed:
            self.sessions.setdefault(session, HubSession(session, event))
        self._in_loop(self._send(event, plugin_id))
        return session

    def is_green(self, plugin_id: str = DEMO_PLUGIN_ID, within_seconds: float = GREEN_SECONDS) -> bool:
        """Whether the plug-in was heard lately, and is connected."""
        heard = [moment for moment, one in self.heartbeats if one == plugin_id]
        return bool(heard) and time.monotonic() - heard[-1] < within_seconds and plugin_id in self._known.values()

    def wait_green(self, timeout: float = 30.0) -> None:
        self.wait_for(self.is_green, timeout)

    def wait(self, session: str, timeout: float = 60.0) -> HubSession:
        """The session, once it has a response."""
        self.wait_for(lambda: bool(self.sessions[session].responses), timeout)
        return self.sessions[session]

    def wait_for(self, condition: Callable[[], bool], timeout: float = 60.0) -> None:
        """Raises TimeoutError."""
        until = time.monotonic() + timeout
        while not condition():
            with self._changed:
                self._changed.wait(0.05)
            if time.monotonic() > until:
                raise TimeoutError(f"the hub waited {timeout:g} seconds in vain")

    async def poll(self) -> int:
        """Ask a plug-in in REST mode whether it lives; returns the status of its answer."""
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{self.rest_url}/heartbeat", headers=self._secret()) as sent,
        ):
            return sent.status

    # -- what goes wrong

    def drop(self) -> None:
        """End all connections now."""
        for connection in list(self._known):
            self._in_loop(self._server.disconnect(connection, namespace=NAMESPACE))

    def go_away(self, seconds: float) -> None:
        """End all connections, and refuse new ones for a while."""
        self._away_until = time.monotonic() + seconds
        self.drop()

    def refuse_connections(self, count: int) -> None:
        self._refused = count

    def lose_responses(self, count: int) -> None:
        """The next ones end their connection before they are taken down."""
        self._lost["response"] = count

    def lose_logs(self, count: int) -> None:
        self._lost["log"] = count

    # -- Socket.IO

    async def _on_connect(self, _connection: str, _environment: Any) -> bool:
        self.connections += 1
        if self._refused > 0 or time.monotonic() < self._away_until:
            self._refused -= 1
            return False
        return True

    async def _on_disconnect(self, connection: str, *_reason: Any) -> None:
        self._known.pop(connection, None)

    async def _on_heartbeat(self, connection: str, document: Any) -> None:
        """A plug-in that does not know its secret is not heard."""
        plugin_id = document.get("id") if isinstance(document, dict) else None
        if plugin_id in self.plugins and document.get("secret") == self.plugins[plugin_id]:
            with self._changed:
                self._known[connection] = plugin_id
                self.heartbeats.append((time.monotonic(), plugin_id))
                self._changed.notify_all()

    async def _on_log(self, connection: str, document: Any) -> None:
        if not await self._loses("log", connection):
            self._take_log(document)

    async def _on_response(self, connection: str, document: Any) -> None:
        if not await self._loses("response", connection):
            self._take_response(document)

    async def _loses(self, what: str, connection: str) -> bool:
        if self._lost[what] <= 0:
            return False
        self._lost[what] -= 1
        await self._server.disconnect(connection, namespace=NAMESPACE)
        return True

    # -- REST

    async def _post_log(self, request: web.Request) -> web.Response:
        self._take_log(await request.json())
        return success()

    async def _post_response(self, request: web.Request) -> web.Response:
        self._take_response(await request.json())
        return success()

    async def _call(self, event: dict[str, Any]) -> None:
        """A run by REST: the request stays open until the plug-in has done with it."""
        timeout = aiohttp.ClientTimeout(total=None)
        with suppress(aiohttp.ClientError):
            async with (
                aiohttp.ClientSession(timeout=timeout) as http,
                http.post(f"{self.rest_url}/plugin", json=event, headers=self._secret()) as sent,
            ):
                self.sessions[event["session"]].rest_status = sent.status

    def _secret(self) -> Mapping[str, str]:
        return {"Secret": self.plugins[DEMO_PLUGIN_ID]}

    # -- both

    async def _send(self, event: dict[str, Any], plugin_id: str) -> None:
        if self.rest_url:
            call = asyncio.ensure_future(self._call(event))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
        elif connection := next((one for one, known in self._known.items() if known == plugin_id), None):
            await self._server.emit("plugin", event, to=connection, namespace=NAMESPACE)

    def _take_log(self, document: Any) -> None:
        with self._changed:
            session = self.sessions.get(document.get("session"))
            if session:
                session.logs.append(document)
            self._changed.notify_all()

    def _take_response(self, document: Any) -> None:
        with self._changed:
            session = self.sessions.get(document.get("session"))
            (session.responses if session else self.strays).append(document)
            self._changed.notify_all()

    def _in_loop(self, work: Any) -> None:
        assert self._loop is not None, "the sandbox does not serve"
        asyncio.run_coroutine_threadsafe(work, self._loop)
