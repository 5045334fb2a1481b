"""How a fault looks on the wire."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Callable

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from blocks.sandbox.bodies import Body, Download, Pace
from blocks.sandbox.faults import Fault, identity

LOGIN_PAGE = "/login"
_PAGE = "<html><head><title>{0} {1}</title></head>\r\n<body><center><h1>{0} {1}</h1></center></body></html>\r\n"
_LOGIN = "<!DOCTYPE html>\n<html><head><title>Log in</title></head><body><form method=post></form></body></html>\n"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # linger for 0 seconds: the kernel answers with RST instead of FIN
_GARBAGE_BYTES = 600

Expire = Callable[[web.Request], None]


async def go_wrong(fault: Fault, request: web.Request, handler: Handler, expire: Expire) -> web.StreamResponse:
    """Answers instead of the handler, or spoils what it answers; ``expire`` ends the token that a request carries."""
    match fault.kind:
        case "reset":
            return _reset(request)
        case "status" | "html":
            return _error(fault)
        case "redirect":
            status = fault.status if 300 <= fault.status < 400 else 302
            return web.Response(status=status, headers={hdrs.LOCATION: LOGIN_PAGE})
        case "garbage":
            noise = random.Random(f"{identity(request)} {fault.hits}").randbytes(_GARBAGE_BYTES)
            return web.Response(body=noise, content_type="application/json")
        case "expired":
            expire(request)
            return await handler(request)
        case "endless":
            return await _endless(request, await handler(request))
        case _:
            return _spoilt(fault, await handler(request))


async def login_page(_: web.Request) -> web.StreamResponse:
    return web.Response(text=_LOGIN, content_type="text/html")


def page(status: int, reason: str, headers: dict[str, str] | None = None) -> web.Response:
    """An error page, as a proxy makes it."""
    return web.Response(text=_PAGE.format(status, reason), status=status, headers=headers, content_type="text/html")


def _error(fault: Fault) -> web.Response:
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    if fault.kind == "html":
        return page(fault.status, "Scripted Fault", headers)
    error = {"status": str(fault.status), "title": "Scripted", "detail": "scripted fault"}
    return web.json_response({"errors": [error]}, status=fault.status, headers=headers)


def _reset(request: web.Request) -> web.Response:
    if request.transport is not None:
        connection: socket.socket = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        request.transport.abort()
    return web.Response()  # never seen: the connection is gone


def _spoilt(fault: Fault, proper: web.StreamResponse) -> web.StreamResponse:
    content = _content(proper)
    if content is None:
        return proper
    declared, hold_seconds, pace = content.size, 0.0, None
    part = content.part(0, int(content.size * fault.sent_share))
    match fault.kind:
        case "truncate":
            content = part
        case "stall":
            content, hold_seconds = part, fault.stall_seconds
        case "malformed":
            content, declared = part, part.size
        case "wrong_length":
            declared, hold_seconds = max(0, declared + fault.length_error_bytes), fault.stall_seconds
        case "slow":
            pace = Pace(fault.drip_bytes, fault.drip_seconds)
    own = {hdrs.CONTENT_TYPE, hdrs.CONTENT_LENGTH}
    return Download(
        content,
        content_type=proper.content_type,
        status=proper.status,
        headers={name: value for name, value in proper.headers.items() if name not in own},
        declared=declared,
        hold_seconds=hold_seconds,
        pace=pace,
    )


async def _endless(request: web.Request, proper: web.StreamResponse) -> web.StreamResponse:
    content = _content(proper)
    if content is None:
        return proper
    response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: proper.content_type})
    await response.prepare(request)
    while True:  # until the client hangs up, which ends this
        for piece in content.pieces():
            await response.write(piece)


def _content(proper: web.StreamResponse) -> Body | None:
    if isinstance(proper, Download):
        return proper.content
    return Body.of(proper.body) if isinstance(proper, web.Response) and isinstance(proper.body, bytes) else None
