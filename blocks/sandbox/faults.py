"""What goes wrong between a client and a platform, scripted; and a count of what was asked, to judge clients by.

A fault is data: which requests it hits, how many of them, and what happens instead of the proper answer.
"""

import asyncio
import re
import socket
import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from aiohttp import web
from aiohttp.typedefs import Handler

FaultKind = Literal["status", "html", "reset", "truncate", "stall", "wrong_length"]
_PAGE = "<html><head><title>{0} {1}</title></head>\r\n<body><center><h1>{0} {1}</h1></center></body></html>\r\n"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # linger for 0 seconds: the kernel answers with RST instead of FIN


@dataclass(slots=True)
class Fault:
    """Hits requests whose ``METHOD /path?query`` contains the regular expression ``path_pattern``.

    ``times`` says how many, None for ever, after letting ``after`` matching ones pass; ``hits`` counts them. Kinds:

    * ``status``: an error document with ``status``; ``retry_after`` becomes its header (seconds, or an HTTP date)
    * ``html``: the same as an error page of a proxy
    * ``reset``: the connection is reset before any answer
    * ``truncate``: half of the body, then the connection closes
    * ``stall``: half of the body, then silence for ``stall_seconds``
    * ``wrong_length``: the full body under a Content-Length that is ``length_error_bytes`` too large: the client waits
      for the rest until ``stall_seconds`` are over; or, where negative, too small: the rest of the body stays on the
      connection, in the way of the next answer
    """

    path_pattern: str
    status: int = 500
    times: int | None = 1
    retry_after: float | str | None = None
    kind: FaultKind = "status"
    after: int = 0
    stall_seconds: float = 60.0
    length_error_bytes: int = 64
    hits: int = field(default=0, init=False)

    def strikes(self, request: web.Request) -> bool:
        """Whether this request is one of those; counts it."""
        if not re.search(self.path_pattern, f"{request.method} {request.path_qs}"):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is not None and self.hits >= self.times:
            return False
        self.hits += 1
        return True


class Traffic:
    """Counts requests, delays them, and lets the first fault that strikes answer.

    ``requests`` counts by kind of path, such as ``dataset/entries`` or ``dataset/entries/:id``; ``peaks`` has the
    largest number of requests of a kind that were under way at once.
    """

    def __init__(self, prefix: str, latency_seconds: float = 0.0) -> None:
        self.faults: list[Fault] = []
        self.requests: Counter[str] = Counter()
        self.peaks: Counter[str] = Counter()
        self._prefix, self._latency_seconds = prefix, latency_seconds
        self._under_way: Counter[str] = Counter()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        kind = self.kind_of(request)
        self.requests[kind] += 1
        self._under_way[kind] += 1
        self.peaks[kind] = max(self.peaks[kind], self._under_way[kind])
        try:
            if self._latency_seconds:
                await asyncio.sleep(self._latency_seconds)
            fault = next((fault for fault in self.faults if fault.strikes(request)), None)
            return await (_go_wrong(fault, request, handler) if fault else handler(request))
        finally:
            self._under_way[kind] -= 1

    def kind_of(self, request: web.Request) -> str:
        """The fixed part of the path; ``?`` for unknown routes."""
        resource = request.match_info.route.resource
        if resource is None:
            return "?"
        fixed, _, rest = resource.canonical.removeprefix(self._prefix).partition("/{")
        return f"{fixed}/:id" if rest.startswith("id}") else fixed


async def _go_wrong(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    match fault.kind:
        case "reset":
            return _reset(request)
        case "status" | "html":
            return _error(fault)
        case _:
            proper = await handler(request)
            return await _send_badly(fault, request, proper) if isinstance(proper, web.Response) else proper


def _error(fault: Fault) -> web.Response:
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    if fault.kind == "html":
        page = _PAGE.format(fault.status, "Scripted Fault")
        return web.Response(text=page, status=fault.status, headers=headers, content_type="text/html")
    error = {"status": str(fault.status), "title": "Scripted", "detail": "scripted fault"}
    return web.json_response({"errors": [error]}, status=fault.status, headers=headers)


def _reset(request: web.Request) -> web.Response:
    if request.transport is not None:
        connection: socket.socket = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        request.transport.abort()
    return web.Response()  # never seen: the connection is gone


async def _send_badly(fault: Fault, request: web.Request, proper: web.Response) -> web.StreamResponse:
    body = proper.body if isinstance(proper.body, bytes) else b""
    declared = len(body)
    if fault.kind == "wrong_length":
        declared = max(0, declared + fault.length_error_bytes)
    else:
        body = body[: declared // 2]
    answer = web.StreamResponse(status=proper.status, headers={"Content-Type": proper.content_type})
    answer.content_length = declared
    await answer.prepare(request)
    await answer.write(body[:declared])
    if request.transport is None:
        return answer
    if declared < len(body):
        request.transport.write(body[declared:])  # past aiohttp, which would hold the surplus back
        return answer
    if fault.kind != "truncate":
        await asyncio.sleep(fault.stall_seconds)
    request.transport.close()
    return answer
