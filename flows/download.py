"""One file on its way into the media store: streamed, digested while it passes, gone on with where it broke off."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import mimetypes
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from blocks import http
from blocks.pictures import HEAD_BYTES, TAIL_BYTES, Header, ends_as_begun, is_cut_off
from blocks.source import CannotResumeError, MediaReader
from blocks.storage_errors import translated
from blocks.store import Store
from exporters import RetriableError, SkippableError
from exporters.model import Media
from exporters.pictures.upright import MediaFile
from exporters.temporary import owned_name

T = TypeVar("T")

SURPLUS_BYTES = 16 << 20
"""That a file may have beyond twice what the source has on its books, which are wrong at times."""


async def off_loop(store: Store, call: Callable[..., T], *arguments: Any) -> T:
    """What the store answers, without holding up other transfers where it is far away.

    On this machine's own disk the answer takes less time than handing the question to a thread.
    """
    return call(*arguments) if store.storage.is_local else await asyncio.to_thread(call, *arguments)


class IncompleteError(RetriableError):
    """A transfer broke off, or what came is not all of the file."""


HELD_BYTES = 512 * 1024
"""What is no larger is written once it is whole: that takes half the time of a file that grows."""


class Arrived:
    """What has arrived of a file: held while it is small, then in a file of its own on the store's disk."""

    def __init__(self, store: Store, *, is_picture: bool) -> None:
        self._store = store
        self._spool: BinaryIO | None = None
        self.taken = 0
        """Bytes of all attempts."""
        self._is_picture = is_picture
        self.start_over()

    def start_over(self) -> None:
        if self._spool:
            self._spool.seek(0)
            self._spool.truncate()
        self._held: list[bytes] = []
        self._digest, self._crc32, self.size = hashlib.sha256(), 0, 0
        self._head, self._tail = b"", b""
        self._header = Header()

    def take(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self._crc32 = zlib.crc32(chunk, self._crc32)
        self.size += len(chunk)
        self.taken += len(chunk)
        if len(self._head) < HEAD_BYTES:
            self._head = (self._head + chunk[:HEAD_BYTES])[:HEAD_BYTES]
        self._tail = (self._tail + chunk[-TAIL_BYTES:])[-TAIL_BYTES:]
        if self._is_picture:
            self._header.feed(chunk)
        self._held.append(chunk)
        if self._spool or self.size > HELD_BYTES:
            self._let_go()

    def _let_go(self) -> None:
        if self._spool is None:
            self._spool = (self._store.spool_folder() / owned_name()).open("w+b")
        self._spool.writelines(self._held)
        self._held = []

    def keep(self, key: str, file: MediaFile) -> None:
        """Hand it over to the store."""
        if self._spool:
            self._spool.flush()
        self._store.keep_media(key, Path(self._spool.name) if self._spool else self._held, file)

    def is_cut_off(self) -> bool:
        """Whether it is a picture that ends too early to be drawn."""
        if self._spool is None:
            return is_cut_off(io.BytesIO(b"".join(self._held)))
        self._spool.flush()
        return is_cut_off(self._spool.name)

    @property
    def has_its_end(self) -> bool | None:
        """Whether it ends as a file of its kind must; None: nobody can tell."""
        return ends_as_begun(self._head, self._tail, self.size)

    def file(self) -> MediaFile:
        picture = self._header.result
        return MediaFile(
            sha256=self._digest.hexdigest(),
            size=self.size,
            crc32=self._crc32,
            width=picture.width if picture else None,
            height=picture.height if picture else None,
            orientation=picture.orientation if picture else 1,
        )

    def close(self) -> None:
        if self._spool:
            with contextlib.suppress(OSError):  # a full disk takes not even what is thrown away
                self._spool.close()
            Path(self._spool.name).unlink(missing_ok=True)


class Download:
    """The download of one media, in as many attempts as it takes.

    A file is whole when as many bytes came as the source has on its books, and a picture ends as it must. Books can be
    wrong: a picture that comes to the same end twice, and ends there as it must, is whole whatever they say.
    """

    def __init__(self, media: Media, key: str, reader: MediaReader, store: Store) -> None:
        self._media, self._key, self._reader, self._store = media, key, reader, store
        mime_type = media.mime_type or mimetypes.guess_type(media.name)[0] or "image/unknown"
        self._is_picture = mime_type.startswith("image/")
        self._ends: list[int] = []
        """How far each attempt came that did not come far enough."""

    async def run(self) -> MediaFile:
        """Raises:
        RetriableError: the transfer kept breaking.
        SkippableError: the source has no such file, or none that is whole.
        """
        arriving = Arrived(self._store, is_picture=self._is_picture)
        with translated(self._store.storage.shown), closing(arriving) as arrived:
            try:
                return await http.patiently(lambda: self._attempt(arrived))
            except RetriableError:
                if len(self._ends) > 1 and len(set(self._ends)) == 1:  # every time there was no more of it
                    raise SkippableError(self._media.id, "its media does not arrive in full length") from None
                raise

    async def _attempt(self, arrived: Arrived) -> MediaFile:
        before = arrived.taken
        try:
            await self._receive(arrived)
        except RetriableError as error:
            if arrived.taken == before:
                raise
            if not self._is_whole_after_all(arrived):
                raise IncompleteError(error.message, error.delay_seconds) from None
        else:
            await self._check(arrived)
        file = arrived.file()
        await off_loop(self._store, arrived.keep, self._key, file)
        return file

    async def _receive(self, arrived: Arrived) -> None:
        if arrived.size:
            try:
                async for chunk in self._reader.resume(self._media, arrived.size):
                    self._take(chunk, arrived)
            except CannotResumeError:
                arrived.start_over()
            else:
                return
        async for chunk in self._reader.read(self._media):
            self._take(chunk, arrived)

    def _take(self, chunk: bytes, arrived: Arrived) -> None:
        """Raise IncompleteError when more comes than any book could have forgotten: it would go on until disks fill."""
        arrived.take(chunk)
        announced = self._media.size
        if announced is not None and arrived.size > 2 * announced + SURPLUS_BYTES:
            arrived.start_over()
            raise IncompleteError(
                f"{self._media.name!r} comes without an end, though {announced} bytes were announced; try again later."
            )

    async def _check(self, arrived: Arrived) -> None:
        """Raise IncompleteError when what came to its end is not all of the file."""
        if self._media.size not in (None, arrived.size):
            if self._is_whole_after_all(arrived):
                return
            size = arrived.size
            arrived.start_over()
            raise IncompleteError(
                f"{size} bytes of {self._media.name!r} arrived, not {self._media.size}; try again later."
            )
        if arrived.has_its_end is False and await asyncio.to_thread(arrived.is_cut_off):
            self._ends.append(arrived.size)
            arrived.start_over()
            raise IncompleteError(f"{self._media.name!r} ends before its picture does; try again later.")

    def _is_whole_after_all(self, arrived: Arrived) -> bool:
        """Whether this is all of the file, though it is not as long as announced."""
        is_repeated = arrived.size in self._ends
        self._ends.append(arrived.size)
        return is_repeated and arrived.has_its_end is True
