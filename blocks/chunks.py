"""Files and streams a piece at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import IO

CHUNK_BYTES = 1 << 20


def chunks_of(handle: IO[bytes], expected: int = CHUNK_BYTES) -> Iterator[bytes]:
    """What is left of an open file, a piece at a time; `expected` is about how much that is.

    Memory is asked for before it is known how much is read: for a small file that takes longer than reading it.
    """
    size = min(expected + 1, CHUNK_BYTES)
    if data := handle.read(size):
        yield data
    if len(data) == expected < size:  # one more was asked for: that is all
        return
    yield from iter(lambda: handle.read(CHUNK_BYTES), b"")


def exhaust(chunks: Iterator[bytes]) -> None:
    """Go through all that is left, for what is found out on the way."""
    deque(chunks, maxlen=0)


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines that end in these bytes; what follows the last end of a line is none."""
    return chain.from_iterable(_lines_at_once(chunks))


def _lines_at_once(chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
    begun: list[bytes] = []  # a line of many chunks is put together once, when its end has come
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        begun.append(first)
        if others:
            yield [b"".join(begun), *others[:-1]]
            begun = [others[-1]]


def gathered(chunks: Iterable[bytes], end: bytes = b"") -> Iterator[bytes]:
    """The same bytes, many small chunks at once: what digests, compresses and writes them has a price for each.

    `end` is put behind each chunk: they are lines then.
    """
    waiting: list[bytes] = []
    size = 0
    for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= CHUNK_BYTES // 4:
            yield end.join(waiting) + end
            waiting.clear()
            size = 0
    if waiting:
        yield end.join(waiting) + end
