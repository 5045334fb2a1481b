"""Media that a UPD file only links to, fetched from the web. Nobody's credentials are known here, so none are sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import aiohttp
from yarl import URL

from blocks import http
from blocks.guard import Guard, RefusedAddressError, refusal_of
from blocks.http_media import FileAnswer, HttpMediaReader, misplaced, range_request
from blocks.pictures import Header, Picture
from blocks.upd_rows import is_link
from exporters.errors import OuthaulError, RetriableError, SkippableError
from exporters.model import Media
from exporters.version import version_of

SILENCE_SECONDS = 30.0
MOST_REDIRECTS = 5


@dataclass(frozen=True)
class Following:
    """How links are followed: so many at once, to where the guard lets."""

    connections: int
    guard: Guard


class Links(HttpMediaReader):
    """Reads media whose `ref` is a web address."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        super().__init__()
        self._session = session

    def read(self, media: Media) -> AsyncGenerator[bytes, None]:
        return self.chunks(media, 0)

    async def picture(self, media: Media) -> Picture | None:
        """Width and height of a linked picture; None where it cannot be had, which its download will tell."""
        header = Header()

        async def look() -> None:
            async with aclosing(self.chunks(media, 0)) as chunks:
                async for chunk in chunks:
                    if header.feed(chunk):
                        break

        try:
            await http.patiently(look)
        except OuthaulError:
            return None
        return header.result

    @asynccontextmanager
    async def open(self, media: Media, offset: int, etag: str) -> AsyncIterator[FileAnswer]:
        headers, expected = range_request(offset, etag)
        try:
            host = http.host_of(media.ref)
            url = URL(media.ref)
        except (OuthaulError, ValueError):
            raise _not_of_the_web(media) from None
        if not is_link(media.ref):
            raise _not_of_the_web(media)
        async with http.translated(host):
            try:
                request = await self._session.get(
                    url, headers=headers, max_redirects=MOST_REDIRECTS, proxy=http.proxy_for(media.ref)
                )
            except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
                raise _not_of_the_web(media) from None
            except RefusedAddressError as error:
                raise misplaced(media, error) from None
            except aiohttp.ClientConnectorError as error:
                if refusal := refusal_of(error):
                    raise misplaced(media, refusal) from None
                raise
            async with request as response:
                _check(response, host, media, expected)
                yield FileAnswer(response, host)


@asynccontextmanager
async def links(following: Following) -> AsyncIterator[Links]:
    """A reader of linked media: no cookies are kept, and no credentials of this machine are used."""
    async with aiohttp.ClientSession(
        connector=following.guard.connector(limit=following.connections),
        middlewares=(following.guard.middleware,),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=SILENCE_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,  # nor those of a .netrc
        auto_decompress=False,
        read_bufsize=http.CHUNK_BYTES,
        headers={"User-Agent": f"outhaul/{version_of('outhaul')}", "Accept-Encoding": "identity"},
    ) as session:
        yield Links(session)


def _not_of_the_web(media: Media) -> SkippableError:
    return SkippableError(media.id, "its media lies at an address that is not one of the web, and is not read")


def _check(response: aiohttp.ClientResponse, host: str, media: Media, expected: tuple[int, ...]) -> None:
    """One address of a file of many: what is wrong with it costs the entries that it belongs to, and no others."""
    status = response.status
    if status in (401, 403, 407):
        raise SkippableError(media.id, f"its media may not be read without a login ({status})")
    if status in (404, 410):
        raise SkippableError(media.id, f"its media is gone from where the file says it is ({status})")
    if 400 <= status < 500 and status not in (408, 416, 425, 429):
        raise SkippableError(media.id, f"its media is refused where the file says it is ({status})")
    if status == 425:
        raise RetriableError(f"{host} answered {status}; try again later.")
    http.check_status(response, host, expected=expected)
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise SkippableError(media.id, "its media comes packed, and is not unpacked")
