"""The other way to be a plug-in: the hub calls us over HTTP, and is told log lines and answers over its REST interface.

The request of a run stays open until its session is over, as the hub expects; when the hub closes it earlier, the
session goes on.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from aiohttp import web

from blocks import http
from blocks.ango.client import AngoClient, Connection, connect
from blocks.ango.door import Caller, Door, Line, Take, log_document
from exporters.errors import OuthaulError, RequestError, RetriableError

LOG_ATTEMPTS = 3
REFUSALS = 10
"""Of an answer, that the hub does not want; one that it cannot take now is sent for ever."""
MOST_WAITING = 10_000
MOST_EVENT_BYTES = 4 << 20

_log = logging.getLogger(__name__)


class _Log(NamedTuple):
    """The lines of a session that wait, None behind the last, and who sends them."""

    lines: asyncio.Queue[Line | None]
    sender: asyncio.Future[None]


class RestDoor(Door):
    """The hub by REST: `POST /plugin` and `GET /heartbeat` here, `/v2/pluginLog` and `/v2/pluginResponse` there."""

    def __init__(self, connection: Connection, plugin_id: str, secret: str, *, port: int, host: str = "") -> None:
        self._connection, self._plugin_id, self._secret = connection, plugin_id, secret
        self._port, self._host = port, host
        self._logs: dict[str, _Log] = {}

    async def serve(self, take: Take) -> None:
        async def plugin(request: web.Request) -> web.Response:
            self._check(request)
            try:
                event = await request.json()
            except ValueError:
                event = None
            if not isinstance(event, dict):
                return web.json_response({"detail": "The body is not a JSON object."}, status=422)
            await asyncio.shield(take(event))
            return web.json_response(None)

        async def heartbeat(request: web.Request) -> web.Response:
            self._check(request)
            return web.json_response("ok")

        application = web.Application(client_max_size=MOST_EVENT_BYTES)
        application.router.add_post("/plugin", plugin)
        application.router.add_get("/heartbeat", heartbeat)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, self._host or None, self._port).start()
            except OSError as error:
                raise RequestError(
                    f"Port {self._port} cannot be used ({error.strerror}); give another --port."
                ) from None
            _log.info("Waiting for %s on port %d.", http.host_of(self._connection.url), self._port)
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    def log(self, caller: Caller, line: Line) -> None:
        log = self._logs.get(caller.session)
        if log is None:
            lines: asyncio.Queue[Line | None] = asyncio.Queue(MOST_WAITING)
            log = self._logs[caller.session] = _Log(lines, asyncio.ensure_future(self._send_lines(caller, lines)))
        if not log.lines.full():
            log.lines.put_nowait(line)

    async def answer(self, caller: Caller, lines: Sequence[Line], response: Mapping[str, Any]) -> None:
        for line in lines:
            self.log(caller, line)
        if log := self._logs.pop(caller.session, None):
            await log.lines.put(None)
            await log.sender
        attempt = 0
        async with connect(replace(self._connection, api_key=caller.api_key)) as client:
            while True:
                try:
                    await client.post("pluginResponse", response)
                except OuthaulError as error:
                    attempt += 1
                    is_passing = isinstance(error, RetriableError)
                    if attempt == 1 or not is_passing:
                        _log.warning("The answer of session %s is not taken (%s).", caller.session, error)
                    if attempt == REFUSALS and not is_passing:
                        return
                    await asyncio.sleep(http.wait_seconds(attempt, getattr(error, "delay_seconds", None)))
                else:
                    return

    async def _send_lines(self, caller: Caller, lines: asyncio.Queue[Line | None]) -> None:
        """In their order; one that the hub does not take, however often, ends nobody's export."""
        async with connect(replace(self._connection, api_key=caller.api_key)) as client:
            while (line := await lines.get()) is not None:
                try:
                    await http.patiently(lambda line=line: self._post(client, caller, line), LOG_ATTEMPTS)  # type: ignore[misc]
                except OuthaulError as error:
                    _log.warning("A log line of session %s is not taken (%s).", caller.session, error)

    async def _post(self, client: AngoClient, caller: Caller, line: Line) -> None:
        await client.post("pluginLog", log_document(caller, line, self._plugin_id))

    def _check(self, request: web.Request) -> None:
        given = request.headers.get("Secret", "")
        if not hmac.compare_digest(given.encode(), self._secret.encode()):
            raise web.HTTPUnauthorized(text='{"detail":"Unauthorized"}', content_type="application/json")
