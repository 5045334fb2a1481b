"""An API that takes records, over real HTTP, and fails on request in every way that a server can."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from blocks.sandbox.server import serve

Kind = Literal["status", "reset", "stall", "truncate", "huge", "drip"]


@dataclass
class Trouble:
    """What goes wrong with requests whose body or path holds `about`; the first `after` of them, and all behind the
    next `times`, get through. `takes`: the records are taken all the same, only the answer is not as it should be.
    """

    kind: Kind = "status"
    status: int = 503
    body: str = "out of order"
    headers: Mapping[str, str] = field(default_factory=dict)
    about: str = ""
    after: int = 0
    times: int | None = 1
    takes: bool = False
    hits: int = 0
    _seen: int = 0

    def hit(self, text: str) -> bool:
        if self.about not in text:
            return False
        self._seen += 1
        if self._seen <= self.after or (self.times is not None and self.hits >= self.times):
            return False
        self.hits += 1
        return True


@dataclass(frozen=True)
class Taken:
    """A request that was taken."""

    method: str
    path: str
    headers: Mapping[str, str]
    records: list[Any]


@dataclass
class Receiver:
    """What came in, and what is to go wrong."""

    url: str = ""
    troubles: list[Trouble] = field(default_factory=list)
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    """Method and headers of every request, also of those that were not taken."""
    taken: list[Taken] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    latency_seconds: float = 0.0
    forgets: bool = False
    """Of records so many come that they are only counted."""

    def records(self) -> list[Any]:
        return [record for one in self.taken for record in one.records]

    def times_taken(self) -> Counter[str]:
        """How often each entry came."""
        return Counter(record["id"] for record in self.records())

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.asked.append((request.method, dict(request.headers)))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.latency_seconds)
            return await self._answer(request, body)
        finally:
            self.at_once -= 1

    async def _answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        text = request.raw_path + body.decode()
        trouble = None
        if request.method != "HEAD":
            trouble = next((one for one in self.troubles if one.hit(text)), None)
            if trouble is None or trouble.takes:
                headers = dict(request.headers)
                records = [] if self.forgets else _records(request, body)
                self.taken.append(Taken(request.method, request.raw_path, headers, records))
        if trouble is None:
            return web.json_response({"ok": True}, status=404 if request.method == "HEAD" else 200)
        if trouble.kind == "status":
            return web.Response(status=trouble.status, text=trouble.body, headers=trouble.headers)
        if trouble.kind == "stall":
            await asyncio.sleep(600)
        assert request.transport
        if trouble.kind == "reset":
            request.transport.abort()
            return web.Response()
        response = web.StreamResponse(status=trouble.status, headers={"Content-Length": str(1 << 30)})
        await response.prepare(request)
        if trouble.kind == "truncate":
            await response.write(b'{"ok"')
            request.transport.abort()
        while trouble.kind in ("huge", "drip"):
            await response.write(b"x" * (1 << 16) if trouble.kind == "huge" else b"x")
            await asyncio.sleep(0 if trouble.kind == "huge" else 0.2)
        return response


def _records(request: web.Request, body: bytes) -> list[Any]:
    if not body:
        return []
    if request.content_type == "application/x-ndjson":
        return [json.loads(line) for line in body.splitlines()]
    loaded = json.loads(body)
    return loaded if isinstance(loaded, list) else [loaded]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    application = web.Application(client_max_size=1 << 30)
    application.router.add_route("*", "/{tail:.*}", receiver._handle)
    with serve(application, host="127.0.0.1", port=0) as url:
        receiver.url = url
        yield receiver
