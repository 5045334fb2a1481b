"""The REST interface of Ango Hub, asked with the API key. Knows addresses and answers, no meaning."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

import aiohttp
import msgspec
from yarl import URL

from blocks import http
from blocks.ango.linked_files import LinkedFiles
from blocks.ango.links import BOOK
from blocks.guard import LIST_IT, Guard
from exporters.errors import FatalError, RequestError, RetriableError
from exporters.foreign_json import UNREADABLE, check_levels

PAGES_ATTEMPTS = 3
MOST_PROJECTS = 1_000_000
"""Nobody has as many: a list of more has no end."""
EXPORTS = "exports"
"""What the hub files a plug-in's product as."""

T = TypeVar("T")
Query = Mapping[str, str]
NOWHERE_ELSE: Query = {}


class _Answer(msgspec.Struct):
    status: str = ""
    message: Any = ""
    data: dict[str, msgspec.Raw] | None = None


@dataclass(frozen=True)
class Connection:
    """What a client needs to know."""

    url: str
    api_key: str = field(repr=False)
    connections: int = 8
    timeout_seconds: float = 30.0
    export_timeout_seconds: float = 3600.0
    verify_ssl: bool = True
    ca_bundle: str = ""
    proxy: str = field(default="", repr=False)
    user_agent: str = ""
    media_hosts: tuple[str, ...] = ()


class AngoClient:
    """One account at one hub, within one event loop."""

    def __init__(self, connection: Connection, session: aiohttp.ClientSession) -> None:
        self._connection, self._session = connection, session
        self.files = LinkedFiles(session, connection.proxy)
        self._base = connection.url.rstrip("/") + "/v2/"
        self.shown = f"Ango Hub at {http.host_of(connection.url)}"
        self.account = hashlib.sha256(f"{self._base} {connection.api_key}".encode()).hexdigest()

    async def project(self, id_: str) -> msgspec.Raw:
        """Raises NotFoundError where there is none."""
        return self._part(await self._ask(f"project/{http.encoded(id_)}", {}), "project")

    async def projects(self, page_size: int) -> list[msgspec.Raw]:
        """All projects that this account sees; listed again where they moved from page to page meanwhile."""
        for _ in range(PAGES_ATTEMPTS):
            found, total = await self._pages("listProjects", "projects", page_size)
            if len(found) == total:
                return list(found.values())
        raise RetriableError(f"{self.shown} counts other projects than it lists; try again when it is quieter.")

    async def assets(self, project_id: str, most: int) -> list[Any]:
        """The first assets of a project."""
        data = await self._ask(f"project/{http.encoded(project_id)}/assets", {"page": "1", "limit": str(most)})
        return self._opened(data, "assets", list[Any]) if "assets" in data else []

    async def export(self, query: Query) -> str:
        """Has an export built, which takes its time, and returns the link to it."""
        data = await self._ask("export", query, timeout_seconds=self._connection.export_timeout_seconds)
        try:
            return msgspec.json.decode(data["exportPath"], type=str)
        except (KeyError, *UNREADABLE):
            raise RequestError(
                f"{self.shown} gave no link to the export; if the project has an Export Storage of its own, take it "
                f"out of the project's settings while it is exported."
            ) from None

    async def signed_link(self, link: str, project_id: str, kind: str, *, afresh: bool = False) -> str:
        """A link that opens: the one that is known, or else a new one. `kind` as the hub files it, such as `assets`."""
        known = None if afresh else BOOK.get(self.account, link)
        if known:
            return known
        signed = await self.download_link(link, project_id, kind)
        BOOK.add(self.account, link, signed)
        return signed

    async def _pages(self, path: str, key: str, size: int) -> tuple[dict[str, msgspec.Raw], int]:
        """Rows by their ids, and how many there should be."""
        found: dict[str, msgspec.Raw] = {}
        page, total = 1, 0
        while True:
            data = await self._ask(path, {"page": str(page), "limit": str(size)})
            rows, before = self._opened(data, key, list[msgspec.Raw]), len(found)
            for row in rows:
                found.setdefault(self._opened({key: row}, key, _Identified).id, row)
            total = self._opened(data, "total", int) if "total" in data else len(found)
            page += 1
            # A page that brings nothing new is the last, or another one's again and again.
            if len(found) == before or ("total" in data and len(found) >= total) or len(found) > MOST_PROJECTS:
                return found, total

    async def upload_link(self, name: str, project_id: str, kind: str, place: Query = NOWHERE_ELSE) -> str:
        """A link to put a file to; `place` is where a project keeps files of its kind, if not at the hub."""
        data = await self._ask("getUploadUrl", {"name": name, "project": project_id, "type": kind, **place})
        return self._opened(data, "uploadUrl", str)

    async def download_link(self, link: str, project_id: str, kind: str, place: Query = NOWHERE_ELSE) -> str:
        """The link that opens what lies under another one, for whoever is given it."""
        query = {"name": link.partition("?")[0], "project": project_id, "type": kind, **place}
        data = await self._ask("getSignedUrl", query)
        return self._opened(data, "signedUrl", str)

    async def post(self, path: str, document: Any) -> None:
        """Tell the hub something; once, for whoever calls this knows whether to say it again."""
        async with (
            http.translated(self.shown),
            self._session.post(
                f"{self._base}{path}",
                data=msgspec.json.encode(document),
                headers={"apikey": self._connection.api_key, "Content-Type": "application/json"},
                allow_redirects=False,
                proxy=http.proxy_for(self._connection.url, self._connection.proxy),
            ) as response,
        ):
            http.check_status(response, self.shown, expected=range(200, 300))

    async def _ask(self, path: str, query: Query, timeout_seconds: float | None = None) -> dict[str, msgspec.Raw]:
        """The data of an answer."""
        url = URL(f"{self._base}{path}" + (f"?{urlencode(query)}" if query else ""), encoded=True)

        async def attempt() -> dict[str, msgspec.Raw]:
            async with (
                http.translated(self.shown),
                self._session.get(
                    url,
                    headers={"apikey": self._connection.api_key},
                    allow_redirects=False,
                    proxy=http.proxy_for(self._connection.url, self._connection.proxy),
                    timeout=http.silence(timeout_seconds or self._connection.timeout_seconds),
                ) as response,
            ):
                return self._data(response, await http.read_answer(response, self.shown), path)

        try:
            return await http.patiently(attempt)
        except http.ElsewhereError as error:  # no passing fault: the address is wrong
            raise RequestError(error.message) from None

    def _data(self, response: aiohttp.ClientResponse, body: bytes, path: str) -> dict[str, msgspec.Raw]:
        try:
            check_levels(body)
            msgspec.json.decode(body)  # all of it: parts are opened later
            answer = msgspec.json.decode(body, type=_Answer)
        except UNREADABLE:
            answer = None
        said = str(answer.message or "")[:160].replace(self._connection.api_key, "...") if answer else ""
        if response.status == 451:
            raise RequestError(
                f"{self.shown} does not let this address in (451): the organisation limits IP addresses or countries; "
                f"ask its owner to allow this one."
            )
        if response.status == 400:
            raise http.NotFoundError(
                f"{self.shown} refused {path.partition('/')[0]} (400): {said or 'it is not valid'}; "
                f"check what was asked for."
            )
        http.check_status(response, self.shown, said)
        if answer is None and body.lstrip()[:1] == b"<":
            raise http.ElsewhereError(
                f"{self.shown} answered with a web page where its API was expected ({path}); check the address."
            )
        if answer is None:
            raise RetriableError(f"{self.shown} sent an answer that cannot be read ({path}); try again later.")
        if answer.status != "success" or answer.data is None:
            raise RequestError(
                f"{self.shown} refused {path.partition('/')[0]}: {said or answer.status or 'no reason'}; "
                f"check what was asked for."
            )
        return answer.data

    def _opened(self, data: Mapping[str, msgspec.Raw], key: str, kind: type[T]) -> T:
        """A part of an answer as what it has to be."""
        try:
            return msgspec.json.decode(self._part(data, key), type=kind)
        except UNREADABLE:
            raise FatalError(
                f"{self.shown} answered with something else than expected under {key!r}; this version of it is not "
                f"known, please report it."
            ) from None

    def _part(self, data: Mapping[str, msgspec.Raw], key: str) -> msgspec.Raw:
        if key not in data:
            raise FatalError(
                f"{self.shown} answered without {key!r}; this version of it is not known, please report it."
            )
        return data[key]


class _Identified(msgspec.Struct):
    id: str = msgspec.field(name="_id")


@asynccontextmanager
async def connect(connection: Connection) -> AsyncIterator[AngoClient]:
    guard = Guard(connection.url, connection.media_hosts, connection.proxy, LIST_IT)
    async with http.session(connection, guard, aiohttp.DummyCookieJar()) as session:
        yield AngoClient(connection, session)
