"""Runs of bytes out of files in a storage: many small ones lie in one pack, and are read one after the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from blocks.chunks import CHUNK_BYTES
from blocks.storage import Storage
from blocks.storage_errors import translated

BLOCK_BYTES = 4 << 20
"""Read at a time from a store that is asked over the network; locally, seeking costs nothing."""


class _LastBlock(threading.local):
    name: tuple[str, str, int] = ("", "", -1)
    data: bytes = b""


_last = _LastBlock()


def stream_range(storage: Storage, name: str, offset: int, size: int) -> Iterator[bytes]:
    """`size` bytes of a file from `offset` on; fewer when it ends before."""
    with translated(storage.shown_path(name), storage.lost):
        yield from (_local if storage.is_local else _remote)(storage, name, offset, size)


def _local(storage: Storage, name: str, offset: int, size: int) -> Iterator[bytes]:
    with open(storage.path(name), "rb", buffering=0) as handle:  # noqa: PTH123 - a Path costs as much as the read
        handle.seek(offset)
        while size and (chunk := handle.read(min(size, CHUNK_BYTES))):
            size -= len(chunk)
            yield chunk


def _remote(storage: Storage, name: str, offset: int, size: int) -> Iterator[bytes]:
    while size:
        block, start = divmod(offset, BLOCK_BYTES)
        chunk = _block(storage, name, block)[start : start + size]
        if not chunk:
            return
        offset, size = offset + len(chunk), size - len(chunk)
        yield chunk


def _block(storage: Storage, name: str, number: int) -> bytes:
    """One block of a file, kept until this thread asks for another."""
    key = (storage.url, name, number)
    if _last.name != key:
        start = number * BLOCK_BYTES
        data = storage.fs.cat_file(storage.path(name), start=start, end=start + BLOCK_BYTES)
        # SFTP's backend does not know of stretches.
        _last.data = data[start : start + BLOCK_BYTES] if len(data) > BLOCK_BYTES else data
        _last.name = key
    return _last.data
