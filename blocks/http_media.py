"""Files over HTTP: whole, or from a byte on where the far end can; that it can, it says itself."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing

import aiohttp

from blocks import http
from blocks.guard import RefusedAddressError
from blocks.source import CannotResumeError, MediaReader
from exporters.errors import RetriableError, SkippableError
from exporters.model import Media

_CONTENT_RANGE = re.compile(r"bytes (\d+)-", re.ASCII)


def range_request(offset: int, etag: str) -> tuple[dict[str, str], tuple[int, ...]]:
    """The headers that ask for a file from a byte on, and the statuses that are answers to it."""
    if not offset:
        return {}, (200,)
    only_if_the_same = {"If-Range": etag} if etag else {}
    return {"Range": f"bytes={offset}-", **only_if_the_same}, (200, 206, 416)  # 416: there is nothing from there on


def misplaced(media: Media, error: RefusedAddressError) -> SkippableError:
    """What a link that leads nowhere good costs the entry that has it."""
    return SkippableError(
        media.id, f"its media lies at an address that nothing is fetched from ({error.kind})", error.message.rstrip(".")
    )


class FileAnswer:
    """A file on its way, from the byte `offset` on; `is_resumable`: the far end could send the rest another time.

    The offset is -1 where nothing of the file comes.
    """

    def __init__(self, response: aiohttp.ClientResponse, host: str) -> None:
        self._response, self._host = response, host
        begins = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
        self.offset = int(begins[1]) if response.status == 206 and begins else 0 if response.status == 200 else -1
        self.etag = response.headers.get("ETag", "")
        self.is_resumable = response.status == 206 or response.headers.get("Accept-Ranges") == "bytes"

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Raises RetriableError when fewer bytes come than were announced."""
        expected, received = self._response.content_length, 0
        async for chunk in self._response.content.iter_chunked(http.CHUNK_BYTES):
            received += len(chunk)
            yield chunk
        if expected is not None and received != expected:
            raise RetriableError(f"{self._host} sent {received} of {expected} bytes of a file; try again later.")


class HttpMediaReader(MediaReader):
    """Remembers of files that broke off whether their rest can be asked for."""

    def __init__(self) -> None:
        self._etags: dict[tuple[str, str], str] = {}
        """By ref and key; empty where the far end gives none."""

    @abstractmethod
    def open(self, media: Media, offset: int, etag: str) -> AbstractAsyncContextManager[FileAnswer]:
        """Ask for a file, from a byte on if it is still the one with this tag."""

    async def resume(self, media: Media, offset: int) -> AsyncGenerator[bytes, None]:
        if (media.ref, media.key) not in self._etags:
            raise CannotResumeError(f"The media {media.id} is sent from its beginning only; read it again.")
        async with aclosing(self.chunks(media, offset)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def chunks(self, media: Media, offset: int) -> AsyncGenerator[bytes, None]:
        """The bytes from `offset` on."""
        key = media.ref, media.key
        async with self.open(media, offset, self._etags.pop(key, "")) as answer:
            if answer.offset != offset:
                raise CannotResumeError(
                    f"The media {media.id} was sent from another place than it was asked for; read it again."
                )
            if answer.is_resumable:
                self._etags[key] = answer.etag
            async with aclosing(answer.chunks()) as chunks:
                async for chunk in chunks:
                    yield chunk
            self._etags.pop(key, None)
