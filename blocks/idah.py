"""IDAH as a source: API-key or e-mail login, bulk pages, media streams.

The listing of a dataset is read in pages that overlap (`blocks.idah_listing`), a shard of it in lists of ids
(`blocks.idah_reading`): 1,000 entries with 5 annotations each take some 20 requests beside their files.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, TypeVar

from pydantic import Field, SecretStr

from blocks import http
from blocks.connection_fields import CaBundle, ProxyAddress, VerifySsl
from blocks.entry_links import EntryLink, entry_address
from blocks.idah_changes import count_annotations, from_line, has_annotations, key_of
from blocks.idah_client import Connection, IdahClient, Resource, connect
from blocks.idah_cost import requests_to_list, requests_to_read
from blocks.idah_entries import entries_in_order
from blocks.idah_exports import read_exports, read_formats
from blocks.idah_filters import KINDS, NAMES, check_filters, check_rows, query_of, read_filters
from blocks.idah_listing import read_listing
from blocks.idah_media import IdahMediaReader
from blocks.idah_reading import Reading
from blocks.idah_records import to_dataset
from blocks.source import (
    NO_FILTERS,
    MediaReader,
    PlatformExport,
    PlatformFormat,
    Source,
    Where,
    Withdrawn,
    find_dataset,
)
from exporters.errors import RequestError
from exporters.model import Dataset, Entry
from exporters.shard import MediaChoice

UNSORTABLE = ("assigned", "participated")

T = TypeVar("T")


class IdahSource(Source):
    """A labelling platform of the open-source kind IDAH, read through its JSON API.

    Example:
        ```python
        from blocks.idah import IdahSource

        IdahSource(url="https://idah.example.org", api_key="IDAH_...").save("production")
        source = IdahSource.load("production")  # on the command line: outhaul export idah/production
        ```
    """

    _block_type_name = "IDAH"
    _block_type_slug = "idah"
    _description = "An IDAH labelling platform to export datasets from."
    tells_changes: ClassVar[bool] = True
    filters: ClassVar[tuple[str, ...]] = NAMES
    sorts: ClassVar[tuple[str, ...]] = tuple(
        name for name in KINDS["entry"] if "__" not in name and name not in UNSORTABLE
    )

    url: str = Field(default=..., title="URL", description="Address of the platform, such as https://idah.example.org.")
    api_key: SecretStr = Field(
        default=SecretStr(""),
        title="API key",
        description="Begins with IDAH_; one with the permission project_ro_* is enough.",
    )
    email: str = Field(
        default="", title="E-mail", description="Of an account, with its password, instead of an API key."
    )
    password: SecretStr = Field(default=SecretStr(""), title="Password", description="Goes with the e-mail.")
    verify_ssl: VerifySsl = True
    ca_bundle: CaBundle = ""
    proxy: ProxyAddress = SecretStr("")
    user_agent: str = Field(
        default="", title="User agent", description="What we call ourselves to the platform; empty: outhaul/VERSION."
    )
    timeout_seconds: float = Field(
        default=30.0, gt=0, title="Timeout (seconds)", description="Longest silence of the platform before a retry."
    )
    connections: int = Field(
        default=8,
        ge=1,
        le=64,
        title="Connections",
        description="Files and pages read at once, up to 64; the platform itself answers 16 at once.",
    )
    allow_partial: bool = Field(
        default=False,
        title="Allow partial datasets",
        description="Export also where the account sees only some of a dataset's entries, which is refused otherwise.",
    )

    entry_link: EntryLink = ""

    def entry_url(self, dataset_id: str, entry_id: str) -> str:
        return entry_address(self.entry_link, dataset_id, entry_id)

    def check_filters(self, where: Where) -> None:
        """Also refuses values that the platform does not have: it would answer with nothing, and look content."""
        check_filters(where)

    def identity(self) -> dict[str, str]:
        return {"platform": "idah", "url": http.host_of(self.url)}

    def catalog(self) -> list[Dataset]:
        return self._run(lambda client: _datasets(client, NO_FILTERS))

    def dataset(self, dataset_id: str) -> Dataset:
        if _is_uuid(dataset_id):  # anything else in a path is a server error there
            try:
                return to_dataset(self._run(lambda client: client.one(f"dataset/datasets/{dataset_id}")))
            except http.NotFoundError:
                pass
        return find_dataset(self.catalog(), dataset_id, self._shown)

    def choose(self, wanted: Sequence[str], where: Where = NO_FILTERS) -> list[Dataset]:
        narrowing = {name: values for name, values in where.items() if name.startswith(("dataset.", "project."))}
        if not narrowing:
            return super().choose(wanted, where)
        found = self._run(lambda client: _datasets(client, narrowing))
        if not found:
            asked = ", ".join(f"{name}={','.join(values)}" for name, values in narrowing.items())
            raise RequestError(
                f"No dataset in {self._shown} that this account may read fits {asked}; "
                f"`outhaul datasets` lists what there is."
            )
        chosen = {one.id: one for one in (find_dataset(found, name, self._shown) for name in wanted)}
        return list(chosen.values()) or found

    def list_entries(self, dataset: Dataset, where: Where, sort: str = "") -> Iterator[bytes]:
        yield from entries_in_order(self._run, dataset, where, sort, allow_partial=self.allow_partial)

    def read(
        self, dataset: Dataset, listing: Sequence[bytes], media: MediaChoice, where: Where = NO_FILTERS
    ) -> Iterator[Entry | Withdrawn]:
        def work(client: IdahClient) -> Iterator[http.Step[Entry | Withdrawn]]:
            reading, done = Reading(client, dataset, where, media), 0
            while done < len(listing):
                piece = [from_line(line) for line in listing[done : done + reading.at_once]]
                yield reading.read(piece)
                done += len(piece)

        yield from http.stepwise(connect(self._connection()), work)

    def key_of(self, line: bytes) -> str:
        return key_of(line)

    def has_annotations(self, dataset: Dataset, count: int, where: Where) -> bool:
        return self._run(lambda client: has_annotations(client, dataset, count, where))

    def count_annotations(self, groups: Sequence[Sequence[bytes]], where: Where) -> list[int]:
        return self._run(lambda client: count_annotations(client, groups, where))

    @asynccontextmanager
    async def open_media(self) -> AsyncIterator[MediaReader]:
        async with connect(self._connection()) as client:
            yield IdahMediaReader(client)

    def requests(self, dataset: Dataset, listed: int, shards: Sequence[int], annotations: float) -> int:
        return requests_to_list(listed) + requests_to_read(dataset, shards, annotations)

    def exports(self) -> tuple[list[PlatformFormat], list[PlatformExport]]:
        async def read(client: IdahClient) -> tuple[list[PlatformFormat], list[PlatformExport]]:
            datasets = await _all(client, "dataset/datasets", [])
            modalities = sorted({str(one.attributes.get("modality") or "") for one in datasets} - {""})
            return await read_formats(client, modalities), await read_exports(client)

        try:
            return self._run(read)
        except http.ForbiddenError:
            raise RequestError(
                f"{self._shown} shows its own exports to project owners and to keys with the permission project_rw_*; "
                f"use one of those."
            ) from None

    @property
    def _shown(self) -> str:
        return f"IDAH at {http.host_of(self.url)}"

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
                "IDAH needs an API key, or an e-mail and a password; set OUTHAUL_API_KEY (or OUTHAUL_EMAIL and "
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
            proxy=self.proxy.get_secret_value(),
            user_agent=self.user_agent,
        )

    def _run(self, question: Callable[[IdahClient], Awaitable[T]]) -> T:
        return http.at_once(connect(self._connection()), question)


async def _datasets(client: IdahClient, where: Where) -> list[Dataset]:
    """The datasets that fit, by id; projects are found first where filters are about them."""
    filters, project_filters = read_filters(where, "dataset"), read_filters(where, "project")
    queries = [query_of(filters)]
    if project_filters:
        projects = await _all(client, "dataset/projects", query_of(project_filters))
        check_rows(projects, project_filters)
        queries = [[("filter[project_id]", one.id), *query_of(filters)] for one in projects]
    lists = await http.together(*(_all(client, "dataset/datasets", query) for query in queries))
    found = [one for rows in lists for one in rows]
    check_rows(found, filters)
    return [to_dataset(one) for one in sorted(found, key=lambda one: one.id)]


async def _all(client: IdahClient, path: str, query: list[tuple[str, str]]) -> list[Resource]:
    rows = {one.id: one async for page in read_listing(client, path, query) for one in page}
    return list(rows.values())


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
