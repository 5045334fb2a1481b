"""One place in any storage that fsspec reaches: whole-or-nothing writes, streams, and errors that say what to do.

What a reader can see at any moment: a file written by `write` is either absent or whole. Locally it is written beside
its final name and renamed; in object stores it appears when the upload is completed, and is aborted when it fails.
What a killed process was writing has a name that says whose it was: `blocks.leftovers` sweeps it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from blocks import stopping
from blocks.chunks import CHUNK_BYTES, chunks_of
from blocks.local_files import create, into_place, link_over, partial_name, walk, write_whole
from blocks.opening import opened
from blocks.places import place_of
from blocks.remote_files import RemoteFiles
from blocks.storage_errors import translated
from blocks.urls import without_credentials
from exporters.errors import RequestError, quoted


class Storage:
    """A folder at a URL. Paths given to methods are relative to it, with `/` between folders."""

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        self.url = url.rstrip("/") or "/"
        self.spool: str | None = None
        """Where files are written before they are whole; None: beside their places, which are all that there is."""
        self.lost = ""
        """What to do when a file that is read is not there, where all that is read was: see `translated`."""
        self.link_seconds = 0
        """How long links that let anybody in are good for; 0: there are none."""
        self._place = place_of(fsspec.utils.get_protocol(url))
        self.fs, self.root = opened(url, options or {}, self.shown)

    @cached_property
    def shown(self) -> str:
        """The URL as it may be shown: without a user name or password."""
        return without_credentials(self.url)

    @property
    def is_local(self) -> bool:
        return isinstance(self.fs, LocalFileSystem)

    @property
    def is_s3(self) -> bool:
        return fsspec.utils.get_protocol(self.url) in ("s3", "s3a")

    def path(self, name: str) -> str:
        """The file system's own path of a file in this folder.

        Raises:
            RequestError: it would not lie in it; whoever names files cleans their names, and here none gets by.
        """
        if ".." in name and ".." in name.split("/"):
            raise RequestError(f"{self.shown} takes no file {quoted(name[:120])}, which would lie outside; rename it.")
        if not name or not self.root:
            return name or self.root
        return f"{self.root.rstrip('/')}/{name}"

    def shown_path(self, name: str) -> str:
        return f"{self.shown.rstrip('/')}/{name}" if name else self.shown

    def link(self, name: str) -> str:
        """Where a person finds a file: an address that lets anybody in for a while, where such are asked for."""
        if not self.link_seconds:
            return self.shown_path(name)
        with translated(self.shown_path(name)):
            found: str = self.fs.url(self.path(name), expires=self.link_seconds)
            return found

    def exists(self, name: str) -> bool:
        if self.is_local:
            return os.path.exists(self.path(name))  # noqa: PTH110 - asked for every file
        with translated(self.shown_path(name)):
            return self._remote.exists(self.path(name))

    def size(self, name: str) -> int | None:
        """Bytes of a file; None when there is none, or a folder."""
        if self.is_local:
            return next(self.each_size([name]))
        with translated(self.shown_path(name)):
            return self._remote.size(self.path(name))

    def each_size(self, names: Iterable[str]) -> Iterator[int | None]:
        """The sizes of many files, one after the other: on a disk it takes a fifth of the time that fsspec does."""
        if not self.is_local:
            yield from map(self.size, names)
            return
        for name in names:
            try:
                found = os.stat(self.path(name))  # noqa: PTH116
            except FileNotFoundError:
                yield None
            except OSError:
                with translated(self.shown_path(name)):
                    raise
            else:
                yield found.st_size if stat.S_ISREG(found.st_mode) else None

    def files(self, name: str = "") -> dict[str, int]:
        """All files below a folder, relative to it, with their sizes."""
        return {file: size for file, size, _ in self.dated_files(name)}

    def sizes(self, name: str) -> Iterator[tuple[str, int]]:
        """The same, in any order; of S3 they are not held, and strange names may be told otherwise."""
        if not self.is_s3:
            yield from self.files(name).items()
            return
        with translated(self.shown_path(name)):
            yield from self._remote.sizes(self.path(name))

    def dated_files(
        self, name: str = "", prefix: str = "", only: Callable[[str], bool] | None = None
    ) -> list[tuple[str, int, float | None]]:
        """The same, and when each was written, in seconds since 1970 by the store's clock, where it says so.

        S3 can be asked for those alone whose names begin with a `prefix`; `only` says by the last part of their names
        which are wanted.
        """
        top = self.path(name)
        with translated(self.shown_path(name)):
            if self.is_local:
                return sorted(walk(top, only))
            return list(self._remote.files(top, prefix, only))

    def open(self, name: str) -> IO[bytes]:
        with translated(self.shown_path(name), self.lost):
            if self.is_local:  # done for every file of a package: fsspec takes ten times as long
                return open(self.path(name), "rb")  # noqa: PTH123
            return self._remote.open(self.path(name))

    def read(self, name: str) -> bytes:
        with translated(self.shown_path(name), self.lost):
            data: bytes = self.fs.cat_file(self.path(name))
            return data

    def stream(self, name: str, expected: int = CHUNK_BYTES) -> Iterator[bytes]:
        """The bytes of a file, about so many as `expected`."""
        with translated(self.shown_path(name), self.lost), self._opened(name) as handle:
            yield from chunks_of(handle, expected)

    def _opened(self, name: str) -> IO[bytes]:
        if self.is_local:  # a small file is read in less time than fsspec takes to open it
            return open(self.path(name), "rb", buffering=0)  # noqa: PTH123
        return self.open(name)

    def write(
        self,
        name: str,
        chunks: Iterable[bytes],
        *,
        durable: bool = True,
        shown: str | None = None,
        expected: int | None = None,
        hashed: bool = True,
        read_only: bool = False,
    ) -> tuple[int, str]:
        """Write a file whole, replacing one of the same name; returns its size and SHA-256, if it is to be hashed.

        Nothing is visible under the name before all chunks have been written, nor when one of them raises. `durable`
        waits until a local disk has it: for files that others are told to rely on. `shown` stands for the name in
        messages. `expected` is about how many bytes there will be, where that is known: memory is shared out by it.
        A local file that is `read_only` is not changed by those who are handed it.
        """
        digest, size = hashlib.sha256(), 0

        def counted() -> Iterator[bytes]:
            nonlocal size
            for chunk in chunks:
                stopping.check()
                if hashed:
                    digest.update(chunk)
                size += len(chunk)
                yield chunk

        with translated(self.shown_path(name if shown is None else shown)):
            if self.is_local:
                path = self.path(name)
                write_whole(path, self._partial(path), counted(), durable=durable, read_only=read_only)
            else:
                self._remote.write(self.path(name), counted(), self._spooled, expected)
        return size, digest.hexdigest()

    def copy(self, name: str, to: str) -> bool:
        """Have a file under another name too, without its bytes passing through here; False where that cannot be had.

        On a disk, both names are of one file. Whatever had the other name is replaced.
        """
        if not self._place.copies:
            return False
        if self.is_local:
            return self._link(name, to)
        with translated(self.shown_path(to)):
            return self._remote.copy(self.path(name), self.path(to))

    def _link(self, name: str, to: str) -> bool:
        try:
            link_over(self.path(name), self.path(to))
        except OSError as error:
            if error.errno == errno.ENOSPC:
                with translated(self.shown_path(to)):
                    raise
            return False  # there is no such file; or a disk without links, or too many of them
        return True

    def create(self, name: str, data: bytes) -> None:
        """Write a small file unless there is one of this name: of several that try at once, one does."""
        with translated(self.shown_path(name)):
            if self.is_local:
                path = self.path(name)
                create(Path(path), Path(self._partial(path)), data)
            else:
                self._remote.create(self.path(name), data, self._spooled)

    def move_in(self, local: Path, name: str) -> None:
        """Take over a local file: renamed or copied to a local place, uploaded elsewhere (then the local one stays)."""
        with translated(self.shown_path(name)):
            if self.is_local:
                into_place(str(local), self.path(name))
            else:
                with local.open("rb") as handle:
                    self._remote.write(self.path(name), chunks_of(handle), self._spooled, local.stat().st_size)

    def remove(self, name: str) -> None:
        with translated(self.shown_path(name)), contextlib.suppress(FileNotFoundError):
            self.fs.rm_file(self.path(name))

    def remove_folder(self, name: str) -> None:
        """Remove what is left of a folder whose files are gone; object stores have none."""
        if self._place.has_folders:
            with contextlib.suppress(Exception):  # it is empty, and nobody minds it
                self.fs.rm(self.path(name), recursive=True)

    def _partial(self, path: str) -> str:
        """Where a file of this disk lies before it is whole."""
        return f"{os.path.dirname(path) if self._spooled is None else self._spooled}/{partial_name()}"  # noqa: PTH120

    @property
    def _spooled(self) -> str | None:
        return None if self.spool is None else self.path(self.spool)

    @cached_property
    def _remote(self) -> RemoteFiles:
        return RemoteFiles(self.fs, self._place, self.root.partition("/")[0] if self.is_s3 else "")
