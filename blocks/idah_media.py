"""The files of IDAH, over the connections of one client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from blocks import http
from blocks.idah_client import IdahClient
from blocks.idah_reading import media_path
from blocks.source import CannotResumeError, MediaReader
from exporters.errors import SkippableError
from exporters.model import Media


class IdahMediaReader(MediaReader):
    """The platform sends files from the beginning only; a cache in front of it may do better, and then says so."""

    def __init__(self, client: IdahClient) -> None:
        self._client = client
        self._etags: dict[str, str] = {}
        """Of files that broke off, and whose rest can be asked for; empty where the far end gives none."""

    async def read(self, media: Media) -> AsyncIterator[bytes]:
        path = media_path(media)
        for is_last in (False, True):
            try:
                async with aclosing(self._chunks(path, 0)) as chunks:
                    async for chunk in chunks:
                        yield chunk
            except http.NotFoundError:  # said of a new file, too, by a storage that is a little late
                if is_last:
                    raise SkippableError(media.id, "its media is gone from the platform (404)") from None
                await asyncio.sleep(http.wait_seconds(1, None))
            else:
                return

    async def resume(self, media: Media, offset: int) -> AsyncIterator[bytes]:
        path = media_path(media)
        if path not in self._etags:
            raise CannotResumeError(f"IDAH sends the media {media.id} from its beginning only.")
        async with aclosing(self._chunks(path, offset)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _chunks(self, path: str, offset: int) -> AsyncGenerator[bytes, None]:
        etag = self._etags.pop(path, "")
        async with self._client.open(path, offset, etag) as answer:
            if answer.offset != offset:
                raise CannotResumeError(f"IDAH sent {path} from another place than it was asked for.")
            if answer.is_resumable:
                self._etags[path] = answer.etag
            async with aclosing(answer.chunks()) as chunks:
                async for chunk in chunks:
                    yield chunk
            self._etags.pop(path, None)
