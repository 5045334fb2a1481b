"""Files that signed links lead to, wherever that is: in the storage of the hub, or of a customer. They get no key."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from blocks import http
from blocks.http_media import FileAnswer, range_request
from exporters.errors import FatalError

MOST_REDIRECTS = 5
AS_IT_IS = {"Accept-Encoding": "identity"}
"""A file is to come with the bytes that it has."""
_PLAIN = "%!#$&'()*+,/:;=?@[]~"
"""Stand for themselves in an address, beside letters and digits: what is quoted already stays as it is."""


class LinkRefusedError(FatalError):
    """A storage does not open a link: it has expired, or never was one."""


class LinkedFiles:
    """Opens links, and stores under them, within one event loop; `proxy` as the block has it."""

    def __init__(self, session: aiohttp.ClientSession, proxy: str) -> None:
        self._session, self._proxy = session, proxy

    @asynccontextmanager
    async def open(self, address: str, offset: int = 0, etag: str = "") -> AsyncIterator[FileAnswer]:
        """A file at its address, which may be signed; from a byte on where its storage can.

        Raises:
            LinkRefusedError: 401, 403 or 400. NotFoundError: 404 or 410. RetriableError: it did not come.
        """
        headers, expected = range_request(offset, etag)
        async with self._request_file("GET", address, headers | AS_IT_IS) as (response, host):
            if response.status in (400, 401, 403):
                raise LinkRefusedError(
                    f"{host} does not open a link ({response.status}); it may have expired, run it again."
                )
            if response.status == 410:
                raise http.NotFoundError(f"{host} has nothing there any more; export it again.")
            http.check_status(response, host, expected=expected)
            yield FileAnswer(response, host)

    async def put(self, link: str, chunks: AsyncIterable[bytes], size: int) -> None:
        """Store a file under a link, which takes no body of unknown length and no key.

        Raises:
            LinkRefusedError: 400, 401 or 403. RetriableError: it did not arrive.
        """
        body = {"data": chunks, "skip_auto_headers": ("Content-Type",), "allow_redirects": False}
        async with self._request_file("PUT", link, {"Content-Length": str(size)}, **body) as (response, host):
            if response.status in (400, 401, 403):
                raise LinkRefusedError(f"{host} does not take a file under a link ({response.status}); run it again.")
            http.check_status(response, host, expected=range(200, 300))

    async def stored_size(self, link: str) -> int | None:
        """How many bytes open under a link; None where its storage does not say."""
        async with self._request_file("GET", link, {"Range": "bytes=0-0", **AS_IT_IS}) as (response, host):
            http.check_status(response, host, expected=(200, 206))
            if response.status == 206:
                total = response.headers.get("Content-Range", "").rpartition("/")[2]
                return int(total) if total.isdecimal() else None
            return response.content_length

    @asynccontextmanager
    async def _request_file(
        self, method: str, address: str, headers: Mapping[str, str], **more: Any
    ) -> AsyncIterator[tuple[aiohttp.ClientResponse, str]]:
        """The answer of wherever a link leads, and who that is; not looked at yet. It gets no key.

        Raises:
            LinkRefusedError: the address is none of the web. RetriableError: no answer came.
        """
        try:
            url = URL(quote(address, safe=_PLAIN), encoded=True)  # a signature is about each byte of the rest
        except ValueError:
            url = URL()
        if url.scheme not in ("http", "https") or not url.host:
            raise LinkRefusedError("The address of a file is not one of the web; put it where the hub can link to it.")
        host = str(url.origin())
        async with (
            http.translated(host),
            self._session.request(
                method,
                url,
                headers=headers,
                max_redirects=MOST_REDIRECTS,
                proxy=http.proxy_for(address, self._proxy),
                **more,
            ) as response,
        ):
            yield response, host
