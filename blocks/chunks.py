"""Files and streams a piece at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO

CHUNK_BYTES = 1 << 20


def chunks_of(handle: IO[bytes]) -> Iterator[bytes]:
    """What is left of an open file, a piece at a time."""
    return iter(lambda: handle.read(CHUNK_BYTES), b"")


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines that end in these bytes; what follows the last end of a line is none."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines


def gathered(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, many small chunks at once: what digests, compresses and writes them has a price for each."""
    waiting: list[bytes] = []
    size = 0
    for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= CHUNK_BYTES // 4:
            yield b"".join(waiting)
            waiting.clear()
            size = 0
    if waiting:
        yield b"".join(waiting)
