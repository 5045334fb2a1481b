"""The IDAH API as an outside system sees it: login, listings, media bytes. Knows addresses and answers, no meaning.

The platform ignores filters it does not know and answers with everything, caps pages without a word, and says 401 for
more than bad tokens; so answers are checked against what was asked, and a login is renewed at most once a request.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncIterator, Container, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from blocks import http
from blocks.guard import Guard
from blocks.http_media import FileAnswer, range_request
from blocks.values import mapping
from exporters.errors import RequestError, RetriableError
from exporters.foreign_json import UNREADABLE, check_levels

PAGE_ROWS = 1000
"""The platform's largest page."""
COUNTED_ROWS = 1000
"""As far as the platform counts in one answer."""
MOST_ERROR_BYTES = 64 * 1024
"""Of an error document that is read."""
MOST_COUNTED = 100_000_000
"""Rows, after which a platform that always has more is not believed."""
QUERY_CHARACTERS = 7000
"""Longest query sent: proxies refuse addresses over about 8 KiB."""
RENEW_BEFORE_SECONDS = 60
"""A token is renewed at most this long before it expires; the platform allows clocks no leeway."""

NO_HEADERS: Mapping[str, str] = MappingProxyType({})

Query = list[tuple[str, str]]


class Resource(msgspec.Struct, frozen=True):
    """A JSON:API record: its identity and attributes, and `raw`, all of it as it was sent."""

    id: str
    attributes: dict[str, Any]
    raw: msgspec.Raw


_SPACE = re.compile(rb"\s")


class _Many(msgspec.Struct):
    class Meta(msgspec.Struct):
        count: int | None = None

    data: list[msgspec.Raw]
    meta: Meta = msgspec.field(default_factory=Meta)


class _One(msgspec.Struct):
    data: msgspec.Raw


class _Login(msgspec.Struct):
    class Attributes(msgspec.Struct):
        exp: float = 0

    class Data(msgspec.Struct):
        attributes: _Login.Attributes

    class Meta(msgspec.Struct):
        token: str

    data: Data
    meta: Meta


@dataclass(frozen=True)
class _Token:
    text: str = field(repr=False)
    renew_at: float


_tokens: dict[tuple[str, str], _Token] = {}
"""By platform and a digest of the login: tasks come and go with a client each, and go on with one another's token."""


@dataclass
class Connection:
    """What a client needs to know; `login` is the body of the login request and holds the secret."""

    url: str
    login_path: str
    login: dict[str, Any] = field(repr=False)
    connections: int = 8
    timeout_seconds: float = 60.0
    verify_ssl: bool = True
    ca_bundle: str = ""
    proxy: str = field(default="", repr=False)
    user_agent: str = ""


class IdahClient:
    """One account on one platform, within one event loop."""

    def __init__(self, connection: Connection, session: aiohttp.ClientSession) -> None:
        self._connection = connection
        self._session = session
        self._base = connection.url.rstrip("/") + "/api/v1/"
        self._host = f"IDAH at {http.host_of(connection.url)}"
        self._account = (self._base, hashlib.sha256(msgspec.json.encode(connection.login)).hexdigest())
        self._login_lock = asyncio.Lock()
        self.page_rows = PAGE_ROWS
        self.clock: datetime | None = None
        """The platform's, as its last answer said; it may not say."""
        self._proxy = http.proxy_for(connection.url, connection.proxy)
        self._listings = asyncio.Semaphore(4)  # people annotate through the platform's same 16 threads

    async def page(
        self, path: str, query: Iterable[tuple[str, str]], *, number: int = 1, size: int | None = None
    ) -> list[Resource]:
        """One page of a listing; `number` from 1, `size` the platform's largest if it is not given.

        A page that is shorter than asked for is the last one, unless the platform has cut it: what it counts shows
        that, and `page_rows` is then what it gives.
        """
        size = size or self.page_rows
        pages = [("page[number]", str(number)), ("page[size]", str(size)), ("count", "true")]
        for is_second in (False, True):
            answer = await self._document(path, [*query, *pages], _Many)
            announced = min(size, (answer.meta.count or 0) - (number - 1) * size)
            if len(answer.data) >= announced:
                break
            if is_second and answer.data:  # twice: the first time, rows may have gone after they were counted
                self.page_rows = min(self.page_rows, len(answer.data))
        return [self._resource(raw, path) for raw in answer.data]

    async def count(self, path: str, query: Query, *, beyond: int = 0) -> int | None:
        """How many rows a listing has, from answers of one row; None when there are not more than `beyond`.

        An answer counts up to 1,000 rows from its place on; so knowing how many should be there saves the way.
        """
        start = beyond
        while True:
            pages = [("page[number]", str(start + 1)), ("page[size]", "1"), ("count", "true")]
            answer = await self._document(path, [*query, *pages], _Many)
            counted = answer.meta.count or 0
            if not answer.data:
                return None if start == beyond and beyond else start
            if counted < start + COUNTED_ROWS:
                return counted
            start += COUNTED_ROWS
            if start > MOST_COUNTED:
                raise RetriableError(
                    f"{self._host} counts rows of {path} without an end; try again later, and report it if it stays so."
                )

    async def one(self, path: str, query: Query | None = None) -> Resource:
        return self._resource((await self._document(path, query or [], _One)).data, path)

    async def plain(self, path: str, query: Query) -> Any:
        """A JSON answer that is no JSON:API document."""
        return await self._document(path, query, Any)

    @asynccontextmanager
    async def open(self, path: str, offset: int = 0, etag: str = "") -> AsyncIterator[FileAnswer]:
        """A file, as it is sent. The length announced is checked by `FileAnswer.chunks`.

        With an `offset`, what is sent may begin there, or at the beginning all the same: see `FileAnswer.offset`.
        """
        headers, expected = range_request(offset, etag)
        async with (
            http.translated(self._host),
            self._authorized(path, "", headers=headers, expected=expected) as response,
        ):
            yield FileAnswer(response, self._host)

    async def _document(self, path: str, query: Query, into: Any) -> Any:
        text = http.query_text(query)

        async def attempt() -> Any:
            async with http.translated(self._host), self._authorized(path, text) as response:
                return self._decode(await http.read_answer(response, self._host), into, path)

        async with self._listings:
            try:
                return await http.patiently(attempt)
            except http.ElsewhereError as error:  # no passing fault: the address is wrong
                raise RequestError(error.message) from None

    @asynccontextmanager
    async def _authorized(
        self, path: str, query: str, *, headers: Mapping[str, str] = NO_HEADERS, expected: Container[int] = (200,)
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A successful answer to a GET. A 401 is answered by one new login: the token may have been cut short."""
        token = await self._fresh_token()
        for may_renew in (True, False):
            async with self._get(path, query, {**headers, "Authorization": f"Bearer {token}"}) as response:
                self.clock = http.date_of(response)
                if response.status == 401 and may_renew:
                    token = await self._fresh_token(refused=token)
                    continue
                detail = await _detail(response)
                if response.status == 401 and (not detail or "expired" in detail):
                    raise RetriableError(f"{self._host} refuses tokens as soon as they are made; try again later.")
                http.check_status(response, self._host, detail, expected=expected)
                yield response
                return

    def _get(self, path: str, query: str, headers: Mapping[str, str]) -> Any:
        url = URL(f"{self._base}{path}{'?' if query else ''}{query}", encoded=True)
        return self._session.get(url, headers=headers, allow_redirects=False, proxy=self._proxy)

    async def _fresh_token(self, refused: str = "") -> str:
        """A token that is good for a while; a new one when the present one was `refused`."""
        async with self._login_lock:  # many requests find the token expired together; one of them logs in
            token = _tokens.get(self._account)
            if token is None or token.text == refused or time.time() > token.renew_at:
                token = _tokens[self._account] = await self._log_in()
            return token.text

    async def _log_in(self) -> _Token:
        url = URL(self._base + self._connection.login_path, encoded=True)
        before = time.time()
        async with (
            http.translated(self._host),
            self._session.post(url, json=self._connection.login, allow_redirects=False, proxy=self._proxy) as response,
        ):
            http.check_status(response, self._host, await _detail(response))
            login = self._decode(await http.read_answer(response, self._host), _Login, "login")
        if not (login.meta.token.isascii() and login.meta.token.isprintable()):  # it is to stand in a header
            raise self._unreadable("login")
        lifetime = login.data.attributes.exp - before
        # Short tokens are used for most of their life; where clocks disagree, the platform's 401 is what tells.
        margin = min(RENEW_BEFORE_SECONDS, 0.2 * lifetime)
        return _Token(login.meta.token, before + lifetime - margin if lifetime > 0 else float("inf"))

    def _decode(self, body: bytes, into: type[Any], what: str) -> Any:
        try:
            check_levels(body)
            return msgspec.json.decode(body, type=into)
        except UNREADABLE:
            if body.lstrip()[:1] == b"<":
                raise http.ElsewhereError(
                    f"{self._host} answered with a web page where its API was expected ({what}); check the address."
                ) from None
            raise self._unreadable(what) from None

    def _resource(self, raw: msgspec.Raw, path: str) -> Resource:
        try:
            sent = bytes(raw)
            record = mapping(msgspec.json.decode(sent))  # all of it: what a decoder passes over may be no text
            id_, attributes = record.get("id"), record.get("attributes", {})
            if not isinstance(id_, str) or not isinstance(attributes, dict):
                raise self._unreadable(path)
            if _SPACE.search(sent):  # between values, or in texts
                sent = msgspec.json.format(sent, indent=-1)
        except UNREADABLE:
            raise self._unreadable(path) from None
        return Resource(id_, attributes, msgspec.Raw(sent))

    def _unreadable(self, what: str) -> RetriableError:
        return RetriableError(f"{self._host} sent an answer that cannot be read ({what}); try again later.")


@asynccontextmanager
async def connect(connection: Connection) -> AsyncIterator[IdahClient]:
    async with http.session(connection, Guard(connection.url, proxy=connection.proxy)) as session:
        yield IdahClient(connection, session)


def batches(name: str, values: Sequence[str], most: int) -> list[Query]:
    """Filters for "any of these values", cut so that no address gets too long and no batch has over `most` values.

    No values give no batch: an empty list would encode to nothing, and the platform would answer with everything.
    """
    queries: list[Query] = []
    length = 0
    for value in values:
        added = len(name) + len(quote(value, safe="")) + 4
        if not queries or length + added > QUERY_CHARACTERS or len(queries[-1]) >= most:
            queries.append([])
            length = 0
        queries[-1].append((f"{name}[]", value))
        length += added
    return queries


async def _detail(response: aiohttp.ClientResponse) -> str:
    """What an error document says, in short: the platform adds backtraces that nobody should read."""
    if response.status < 400:
        return ""
    try:
        document = msgspec.json.decode(await response.content.read(MOST_ERROR_BYTES))
        detail = document["errors"][0]["detail"] if "errors" in document else document["detail"]
        return str(detail)[:120]
    except (aiohttp.ClientError, *UNREADABLE, LookupError, TypeError):
        return ""
