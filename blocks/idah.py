"""IDAH as a source: API-key or e-mail login, bulk pages, media streams.

A shard of 1,000 entries takes some 16 requests: its annotations and media rows are asked for by lists of ids, as many
as fit into one address. Lists of ids are also what keeps reading exact while people work: a page of an open-ended
listing shifts when a row before it goes, a list of ids does not.
"""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, ClassVar

import msgspec
from pydantic import Field, SecretStr

from blocks import http, stopping
from blocks.idah_client import PAGE_ROWS, Connection, IdahClient, Query, Resource, batches, connect
from blocks.idah_records import to_dataset, to_entry, to_media
from blocks.pictures import Header, Picture
from blocks.scratch import scratch_database
from blocks.source import MediaReader, Source, Where, find_dataset
from exporters.errors import FatalError, RequestError, RetriableError, SkippableError, quoted, unknown_name
from exporters.model import Dataset, Entry, Media
from exporters.shard import MediaChoice

ENTRIES_AT_ONCE = 500
"""Entries whose annotations are held in memory together."""
FULL_PAGE_SHARE = 0.7
"""Annotations are asked for in lists of entries that should fill this share of a page, so that one page holds them."""
LISTING_ATTEMPTS = 3

_ENTRY_FIELDS = (
    *("id", "priority", "wf_step", "status", "job_id", "resource", "name", "created_at", "updated_at"),
    *(f"{role}_by_{what}" for role in ("submitted", "reviewed") for what in ("id", "email")),
    *("assigned_to_id", "assigned_to_email"),
)
_STATUSES = ("processing", "pending", "assigned", "ready", "in_progress", "completed", "errored")
_STEPS = ("start", "annotate", "review", "done", "error")
_ENTRY_OPERATORS = (
    *("resource__match", "name__match", "assigned_to_email__match"),
    *("status__in", "wf_step__in", "priority__in", "assigned_to_id__in", "assigned", "participated"),
)


class IdahSource(Source):
    """A labelling platform of the open-source kind IDAH, read through its JSON API.

    Example:
        ```python
        source = IdahSource(url="https://idah.example.org", api_key="IDAH_...")
        source.save("production")  # afterwards: outhaul export idah/production ...
        ```
    """

    _block_type_name = "IDAH"
    _block_type_slug = "idah"
    _description = "An IDAH labelling platform to export datasets from."
    filters: ClassVar[tuple[str, ...]] = (*_ENTRY_FIELDS, *_ENTRY_OPERATORS)

    url: str = Field(default=..., title="URL", description="Address of the platform, e.g. https://idah.example.org.")
    api_key: SecretStr = Field(
        default=SecretStr(""), title="API key", description="A key with the permission project_ro_* is enough."
    )
    email: str = Field(default="", title="E-mail", description="With a password, instead of an API key.")
    password: SecretStr = Field(default=SecretStr(""), description="Goes with the e-mail.")
    verify_ssl: bool = Field(default=True, title="Verify SSL", description="Switch off for test systems only.")
    ca_bundle: str = Field(default="", title="CA bundle", description="Path of a PEM file, for a private authority.")
    timeout_seconds: float = Field(default=30.0, gt=0, description="Longest silence of the platform before a retry.")
    connections: int = Field(default=8, ge=1, le=64, description="Files and pages read at once; the platform has 16.")

    def check_filters(self, where: Where) -> None:
        """Also refuses states that the platform does not have: it would answer with nothing, and look content."""
        super().check_filters(where)
        for name, known in (("status", _STATUSES), ("wf_step", _STEPS)):
            for value in (*where.get(name, ()), *where.get(f"{name}__in", ())):
                if value not in known:
                    raise unknown_name(name, value, known, where="IDAH")

    def identity(self) -> dict[str, str]:
        return {"platform": "idah", "url": http.host_of(self.url)}

    def catalog(self) -> list[Dataset]:
        async def read(client: IdahClient) -> list[Dataset]:
            pages = client.pages("dataset/datasets", [])
            return [to_dataset(resource) async for page in pages for resource in page]

        found: list[Dataset] = self._run(read)
        return found

    def dataset(self, dataset_id: str) -> Dataset:
        if _is_uuid(dataset_id):  # anything else in a path is a server error there
            try:
                return to_dataset(self._run(lambda client: client.one(f"dataset/datasets/{dataset_id}")))
            except http.NotFoundError:
                pass
        return find_dataset(self.catalog(), dataset_id, f"IDAH at {http.host_of(self.url)}")

    def list_entries(self, dataset: Dataset, where: Where) -> Iterator[bytes]:
        """All entries by id. Listed again as a whole when rows came or went meanwhile, which pages do not show."""
        with scratch_database("create table entries (id text primary key, record blob) without rowid") as listed:
            for _ in range(LISTING_ATTEMPTS):
                wrong = self._run(lambda client: self._list_once(client, dataset, where, listed))
                if not wrong:
                    break
                listed.execute("delete from entries")
            else:
                raise RetriableError(
                    f"Dataset {quoted(dataset.name)} kept changing while its entries were listed, or miscounts them "
                    f"({wrong}); try again when it is quieter."
                )
            for (record,) in listed.execute("select record from entries order by id"):
                yield record

    async def _list_once(self, client: IdahClient, dataset: Dataset, where: Where, listed: sqlite3.Connection) -> str:
        """File the entries by id; returns what is wrong when pages shifted under our feet, nothing when all is well."""
        query = [("filter[dataset_id]", dataset.id), *_filter_query(where)]
        rows = 0
        async for page in client.pages("dataset/entries", query):
            for resource in page:
                _check_answer(resource, dataset, where)
                listed.execute("insert or ignore into entries values (?, ?)", (resource.id, bytes(resource.raw)))
            rows += len(page)
        (different,) = listed.execute("select count(*) from entries").fetchone()
        if rows != different:
            return f"{rows - different} came twice"
        if where:
            return ""
        says = to_dataset(await client.one(f"dataset/datasets/{dataset.id}")).entries_count
        return "" if says in (None, rows) else f"it says {says}, but lists {rows}"

    def read(self, dataset: Dataset, listing: Sequence[bytes], media: MediaChoice) -> Iterator[Entry]:  # noqa: ARG002 - the contract's
        per_entry = 5.0  # annotations; what is read corrects the guess
        with asyncio.Runner() as runner:
            connection = connect(self._connection())
            client = runner.run(connection.__aenter__())
            try:
                for start in range(0, len(listing), ENTRIES_AT_ONCE):
                    piece = [_entry_resource(line) for line in listing[start : start + ENTRIES_AT_ONCE]]
                    entries = runner.run(stopping.watched(self._complete(client, piece, media, per_entry)))
                    per_entry = max(1.0, sum(len(entry.annotations) for entry in entries) / len(entries))
                    yield from entries
            finally:
                runner.run(connection.__aexit__(None, None, None))

    async def _complete(
        self, client: IdahClient, entries: Sequence[Resource], media: MediaChoice, per_entry: float
    ) -> list[Entry]:
        """The entries with everything that belongs to them."""
        most = max(1, int(FULL_PAGE_SHARE * PAGE_ROWS / per_entry))
        keys = list(dict.fromkeys(key for key in map(_media_of, entries) if key))
        originals: Query = [] if media == "all" else [("filter[key]", "")]
        annotation_lists, media_lists = await asyncio.gather(
            asyncio.gather(
                *(_annotations(client, query) for query in batches("filter[entry_id]", [e.id for e in entries], most))
            ),
            asyncio.gather(
                *(
                    _rows(client, "media/medias", [*query, *originals])
                    for query in batches("filter[resource]", keys, PAGE_ROWS)
                )
            ),
        )
        annotations = _grouped(annotation_lists, "entry_id", {entry.id for entry in entries})
        medias = _grouped(media_lists, "resource", set(keys))
        described = [
            await asyncio.gather(*(_sized(client, one) for one in _in_order(entry, medias))) for entry in entries
        ]
        return [
            to_entry(entry, sorted(annotations.get(entry.id, []), key=lambda annotation: annotation.id), files)
            for entry, files in zip(entries, described, strict=True)
        ]

    @asynccontextmanager
    async def open_media(self) -> AsyncIterator[MediaReader]:
        async with connect(self._connection()) as client:
            yield _MediaReader(client)

    def _connection(self) -> Connection:
        key, password = self.api_key.get_secret_value(), self.password.get_secret_value()
        login: dict[str, Any]
        if "@" in self.url.partition("://")[2].split("/")[0]:
            raise RequestError(
                "The address of IDAH holds a user name or password; take it out and use the block's fields."
            )
        if key:
            path, login = "iam/auth/api/login", {"api_key": key}
        elif self.email and password:
            path, login = "iam/auth/login", {"email": self.email, "password": password, "cookie": False}
        else:
            raise RequestError(
                "IDAH needs an API key, or an e-mail and a password: set OUTHAUL_API_KEY (or OUTHAUL_EMAIL and "
                "OUTHAUL_PASSWORD), or fill them into the saved block."
            )
        return Connection(
            url=self.url,
            login_path=path,
            login=login,
            connections=self.connections,
            timeout_seconds=self.timeout_seconds,
            verify_ssl=self.verify_ssl,
            ca_bundle=self.ca_bundle,
        )

    def _run(self, question: Any) -> Any:
        async def ask() -> Any:
            async with connect(self._connection()) as client:
                return await question(client)

        return asyncio.run(stopping.watched(ask()))


class _MediaReader:
    def __init__(self, client: IdahClient) -> None:
        self._client = client

    async def read(self, media: Media) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._client.read(_media_path(media)):
                yield chunk
        except http.NotFoundError:
            raise SkippableError(media.id, "its media is gone from the platform (404)") from None


async def _annotations(client: IdahClient, query: Query) -> list[Resource]:
    """The annotations of a list of entries. Taken from a single page where possible: one answer is one moment."""
    rows = await client.page("dataset/annotations", query)
    if len(rows) < PAGE_ROWS:
        return rows
    if len(query) > 1:
        middle = len(query) // 2
        halves = await asyncio.gather(_annotations(client, query[:middle]), _annotations(client, query[middle:]))
        return halves[0] + halves[1]
    return await _rows(client, "dataset/annotations", query)


async def _rows(client: IdahClient, path: str, query: Query) -> list[Resource]:
    return [resource async for page in client.pages(path, query) for resource in page]


async def _sized(client: IdahClient, media: Media) -> Media:
    """The media with its width and height, from the file itself where the platform has not processed it yet."""
    is_picture = (media.mime_type or "").startswith("image/") and not media.key
    if not is_picture or (media.width and media.height):
        return media

    async def read() -> Picture | None:
        header = Header()
        async with aclosing(client.read(_media_path(media))) as chunks:
            async for chunk in chunks:
                if header.feed(chunk):
                    break
        return header.result

    try:
        found = await http.patiently(read)
    except http.NotFoundError:
        return media  # the media step meets it too, and has a policy for it
    return msgspec.structs.replace(media, width=found.width, height=found.height) if found else media


def _grouped(lists: Sequence[Sequence[Resource]], attribute: str, wanted: set[str]) -> dict[str, list[Resource]]:
    """Records by what they belong to, each once; that every one was asked for is checked, not believed."""
    grouped: dict[str, dict[str, Resource]] = {}
    for resource in (resource for rows in lists for resource in rows):
        owner = resource.attributes.get(attribute)
        if owner not in wanted:
            raise FatalError(
                f"IDAH answered with {resource.id} of {attribute} {owner}, which was not asked for; "
                f"this version of the platform does not filter by {attribute}, please report it."
            )
        grouped.setdefault(owner, {})[resource.id] = resource
    return {owner: list(found.values()) for owner, found in grouped.items()}


def _media_of(entry: Resource) -> str:
    """The key that joins an entry to its medias; empty when it has none (yet)."""
    return entry.attributes.get("resource") or ""


def _in_order(entry: Resource, medias: Mapping[str, list[Resource]]) -> list[Media]:
    """An entry's media, the original first. An original without a row is named all the same: that it cannot be fetched
    must come to light, not look like an entry that never had one.
    """
    resource = _media_of(entry)
    found = sorted(map(to_media, medias.get(resource, [])), key=lambda media: (media.key, media.id))
    if resource and not (found and not found[0].key):
        found.insert(0, Media(id=resource, name=entry.attributes.get("name") or "", ref=resource, frame="stored"))
    return found


def _filter_query(where: Where) -> Query:
    query: Query = []
    for name, values in where.items():
        many = "[]" if name.endswith("__in") or len(values) > 1 else ""
        query += [(f"filter[{name}]{many}", value) for value in values]
    return query


def _check_answer(entry: Resource, dataset: Dataset, where: Mapping[str, Sequence[str]]) -> None:
    """The platform drops filters it does not know; then it answers with rows that were not asked for."""
    wanted = {"dataset_id": [dataset.id]} | {
        name.removesuffix("__in"): values
        for name, values in where.items()
        if "__" not in name.removesuffix("__in") and name not in ("assigned", "participated")
    }
    for name, values in wanted.items():
        value = entry.id if name == "id" else entry.attributes.get(name)
        if not name.endswith("_at") and str(value if value is not None else "") not in values:
            raise FatalError(
                f"IDAH answered with entry {entry.id}, whose {name} is {value!r}, though {', '.join(values)} was asked "
                f"for; this version of the platform does not filter by it, leave the filter out."
            )


def _entry_resource(line: bytes) -> Resource:
    record = msgspec.json.decode(line)
    return Resource(record["id"], record["attributes"], msgspec.Raw(line))


def _media_path(media: Media) -> str:
    path = f"media/medias/files/{http.encoded(media.ref)}"
    return f"{path}?key={http.encoded(media.key)}" if media.key else path


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
