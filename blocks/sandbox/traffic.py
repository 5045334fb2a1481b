"""What passes between clients and a platform: counted, delayed, hit by faults, and preceded by changes of the data."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.typedefs import Handler

from blocks.sandbox.bodies import Download
from blocks.sandbox.faults import Chaos, Fault, identity
from blocks.sandbox.misbehaviour import Expire, go_wrong


@dataclass(slots=True)
class Hook:
    """Calls ``action`` right before the ``nth`` request is answered whose ``METHOD /path?query`` matches ``pattern``.

    Requests that a fault answers instead of the platform do not count. ``has_run`` tells whether it came to that.
    """

    pattern: str
    action: Callable[[], object]
    nth: int = 1
    seen: int = field(default=0, init=False)

    @property
    def has_run(self) -> bool:
        return self.seen >= self.nth

    def meet(self, request: web.Request) -> None:
        if re.search(self.pattern, identity(request)):
            self.seen += 1
            if self.seen == self.nth:
                self.action()


class Watched:
    """A platform whose traffic tests look at and meddle with."""

    _traffic: Traffic

    @property
    def faults(self) -> list[Fault]:
        return self._traffic.faults

    @property
    def chaos(self) -> Chaos | None:
        """What hits requests by chance, where no fault of ``faults`` does."""
        return self._traffic.chaos

    @chaos.setter
    def chaos(self, chaos: Chaos | None) -> None:
        self._traffic.chaos = chaos

    @property
    def requests(self) -> Counter[str]:
        return self._traffic.requests

    @property
    def peaks(self) -> Counter[str]:
        return self._traffic.peaks


class Traffic:
    """Counts requests, delays them, and lets the first fault that strikes answer, or else ``chaos``.

    ``requests`` counts by kind of path, such as ``dataset/entries`` or ``dataset/entries/:id``; ``peaks`` has the
    largest number of requests of a kind that were under way at once. Paths outside ``prefix`` are let through.
    """

    def __init__(self, prefix: str, latency_seconds: float = 0.0, expire: Expire = lambda _: None) -> None:
        self.faults: list[Fault] = []
        self.chaos: Chaos | None = None
        self.hooks: list[Hook] = []
        self.requests: Counter[str] = Counter()
        self.peaks: Counter[str] = Counter()
        self._prefix, self._latency_seconds, self._expire = prefix, latency_seconds, expire
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
            proper = await self._answer(request, handler)
            return await proper.send(request) if isinstance(proper, Download) else proper
        finally:
            self._under_way[kind] -= 1

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        async def prepared(request: web.Request) -> web.StreamResponse:
            for hook in self.hooks:
                hook.meet(request)
            return await handler(request)

        fault = next((fault for fault in self.faults if fault.strikes(request)), None)
        if fault is None and self.chaos is not None and request.path.startswith(self._prefix):
            fault = self.chaos.strike(request)
        if fault is None:
            return await prepared(request)
        return await go_wrong(fault, request, prepared, self._expire)

    def kind_of(self, request: web.Request) -> str:
        """The fixed part of the path; ``?`` for unknown routes."""
        resource = request.match_info.route.resource
        if resource is None:
            return "?"
        fixed, _, rest = resource.canonical.removeprefix(self._prefix).partition("/{")
        return f"{fixed}/:id{rest.removeprefix('id}')}" if rest.startswith("id}") else fixed
