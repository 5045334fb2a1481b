"""Files in places that are not this machine's disks: whole under their final names or not there."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import IO, Any

import fsspec

from blocks.local_files import partial_name
from blocks.places import Place
from blocks.storage_errors import is_absence
from blocks.uploader import uploader
from blocks.uploads import SMALL_BYTES, Uploader, listed_sizes

BLOCK_BYTES = 16 << 20
"""Size of an uploaded part: fsspec's own 50 MiB halves the speed and doubles the memory."""
READ_BYTES = 4 << 20
"""Read ahead of an open file."""


class RemoteFiles:
    """Of a place that fsspec has opened; `bucket` is empty but for S3. Paths are the file system's own.

    Raises what the place's backend does: `Storage` translates it.
    """

    def __init__(self, fs: Any, place: Place, bucket: str) -> None:
        self._fs, self._place, self._bucket = fs, place, bucket

    @cached_property
    def uploader(self) -> Uploader | None:
        """What uploads to S3; None elsewhere, and where s3fs has to do it."""
        return uploader(self._fs, self._bucket) if self._bucket else None

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder; of a web address, fsspec would take whatever goes wrong for absence."""
        if "https" not in self._fs.protocol:
            return bool(self._fs.exists(path))
        try:
            return bool(self._fs.exists(path, strict=True))
        except Exception as error:
            if 400 <= getattr(error, "status", 0) < 500:  # 403 too: many say so of what is not there
                return False
            raise

    def size(self, path: str) -> int | None:
        """Bytes of a file; None when there is none, or a folder."""
        try:
            info = self._fs.info(path)
        except FileNotFoundError as error:
            if not is_absence(error):
                raise
            return None
        return int(info["size"]) if info["type"] != "directory" else None

    def sizes(self, path: str) -> Iterator[tuple[str, int]]:
        """All files of a bucket below a path, relative to it, with their sizes; in any order, and not held."""
        yield from self.uploader.sizes(path) if self.uploader else listed_sizes(self._fs, path)

    def files(
        self, path: str, prefix: str, only: Callable[[str], bool] | None
    ) -> Iterator[tuple[str, int, float | None]]:
        """All files below a path in their order, relative to it, with size and time of writing: see `Storage`."""
        found = self._fs.find(path, detail=True, **({"prefix": prefix} if prefix else {}))
        for name, info in sorted(found.items()):
            # stores that remember empty folders list them too
            if info["type"] == "file" and (only is None or only(name.rpartition("/")[2])):
                yield name[len(path) :].lstrip("/"), int(info["size"]), written_at(info)

    def open(self, path: str) -> IO[bytes]:
        handle: IO[bytes] = self._fs.open(path, "rb", **self._block_size(READ_BYTES))
        return handle

    def copy(self, path: str, to: str) -> bool:
        """Have the place copy a file; False when there is none."""
        try:
            self._fs.cp_file(path, to)
        except FileNotFoundError as error:
            if not is_absence(error):
                raise
            return False
        return True

    def create(self, path: str, data: bytes, spool: str | None) -> None:
        """Write a small file unless there is one of this name; `spool` as with `write`."""
        if self._fs.exists(path):
            return
        if not self._place.creates_only:
            self.write(path, [data], spool, len(data))
            return
        try:
            self._fs.pipe_file(path, data, mode="create")
        except OSError:  # what a lost race is called differs
            if not self._fs.exists(path):
                raise

    def write(self, path: str, chunks: Iterable[bytes], spool: str | None, expected: int | None) -> None:
        """Write a file; where what is written shows at once, in the folder `spool` first, None: beside its place.

        `expected` is about how many bytes there will be, where that is known.
        """
        if self.uploader and self.uploader.takes(path):
            self.uploader.upload(path, chunks, expected)
            return
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
        handle = self._fs.open(path, "wb", autocommit=False, **self._block_size())
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

    def _block_size(self, size: int = BLOCK_BYTES) -> dict[str, int]:
        """How much is read or written at a time; over SFTP a packet is meant, and servers close on those they mind."""
        return {} if self._place.name == "SFTP" else {"block_size": size}


def written_at(info: Mapping[str, Any]) -> float | None:
    """When a file was written, from what fsspec says of it, which is another word and type in each store."""
    for word in ("LastModified", "mtime", "last_modified", "updated", "created"):
        found = info.get(word)
        if isinstance(found, datetime):
            return found.timestamp()
        if isinstance(found, int | float):
            return float(found)
        if isinstance(found, str):
            with suppress(ValueError):
                return datetime.fromisoformat(found).timestamp()
    return None
