"""The files of IDAH, over the connections of one client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing

from blocks import http
from blocks.http_media import FileAnswer, HttpMediaReader
from blocks.idah_client import IdahClient
from blocks.idah_reading import media_path
from exporters.errors import SkippableError
from exporters.model import Media


class IdahMediaReader(HttpMediaReader):
    """The platform sends files from the beginning only; a cache in front of it may do better, and then says so."""

    def __init__(self, client: IdahClient) -> None:
        super().__init__()
        self._client = client

    def open(self, media: Media, offset: int, etag: str) -> AbstractAsyncContextManager[FileAnswer]:
        return self._client.open(media_path(media), offset, etag)

    async def read(self, media: Media) -> AsyncGenerator[bytes, None]:
        for is_last in (False, True):
            try:
                async with aclosing(self.chunks(media, 0)) as chunks:
                    async for chunk in chunks:
                        yield chunk
            except http.NotFoundError:  # said of a new file, too, by a storage that is a little late
                if is_last:
                    raise SkippableError(media.id, "its media is gone from the platform (404)") from None
                await asyncio.sleep(http.wait_seconds(1, None))
            else:
                return
