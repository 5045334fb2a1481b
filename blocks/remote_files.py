"""Files in places that are not this machine's disks: whole under their final names or not there."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import fsspec

from blocks.local_files import partial_name
from blocks.places import Place
from blocks.uploads import SMALL_BYTES

BLOCK_BYTES = 16 << 20
"""Size of an uploaded part: fsspec's own 50 MiB halves the speed and doubles the memory."""


def is_there(fs: Any, path: str) -> bool:
    """Whether there is a file or folder; of a web address, fsspec would take whatever goes wrong for its absence."""
    if "https" not in fs.protocol:
        return bool(fs.exists(path))
    try:
        return bool(fs.exists(path, strict=True))
    except Exception as error:
        if 400 <= getattr(error, "status", 0) < 500:  # 403 too: many say so of what is not there
            return False
        raise


class RemoteFiles:
    """Writes to a place that fsspec has opened."""

    def __init__(self, fs: Any, place: Place) -> None:
        self._fs, self._place = fs, place

    def write(self, path: str, chunks: Iterable[bytes], spool: str | None) -> None:
        """Write a file; where what is written shows at once, in the folder `spool` first, None: beside its place."""
        if not self._place.has_folders:
            self._upload(path, chunks)
            return
        folder = path.rpartition("/")[0]
        spool = folder if spool is None else spool
        with suppress(NotImplementedError):
            for one in {folder, spool}:
                self._fs.makedirs(one, exist_ok=True)
        partial = f"{spool}/{partial_name()}"
        try:
            self._upload(partial, chunks)
            self._rename(partial, path)
        except BaseException:
            with suppress(Exception):
                self._fs.rm_file(partial)
            raise

    def block_size(self, size: int = BLOCK_BYTES) -> dict[str, int]:
        """How much is read or written at a time; over SFTP a packet is meant, and servers close on those they mind."""
        return {} if self._place.name == "SFTP" else {"block_size": size}

    def _rename(self, partial: str, path: str) -> None:
        if self._place.name == "WebDAV":
            self._fs.client.move(partial, path, overwrite=True)  # fsspec's own would copy, and take names for patterns
        elif getattr(self._fs.mv, "__func__", None) is fsspec.AbstractFileSystem.mv:  # it takes names for patterns, too
            self._fs.cp_file(partial, path)
            self._fs.rm_file(partial)
        else:
            self._fs.mv(partial, path)

    def _upload(self, path: str, chunks: Iterable[bytes]) -> None:
        """In one request where it is small: an upload in parts takes three at least."""
        waiting = iter(chunks)
        head: list[bytes] = []
        size = 0
        for chunk in waiting:
            head.append(chunk)
            size += len(chunk)
            if size > SMALL_BYTES:
                self._upload_in_parts(path, itertools.chain(head, waiting))
                return
        self._fs.pipe_file(path, b"".join(head))

    def _upload_in_parts(self, path: str, chunks: Iterable[bytes]) -> None:
        if self._place.name == "WebDAV":  # which takes a file in one go, and whose client begins with its length
            with tempfile.TemporaryFile() as spool:
                spool.writelines(chunks)
                spool.seek(0)
                self._fs.upload_fileobj(spool, path)
            return
        handle = self._fs.open(path, "wb", autocommit=False, **self.block_size())
        try:
            for chunk in chunks:
                handle.write(chunk)
            handle.close()
            if hasattr(handle, "commit"):  # else what is written shows at once
                handle.commit()
        except BaseException:
            # Closing publishes what is there in some backends: throw it away instead, open upload and all.
            with suppress(Exception):
                handle.discard() if hasattr(handle, "discard") else handle.close()
            with suppress(AttributeError):
                handle.closed = True
            raise
