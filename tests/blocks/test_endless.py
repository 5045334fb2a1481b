"""Platforms that answer for ever: bodies without an end, pages that repeat or go on, counts that are never reached."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web
from pydantic import SecretStr

from blocks import http, idah_client, idah_listing
from blocks.ango import AngoSource
from blocks.idah import IdahSource
from blocks.idah_client import Resource
from blocks.idah_listing import read_listing
from blocks.sandbox import server
from exporters.errors import RetriableError


@contextmanager
def answering(handler: Any) -> Iterator[str]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    with server.serve(application, host="127.0.0.1", port=0) as url:
        yield url


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "wait_seconds", lambda *_: 0.0)
    idah_client._tokens.clear()


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_document_without_an_end(is_packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that goes on for ever is given up at a limit, and so is one that is small until it is unpacked."""
    monkeypatch.setattr(http, "LONGEST_ANSWER_BYTES", 3 << 20)
    packing = zlib.compressobj(9, wbits=31)

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Encoding": "gzip"} if is_packed else {})
        await response.prepare(request)
        while True:
            piece = b" " * (1 << 16)
            await response.write(packing.compress(piece) if is_packed else piece)
        return response

    said = "sends an answer without an end|broke off the connection"  # the latter of what unpacks to too much at once
    with answering(answer) as url, pytest.raises(RetriableError, match=said):
        IdahSource(url=url, api_key=SecretStr("IDAH_1")).catalog()


def test_a_document_that_trickles_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body of which a letter comes now and then is waited for as long as a document may take, and no longer."""
    monkeypatch.setattr(http, "LONGEST_ANSWER_SECONDS", 0.2)

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.01)
        return response

    with answering(answer) as url, pytest.raises(RetriableError, match="did not answer in time"):
        AngoSource(url=url, api_key=SecretStr("key")).catalog()


class Listing:
    """A platform's pages, which are full whatever is asked for."""

    def __init__(self, page_rows: int, *, is_fresh: bool) -> None:
        self.page_rows, self._is_fresh, self._given = page_rows, is_fresh, 0

    async def page(self, path: str, query: Any, *, number: int, size: int) -> list[Resource]:
        await asyncio.sleep(0)
        self._given += size if self._is_fresh else 0
        overlap = 1 if self._is_fresh and number > 1 else 0
        first = self._given - size - overlap if self._is_fresh else 0
        return [Resource(f"{first + place:09}", {}, msgspec.Raw(b"{}")) for place in range(size)]


async def _drained(listing: Any, **options: Any) -> int:
    return sum([len(page) async for page in read_listing(listing, "rows", [], **options)])


@pytest.mark.parametrize("page_rows", [1, 2, 3, 20])
def test_pages_that_repeat(page_rows: int) -> None:
    """The same page again and again, however large, is no listing."""
    with pytest.raises(RetriableError, match="does not come to an end"):
        asyncio.run(_drained(Listing(page_rows, is_fresh=False)))


@pytest.mark.parametrize("expected", [None, 50])
def test_pages_that_go_on(expected: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """New rows for ever end where there are far more than the platform itself says, or than anybody has."""
    monkeypatch.setattr(idah_listing, "MOST_ROWS", 500)
    monkeypatch.setattr(idah_listing, "MOST_NEW_ROWS", 500)
    with pytest.raises(RetriableError, match=r"does not come to an end|were deleted while"):
        asyncio.run(_drained(Listing(20, is_fresh=True), expected=expected))


def test_projects_that_repeat() -> None:
    """A hub that counts more projects than it lists, and lists the same ones on each page, is told so."""
    row = {"_id": "650000000000000000000abc", "name": "x"}

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"status": "success", "data": {"projects": [row], "total": 5}})

    with answering(answer) as url, pytest.raises(RetriableError, match="counts other projects than it lists"):
        AngoSource(url=url, api_key=SecretStr("key")).catalog()


def test_a_count_that_is_never_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform that always has another thousand rows is not asked for ever."""
    monkeypatch.setattr(idah_client, "MOST_COUNTED", 20_000)

    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST":
            return web.json_response({"data": {"attributes": {"exp": 0}}, "meta": {"token": "t"}})
        return web.json_response({"data": [{"id": "1", "attributes": {}}], "meta": {"count": 10**12}})

    async def count(url: str) -> int | None:
        connection = idah_client.Connection(url, "login", {})
        async with idah_client.connect(connection) as client:
            return await client.count("dataset/annotations", [])

    with answering(answer) as url, pytest.raises(RetriableError, match=r"counts rows of .* without an end"):
        asyncio.run(count(url))
