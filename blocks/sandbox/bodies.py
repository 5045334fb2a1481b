"""Bodies of answers: bytes at hand or pieces made while they are sent; whole, in part, or under a wrong length."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import NamedTuple, Self

from aiohttp import hdrs, web

PIECE_BYTES = 1 << 20  # what is larger is sent in pieces of about this size
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Body(NamedTuple):
    """``size`` bytes; every call of ``pieces`` gives them anew, so that a body of any size costs little memory."""

    size: int
    pieces: Callable[[], Iterator[bytes]]

    @classmethod
    def of(cls, content: bytes) -> Self:
        return cls(len(content), lambda: iter((content,)))

    def whole(self) -> bytes:
        return b"".join(self.pieces())

    def part(self, start: int, stop: int) -> Body:
        """The bytes from ``start`` up to, not including, ``stop``."""
        start, stop = max(0, start), min(stop, self.size)
        return Body(max(0, stop - start), lambda: _cut(self.pieces(), start, stop))


def _cut(pieces: Iterator[bytes], start: int, stop: int) -> Iterator[bytes]:
    position = 0
    for piece in pieces:
        if position >= stop:
            return
        if cut := piece[max(0, start - position) : stop - position]:
            yield cut
        position += len(piece)


class Pace(NamedTuple):
    """``pause_seconds`` pass after every ``piece_bytes``."""

    piece_bytes: int
    pause_seconds: float


class Download(web.StreamResponse):
    """A body that is sent in pieces, under a Content-Length of ``declared`` bytes, which need not be true.

    Where fewer bytes come than declared, the connection is silent for ``hold_seconds`` and then closes; where more
    come, the surplus stays on the connection, in the way of the next answer.
    """

    def __init__(
        self,
        content: Body,
        *,
        content_type: str,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        declared: int | None = None,
        hold_seconds: float = 0.0,
        pace: Pace | None = None,
    ) -> None:
        super().__init__(status=status, headers={**(headers or {}), hdrs.CONTENT_TYPE: content_type})
        self.content = content
        self.content_length = content.size if declared is None else declared
        self._hold_seconds, self._pace = hold_seconds, pace

    async def send(self, request: web.Request) -> Self:
        await self.prepare(request)
        if request.method == hdrs.METH_HEAD:
            return self
        left = self.content_length or 0
        async for piece in self._paced():
            if left:
                await self.write(piece[:left])
            if len(piece) > left and request.transport is not None:
                request.transport.write(piece[left:])  # past aiohttp, which would hold the surplus back
            left = max(0, left - len(piece))
        if left:
            await asyncio.sleep(self._hold_seconds)
            if request.transport is not None:
                request.transport.close()
        return self

    async def _paced(self) -> AsyncIterator[bytes]:
        for piece in self.content.pieces():
            if self._pace is None:
                yield piece
                continue
            for start in range(0, len(piece), self._pace.piece_bytes):
                yield piece[start : start + self._pace.piece_bytes]
                await asyncio.sleep(self._pace.pause_seconds)


def answer(content: Body, *, content_type: str, headers: Mapping[str, str] | None = None) -> web.StreamResponse:
    """At once where it is small, in pieces where it is not."""
    if content.size > PIECE_BYTES:
        return Download(content, content_type=content_type, headers=headers)
    return web.Response(body=content.whole(), headers=headers, content_type=content_type)


def answer_range(content: Body, wanted: str, *, content_type: str) -> web.StreamResponse:
    """What a CDN makes of a ``Range`` header: one range is a 206, one beyond the end a 416, anything else the whole."""
    match = _RANGE.fullmatch(wanted.strip())
    first, last = (match[1], match[2]) if match else ("", "")
    accepted = {"Accept-Ranges": "bytes"}
    if not first and not last:
        return answer(content, content_type=content_type, headers=accepted)
    start = int(first) if first else max(0, content.size - int(last))
    stop = min(int(last) + 1, content.size) if first and last else content.size
    if start >= content.size or (first and last and int(last) < int(first)):
        unsatisfied = {**accepted, "Content-Range": f"bytes */{content.size}"}
        return web.Response(status=416, headers=unsatisfied)
    headers = {**accepted, "Content-Range": f"bytes {start}-{stop - 1}/{content.size}"}
    return Download(content.part(start, stop), content_type=content_type, status=206, headers=headers)
