"""The Socket.IO side of the hub: which connection is which plug-in's, and how connections end when tests want it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import socketio
from aiohttp import web
from aiohttp.typedefs import Handler

NAMESPACE = "/plugin"
PATH = "/socket.io/"

# Shorter than the library's own 25 and 20, so that a plug-in that is too busy to answer is found out within a test.
PING_INTERVAL_SECONDS, PING_TIMEOUT_SECONDS = 5, 5


class HubSocket:
    """``connections`` counts all tries to connect, also those that were refused.

    ``drop_share`` of what plug-ins send ends their connection before it is taken down, by chance.

    ``hears`` gives the plug-in's id for a heartbeat, None for one that is not believed; ``takes`` is called with what
    plug-ins send, by event. All methods are for the thread of the server.
    """

    def __init__(self, hears: Callable[[Any], str | None], takes: Mapping[str, Callable[[Any], None]]) -> None:
        self.connections = 0
        self.drops_wrong = False
        self.refused = 0
        self.away_until = 0.0
        self.lost = dict.fromkeys(takes, 0)
        self.drop_share = 0.0
        self._chance = random.Random(7)
        self._hears, self._takes = hears, takes
        self._known: dict[str, str] = {}  # by connection, the plug-in that it told us it is
        self._transports: dict[str, asyncio.Transport] = {}

    def attach(self, application: web.Application) -> None:
        """Serve as part of a web application, each time with no connection to begin with."""
        self._known.clear()
        self._transports.clear()
        self._server = socketio.AsyncServer(
            async_mode="aiohttp",
            transports=["websocket"],
            cors_allowed_origins=[],
            ping_interval=PING_INTERVAL_SECONDS,
            ping_timeout=PING_TIMEOUT_SECONDS,
        )
        handlers = {"connect": self._on_connect, "disconnect": self._on_disconnect, "heartbeat": self._on_heartbeat}
        for event, handler in handlers.items():
            self._server.on(event, handler, namespace=NAMESPACE)
        for event in self._takes:
            self._server.on(event, self._taking(event), namespace=NAMESPACE)
        application.middlewares.append(self._turn_away)
        self._server.attach(application, PATH)

    def is_connected(self, plugin_id: str) -> bool:
        return plugin_id in list(self._known.values())

    async def send(self, event: Mapping[str, Any], plugin_id: str) -> None:
        """To the newest connection of the plug-in; to nobody where it has none."""
        connection = next((one for one, known in reversed(self._known.items()) if known == plugin_id), None)
        if connection is not None:
            await self._server.emit("plugin", event, to=connection, namespace=NAMESPACE)

    def drop(self) -> None:
        """End all connections as a network that fails does: without a word."""
        for connection in list(self._transports):
            self._cut(connection)

    def _cut(self, connection: str) -> None:
        self._known.pop(connection, None)
        if transport := self._transports.pop(connection, None):
            transport.abort()

    @web.middleware
    async def _turn_away(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A hub that is away answers as the proxy in front of it does."""
        if request.path == PATH and time.monotonic() < self.away_until:
            self.connections += 1
            return web.Response(status=503)
        return await handler(request)

    async def _on_connect(self, connection: str, environment: Mapping[str, Any]) -> bool:
        self.connections += 1
        if self.refused > 0:
            self.refused -= 1
            return False
        self._transports[connection] = environment["aiohttp.request"].transport
        return True

    async def _on_disconnect(self, connection: str, *_reason: Any) -> None:
        self._known.pop(connection, None)
        self._transports.pop(connection, None)

    async def _on_heartbeat(self, connection: str, document: Any) -> None:
        """A plug-in that does not know its secret is not heard."""
        if plugin_id := self._hears(document):
            self._known[connection] = plugin_id
        elif self.drops_wrong:
            await self._server.disconnect(connection, namespace=NAMESPACE)

    def _taking(self, event: str) -> Callable[[str, Any], Any]:
        async def take(connection: str, document: Any) -> None:
            is_lost = self.lost[event] > 0
            self.lost[event] -= is_lost
            if is_lost or self._chance.random() < self.drop_share:
                self._cut(connection)
            else:
                self._takes[event](document)

        return take
