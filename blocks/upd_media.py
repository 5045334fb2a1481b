"""The media of a UPD file: blobs out of the database, and what the file links to."""

from __future__ import annotations

import asyncio
import hashlib
import io
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import IO
from urllib.parse import quote, unquote

from blocks import upd_queries as queries
from blocks.chunks import CHUNK_BYTES
from blocks.pictures import Header, Picture
from blocks.source import CannotResumeError, MediaReader
from blocks.storage_errors import translated
from blocks.upd_file import UpdFile
from blocks.upd_links import Links
from blocks.upd_records import DIGEST
from exporters.errors import SkippableError
from exporters.model import Media
from exporters.upd.schema import LOCAL

HELD_BYTES = 8 << 20
"""A larger blob is laid on disk while it is read: only one is in memory at a time."""
MEMORY_MEGABYTES = 64
"""What DuckDB may hold, but for a blob that is larger: little more than it, as what it has read stays."""
HEADER_BYTES = 1 << 16


def blob_ref(id_: str, key: str, true_key: str) -> str:
    """What a blob is read by. Files of one media differ in their key only, unless that could not be the column's."""
    ref = f"{LOCAL}{quote(id_, safe=_PLAIN)}"
    return ref if key == true_key else f"{ref}?key={quote(key, safe='')}"


_PLAIN = "/:@!$&'()*+,;= "
"""Stand for themselves in a `ref`, beside letters and digits."""


class UpdMedia(MediaReader):
    """Reads media of a file that stays open meanwhile."""

    def __init__(self, file: UpdFile, links: Links | None) -> None:
        """`links` is None where what the file links to is not fetched."""
        self._file, self._links = file, links
        self._one_at_a_time = asyncio.Lock()

    async def read(self, media: Media) -> AsyncIterator[bytes]:
        async with aclosing(self._read(media, 0)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def resume(self, media: Media, offset: int) -> AsyncIterator[bytes]:
        async with aclosing(self._read(media, offset)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _read(self, media: Media, offset: int) -> AsyncGenerator[bytes, None]:
        if media.ref.startswith(LOCAL):
            async with self._one_at_a_time:
                found = await asyncio.to_thread(self._taken, media)
            with found:
                found.seek(offset)
                while chunk := await asyncio.to_thread(found.read, CHUNK_BYTES):
                    yield chunk
        elif self._links is None:
            raise SkippableError(media.id, "its media is not in the file, and links are not followed")
        else:
            if offset and _digest(media):
                raise CannotResumeError(
                    f"The media {media.id} is checked, and so read from its beginning; read it again."
                )
            links = self._links
            async with aclosing(
                links.resume(media, offset) if offset else _checked(links.read(media), media)
            ) as chunks:
                async for chunk in chunks:
                    yield chunk

    def _taken(self, media: Media) -> IO[bytes]:
        """A blob, taken out of the database whole: DuckDB reads all of it for any part of it."""
        data = self._file.blob(queries.BLOB, *_row(media))
        if data is None:
            raise SkippableError(media.id, "its media is not in the file")
        digest = _digest(media)
        if digest and digest != hashlib.sha256(data).hexdigest():
            raise _wrong_bytes(media)
        if len(data) <= HELD_BYTES:
            return io.BytesIO(data)
        with translated(tempfile.gettempdir()):
            laid = tempfile.TemporaryFile()  # noqa: SIM115 - whoever reads it closes it
            try:
                laid.write(data)
            except BaseException:
                laid.close()
                raise
        return laid


def blob_picture(file: UpdFile, media: Media) -> Picture | None:
    """Width and height of a picture in the file, from as much of its beginning as it takes."""
    header, begin = Header(), 1
    while part := file.blob(queries.PART, begin, begin + HEADER_BYTES - 1, *_row(media)):
        if header.feed(bytes(part)):
            break
        begin += len(part)
    return header.result


def _row(media: Media) -> tuple[str, str]:
    """Id and key of the row that a media's bytes are in."""
    id_, is_other, key = media.ref.removeprefix(LOCAL).partition("?key=")
    return unquote(id_), unquote(key) if is_other else media.key


async def _checked(chunks: AsyncGenerator[bytes, None], media: Media) -> AsyncGenerator[bytes, None]:
    """The same chunks; after the last, an error where they are not what the file tells the digest of."""
    digest, expected = hashlib.sha256(), _digest(media)
    async with aclosing(chunks):
        async for chunk in chunks:
            digest.update(chunk)
            yield chunk
    if expected and expected != digest.hexdigest():
        raise _wrong_bytes(media)


def _digest(media: Media) -> str:
    return media.version.removeprefix(DIGEST) if media.version.startswith(DIGEST) else ""


def _wrong_bytes(media: Media) -> SkippableError:
    return SkippableError(media.id, "its media is not what its SHA-256 in the file says")
