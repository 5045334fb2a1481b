"""The plug-in's end of the hub's Socket.IO: always connected or about to be, heartbeats whatever else happens.

The hub does not say that it has received anything. Below Socket.IO, though, the two ends of a WebSocket ping each
other; so when a connection still stands some time after a message went out on it, the message has arrived. An answer
whose connection broke before that is sent again on the next one: the hub may hear the same answer twice then, where it
would else hear none, and leave its user waiting for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import socketio

from blocks import http
from blocks.ango.client import Connection
from blocks.ango.door import Caller, Door, Line, Take, log_document
from blocks.certificates import refused_certificate

NAMESPACE = "/plugin"
HEARTBEAT_SECONDS = 30.0
"""The hub wants one a minute, and shows the plug-in as dead after about two."""
PING_SECONDS = 10.0
"""Between two pings of the WebSocket; an end that leaves one unanswered for half of that is given up."""
STEADY_SECONDS = 30.0
"""A connection that stood as long is one: the next attempt is made at once again."""
CONNECT_SECONDS = 20.0
FAREWELL_SECONDS = 3.0
MOST_WAITING = 10_000
"""Log lines that wait for a connection; the oldest are let go first."""

_log = logging.getLogger(__name__)


@dataclass
class _Message:
    """What goes out together. `heard` is set when it has arrived; None: nobody asks."""

    parts: list[tuple[str, dict[str, Any]]]
    heard: asyncio.Future[None] | None = None
    sent_at: float = field(default=0.0)


class SocketDoor(Door):
    """The hub by Socket.IO.

    Example:
        ```python
        door = SocketDoor(Connection("https://imeritapi.ango.ai", api_key=""), "plugin-id", "plugin-secret")
        await door.serve(take)
        ```
    """

    def __init__(
        self,
        connection: Connection,
        plugin_id: str,
        secret: str,
        *,
        ping_seconds: float = PING_SECONDS,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._url, self._plugin_id, self._secret = connection.url.rstrip("/"), plugin_id, secret
        self._tls = http.tls(connection.verify_ssl, connection.ca_bundle)
        self._ping_seconds, self._heartbeat_seconds = ping_seconds, heartbeat_seconds
        self._waiting: deque[_Message] = deque()
        self._unsettled: deque[_Message] = deque()
        self._something = asyncio.Event()

    async def serve(self, take: Take) -> None:
        attempt, said = 0, ""
        while True:
            begun = time.monotonic()
            try:
                await self._connected(take)
                why = "the hub ended the connection"
            except (socketio.exceptions.SocketIOError, aiohttp.ClientError, OSError, TimeoutError) as error:
                why = refused_certificate(error) or str(error) or type(error).__name__
            if (this := asyncio.current_task()) and this.cancelling():
                raise asyncio.CancelledError  # which the client's library may have kept to itself
            self._take_back()
            attempt = 1 if time.monotonic() - begun >= STEADY_SECONDS else attempt + 1
            if why != said or attempt == 1:
                _log.warning("No connection to %s (%s); trying again until there is one.", http.host_of(self._url), why)
            said = why
            await asyncio.sleep(http.wait_seconds(attempt, None))

    def log(self, caller: Caller, line: Line) -> None:
        while len(self._waiting) >= MOST_WAITING and self._waiting[0].heard is None:
            self._waiting.popleft()
        self._put(_Message([("log", log_document(caller, line, self._plugin_id))]))

    async def answer(self, caller: Caller, lines: Sequence[Line], response: Mapping[str, Any]) -> None:
        heard = asyncio.get_running_loop().create_future()
        said = [("log", log_document(caller, line, self._plugin_id)) for line in lines]
        self._put(_Message([*said, ("response", dict(response))], heard))
        await heard

    def _put(self, message: _Message) -> None:
        self._waiting.append(message)
        self._something.set()

    def _take_back(self) -> None:
        """What may not have arrived waits again, before what came later; lines that nobody asks for do not."""
        again = [one for one in self._unsettled if one.heard]
        self._unsettled.clear()
        self._waiting.extendleft(reversed(again))

    async def _connected(self, take: Take) -> None:
        """One connection, from its beginning to its end."""
        connector = aiohttp.TCPConnector(ssl=self._tls)
        async with aiohttp.ClientSession(connector=connector, trust_env=True) as session:
            client = socketio.AsyncClient(
                reconnection=False,
                http_session=session,
                handle_sigint=False,
                websocket_extra_options={"heartbeat": self._ping_seconds},
            )
            work: set[asyncio.Future[Any]] = set()
            ended = asyncio.Event()

            async def on_plugin(event: Any, *_more: Any) -> None:
                if isinstance(event, dict):
                    take(event)

            async def on_disconnect(*_reason: Any) -> None:
                ended.set()

            client.on("plugin", on_plugin, namespace=NAMESPACE)
            client.on("disconnect", on_disconnect, namespace=NAMESPACE)
            try:
                await client.connect(
                    self._url, transports=["websocket"], namespaces=[NAMESPACE], wait_timeout=CONNECT_SECONDS
                )
                _log.info("Connected to %s.", http.host_of(self._url))
                work.update(map(asyncio.ensure_future, (ended.wait(), self._beat(client), self._send(client))))
                done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in work:
                    task.cancel()
                await asyncio.gather(*work, return_exceptions=True)
                stands = client.connected
                with contextlib.suppress(TimeoutError):  # it may wait for an end that is gone
                    await asyncio.wait_for(client.disconnect(), FAREWELL_SECONDS)
                    if stands:  # both ends have taken leave, so all that was said before was heard
                        self._settle(0.0)
                        await asyncio.sleep(0)

    def _settle(self, after_seconds: float) -> None:
        """What was sent so long ago has arrived."""
        while self._unsettled and time.monotonic() - self._unsettled[0].sent_at >= after_seconds:
            message = self._unsettled.popleft()
            if message.heard and not message.heard.done():
                message.heard.set_result(None)

    async def _beat(self, client: socketio.AsyncClient) -> None:
        while True:
            await client.emit("heartbeat", {"id": self._plugin_id, "secret": self._secret}, namespace=NAMESPACE)
            await asyncio.sleep(self._heartbeat_seconds)

    async def _send(self, client: socketio.AsyncClient) -> None:
        """Send what waits."""
        settled_after = 2 * self._ping_seconds
        while True:
            self._something.clear()
            while self._waiting:
                message = self._waiting[0]
                for event, document in message.parts:
                    await client.emit(event, document, namespace=NAMESPACE)
                message.sent_at = time.monotonic()
                self._unsettled.append(self._waiting.popleft())
            self._settle(settled_after)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._something.wait(), min(1.0, self._ping_seconds))
