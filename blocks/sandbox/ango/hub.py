"""The hub's door for plug-ins: Socket.IO or REST, the sessions of their runs, and what can go wrong between the two.

Tests live in another thread than the server; what they call here may be called from any thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import aiohttp
from aiohttp import web

from blocks.sandbox.ango.hub_sessions import HubSession, HubSessions
from blocks.sandbox.ango.hub_socket import HubSocket
from blocks.sandbox.ango.ids import long_id, uuid
from blocks.sandbox.ango.wire import HubError, success

__all__ = ["DEMO_PLUGIN_ID", "DEMO_PLUGIN_SECRET", "LEFT_OUT", "Hub", "HubSession"]

DEMO_PLUGIN_ID = long_id("plugin", "sandbox")
DEMO_PLUGIN_SECRET = uuid("plugin secret", "sandbox")
GREEN_SECONDS = 120.0
POLL_SECONDS, START_SECONDS = 5.0, 30.0
LEFT_OUT: Any = object()
"""For `Hub.run`: the event has no such key."""
T = TypeVar("T")


class Hub(HubSessions):
    """``plugins`` are the secrets of those it knows; ``heartbeats`` when which one was heard, by `time.monotonic`.

    With ``rest_url`` the plug-in is one in REST mode, which the hub calls there. ``drops_wrong_secrets``: who does not
    know its secret is disconnected instead of ignored.
    """

    def __init__(self, api_key: str) -> None:
        super().__init__()
        self.plugins = {DEMO_PLUGIN_ID: DEMO_PLUGIN_SECRET}
        self.rest_url = ""
        self.heartbeats: list[tuple[float, str]] = []
        self._api_key = api_key
        self._socket = HubSocket(self._hears, {"log": self._take_log, "response": self._take_response})
        self._loop: asyncio.AbstractEventLoop
        self._thread = 0
        self._is_served, self._has_begun = False, threading.Event()
        self._calls: set[asyncio.Task[None]] = set()

    def attach(self, application: web.Application) -> None:
        """Serve as part of a web application."""

        async def begin(_: web.Application) -> None:
            self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
            self._has_begun.set()

        async def end(_: web.Application) -> None:
            self._has_begun.clear()
            self._is_served = False

        self._is_served = True
        application.on_startup.append(begin)
        application.on_cleanup.append(end)
        self._socket.attach(application)
        application.router.add_post("/v2/pluginLog", self._post_log)
        application.router.add_post("/v2/pluginResponse", self._post_response)

    # -- what users do

    def run(
        self,
        project_id: str,
        config_json: str | None = "{}",
        *,
        stage: list[str] | None = None,
        batches: list[str] | None = None,
        session: str | None = None,
        api_key: str | None = None,
        plugin_id: str = DEMO_PLUGIN_ID,
        **others: Any,
    ) -> str:
        """Press Run; returns the session. `LEFT_OUT` as configuration sends none.

        A session of before is sent again as it was. A plug-in that is not connected never hears of it.
        """
        session = session or uuid("session", len(self.sessions), time.monotonic_ns())
        event = {
            "projectId": project_id,
            "session": session,
            "apiKey": self._api_key if api_key is None else api_key,
            "orgId": long_id("organization"),
            "runBy": long_id("user"),
            "stage": stage,
            "batches": batches,
            **({} if config_json is LEFT_OUT else {"configJSON": config_json}),
            **others,
        }
        loop = self._running()
        with self._changed:
            event = self.sessions.setdefault(session, HubSession(session, event)).event
        asyncio.run_coroutine_threadsafe(self._send(event, plugin_id), loop)
        return session

    def is_green(self, plugin_id: str = DEMO_PLUGIN_ID, within_seconds: float = GREEN_SECONDS) -> bool:
        """Whether the plug-in was heard lately, and is connected unless it is one in REST mode."""
        heard = [moment for moment, one in list(self.heartbeats) if one == plugin_id]
        is_recent = bool(heard) and time.monotonic() - heard[-1] < within_seconds
        return is_recent and (bool(self.rest_url) or self._socket.is_connected(plugin_id))

    def wait_green(self, timeout: float = 30.0) -> None:
        """Until the plug-in is connected, or answers in REST mode."""
        self.wait_for((lambda: self.poll() == 200) if self.rest_url else self.is_green, timeout)

    def poll(self) -> int:
        """Ask the plug-in in REST mode whether it lives; the status of its answer, 0 where nobody answers."""
        return self._in_loop(self.ask)

    # -- what goes wrong

    @property
    def connections(self) -> int:
        """All tries to connect so far, also those that were refused."""
        return self._socket.connections

    @property
    def drops_wrong_secrets(self) -> bool:
        return self._socket.drops_wrong

    @drops_wrong_secrets.setter
    def drops_wrong_secrets(self, drops: bool) -> None:
        self._socket.drops_wrong = drops

    def drop(self) -> None:
        """End all connections now, without a word."""
        if threading.get_ident() == self._thread:  # between two requests
            self._socket.drop()
        else:
            self._in_loop(self._drop)

    def go_away(self, seconds: float) -> None:
        """End all connections, and answer 503 to new ones for a while."""
        self._socket.away_until = time.monotonic() + seconds
        self.drop()

    def refuse_connections(self, count: int) -> None:
        """The next ones are not let into the namespace."""
        self._socket.refused = count

    def lose_responses(self, count: int) -> None:
        """The next ones end their connection before they are taken down."""
        self._socket.lost["response"] = count

    def lose_logs(self, count: int) -> None:
        """The next ones end their connection before they are taken down."""
        self._socket.lost["log"] = count

    def drop_by_chance(self, share: float) -> None:
        """So much of what plug-ins send from now on ends their connection before it is taken down."""
        self._socket.drop_share = share

    # -- REST

    async def ask(self) -> int:
        """As `poll`, for the thread of the server."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(POLL_SECONDS)) as http:
            try:
                async with http.get(f"{self.rest_url}/heartbeat", headers=self._secret()) as answer:
                    status = answer.status
            except (aiohttp.ClientError, TimeoutError):
                return 0
        if status == 200:
            self._heard(DEMO_PLUGIN_ID)
        return status

    async def _call(self, event: dict[str, Any]) -> None:
        """The request stays open until the plug-in has done with the run."""
        status = 0
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as http:
            try:
                async with http.post(f"{self.rest_url}/plugin", json=event, headers=self._secret()) as answer:
                    status = answer.status
            except aiohttp.ClientError:
                pass  # status 0 tells
        with self._changed:
            self.sessions[event["session"]].rest_status = status
            self._changed.notify_all()

    def _secret(self) -> dict[str, str]:
        return {"Secret": self.plugins[DEMO_PLUGIN_ID]}

    async def _post_log(self, request: web.Request) -> web.Response:
        self._take_log(await _document(request))
        return success()

    async def _post_response(self, request: web.Request) -> web.Response:
        self._take_response(await _document(request))
        return success()

    # -- both

    async def _send(self, event: dict[str, Any], plugin_id: str) -> None:
        if not self.rest_url:
            await self._socket.send(event, plugin_id)
            return
        call = asyncio.ensure_future(self._call(event))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    def _hears(self, document: Any) -> str | None:
        """The id in a heartbeat with the right secret."""
        plugin_id = str(document.get("id")) if isinstance(document, dict) else ""
        if plugin_id not in self.plugins or document.get("secret") != self.plugins[plugin_id]:
            return None
        self._heard(plugin_id)
        return plugin_id

    def _heard(self, plugin_id: str) -> None:
        with self._changed:
            self.heartbeats.append((time.monotonic(), plugin_id))
            self._changed.notify_all()

    async def _drop(self) -> None:
        self._socket.drop()

    def _running(self) -> asyncio.AbstractEventLoop:
        """A server that has just been asked to serve has an address before it has begun."""
        if not self._is_served or not self._has_begun.wait(START_SECONDS):
            raise RuntimeError("The sandbox does not serve: call its hub within serve().")
        return self._loop

    def _in_loop(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        loop = self._running()
        return asyncio.run_coroutine_threadsafe(work(), loop).result()


async def _document(request: web.Request) -> Any:
    try:
        return await request.json()
    except ValueError:
        raise HubError(400, "The body is not valid JSON") from None
