"""Files of Ango Hub, over the connections of one client: opened by the link that is known, or by a new one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from blocks import http
from blocks.ango.client import AngoClient
from blocks.ango.linked_files import LinkRefusedError
from blocks.ango.medias import File, file_of
from blocks.guard import RefusedAddressError
from blocks.http_media import FileAnswer, HttpMediaReader, misplaced
from exporters.errors import SkippableError
from exporters.model import Media


@asynccontextmanager
async def opened(client: AngoClient, file: File, offset: int = 0, etag: str = "") -> AsyncIterator[FileAnswer]:
    """A file as it is sent; a link that has expired is asked for again, once.

    Raises:
        LinkRefusedError: its storage does not open it. NotFoundError: it is not there. RetriableError: it did not come.
    """
    if not file.signed:
        async with client.files.open(file.link, offset, etag) as answer:
            yield answer
        return
    address = await client.signed_link(file.link, file.project, file.kind)
    is_open = False
    try:
        async with client.files.open(address, offset, etag) as answer:
            is_open = True
            yield answer
    except LinkRefusedError:
        if is_open:
            raise
    if not is_open:
        address = await client.signed_link(file.link, file.project, file.kind, afresh=True)
        async with client.files.open(address, offset, etag) as answer:
            yield answer


async def content(client: AngoClient, file: File, most_bytes: int) -> bytes:
    """A small file as a whole; of a larger one, as much as `most_bytes`."""

    async def attempt() -> bytes:
        found = bytearray()
        async with opened(client, file) as answer, aclosing(answer.chunks()) as chunks:
            async for chunk in chunks:
                found += chunk
                if len(found) >= most_bytes:
                    break
        return bytes(found)

    return await http.patiently(attempt)


class AngoMediaReader(HttpMediaReader):
    def __init__(self, client: AngoClient) -> None:
        super().__init__()
        self._client = client

    async def read(self, media: Media) -> AsyncGenerator[bytes, None]:
        inline = file_of(media).content
        if inline is not None:
            yield inline.encode()
            return
        async with aclosing(self.chunks(media, 0)) as chunks:
            async for chunk in chunks:
                yield chunk

    @asynccontextmanager
    async def open(self, media: Media, offset: int, etag: str) -> AsyncIterator[FileAnswer]:
        try:
            async with opened(self._client, file_of(media), offset, etag) as answer:
                yield answer
        except http.NotFoundError:
            raise SkippableError(media.id, "its media is gone from its storage (404)") from None
        except RefusedAddressError as error:
            raise misplaced(media, error) from None
        except LinkRefusedError:
            raise SkippableError(media.id, "its media is not opened by its storage") from None
