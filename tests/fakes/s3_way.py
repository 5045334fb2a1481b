"""A server in front of a real S3 server, which gets what is asked here as it is, the host that was signed too."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

import aiohttp
from aiohttp import web
from yarl import URL

from blocks.sandbox.server import serve

_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "date", "server"}
"""Heads that are those of one connection, or that our own server writes."""
_MOST_BYTES = 1 << 30


class Way:
    """Passes requests on, over connections that stay open."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._session: aiohttp.ClientSession | None = None

    async def pass_on(self, request: web.Request) -> web.Response:
        """What the real server answers."""
        assert self._session
        target = URL(f"{self._endpoint}{request.raw_path}", encoded=True)
        heads = {name: value for name, value in request.headers.items() if name.lower() not in ("connection", "expect")}
        data = await request.read()
        body = io.BytesIO(data) if data else None  # of many bytes as they are, aiohttp warns
        async with self._session.request(request.method, target, headers=heads, data=body) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
            if request.method == "HEAD":
                kept["Content-Length"] = answer.headers.get("Content-Length", "0")
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)

    async def opened(self, _: web.Application) -> AsyncIterator[None]:
        """A cleanup context, as aiohttp has them."""
        async with aiohttp.ClientSession(auto_decompress=False) as self._session:
            yield


@contextmanager
def in_front(way: Way, handle: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Iterator[str]:
    """The address where every request is handled so, while the block lasts."""
    application = web.Application(client_max_size=_MOST_BYTES)
    application.router.add_route("*", "/{path:.*}", handle)
    application.cleanup_ctx.append(way.opened)
    with serve(application, host="127.0.0.1", port=0) as url:
        yield url
