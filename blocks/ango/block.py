"""Ango Hub as a source: one export a project, filed on this machine's disk, and read from there.

The listing of a project is its export, a row an entry (`blocks.ango.exporting`); reading it asks for files only where
rows do not tell enough (`blocks.ango.reading`). So a million tasks cost a handful of requests beside their files.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar, Literal, TypeVar

from pydantic import Field, SecretStr

from blocks import http
from blocks.ango import kinds
from blocks.ango.annotations import Project
from blocks.ango.client import AngoClient, Connection, connect
from blocks.ango.exporting import ORDERS, Export
from blocks.ango.files import AngoMediaReader
from blocks.ango.filters import NAMES, Wanted, check_filters, wanted
from blocks.ango.projects import read_dataset
from blocks.ango.reading import Reading, pieces
from blocks.ango.records import to_dataset
from blocks.connection_fields import CaBundle, ProxyAddress, VerifySsl
from blocks.entry_links import EntryLink, entry_address
from blocks.guard import check_hosts
from blocks.source import NO_FILTERS, MediaReader, Source, Where, Withdrawn, find_dataset
from blocks.values import mapping
from exporters.errors import RequestError, quoted
from exporters.model import Dataset, Entry
from exporters.shard import MediaChoice

T = TypeVar("T")


class AngoSource(Source):
    """Ango Hub, read through the exports that it makes of its projects.

    Example:
        ```python
        from blocks.ango import AngoSource

        AngoSource(url="https://imeritapi.ango.ai", api_key="...").save("production")
        source = AngoSource.load("production")  # on the command line: outhaul export ango/production
        ```
    """

    _block_type_name = "Ango Hub"
    _block_type_slug = "ango"
    _description = "Ango Hub, to export its projects from."
    filters: ClassVar[tuple[str, ...]] = NAMES
    sorts: ClassVar[tuple[str, ...]] = ORDERS

    url: str = Field(default=..., title="URL", description="Address of its API, such as https://imeritapi.ango.ai.")
    api_key: SecretStr = Field(
        default=SecretStr(""), title="API key", description="Of an account that may export the projects."
    )
    stages: list[str] = Field(
        default=["Complete"],
        title="Stages",
        description="Stages whose tasks are exported where no filter says otherwise; none: all.",
    )
    export_format: Literal["ndjson", "json"] = Field(
        default="ndjson", title="Export format", description="What the export is asked for in; rows are the same."
    )
    only_key_frames: bool = Field(
        default=True,
        title="Only key frames",
        description="Of videos, key frames only; otherwise every frame, which the hub limits to 50,000.",
    )
    include_history: bool = Field(
        default=True, title="Include history", description="Also the stages that tasks passed; half of an export."
    )
    include_metadata: bool = Field(
        default=True, title="Include metadata", description="Also who annotated what, and when."
    )
    include_idle_durations: bool = Field(
        default=False, title="Include idle durations", description="Also the times in which nobody did anything."
    )
    send_email: bool = Field(default=False, title="Send e-mail", description="Let the hub send a mail when it exports.")
    notify: bool = Field(
        default=False, title="Notify", description="Let the hub tell the account's user of the export."
    )
    verify_ssl: VerifySsl = True
    ca_bundle: CaBundle = ""
    proxy: ProxyAddress = SecretStr("")
    user_agent: str = Field(
        default="", title="User agent", description="What we call ourselves to the hub; empty: outhaul/VERSION."
    )
    timeout_seconds: float = Field(
        default=30.0, gt=0, title="Timeout (seconds)", description="Longest silence of the hub before a retry."
    )
    export_timeout_seconds: float = Field(
        default=3600.0,
        gt=0,
        title="Export timeout (seconds)",
        description="Longest time that the hub may take to build an export.",
    )
    connections: int = Field(default=8, ge=1, le=64, title="Connections", description="Files read at once, up to 64.")
    media_hosts: list[str] = Field(
        default_factory=list,
        title="Media hosts",
        description="The only hosts, besides the hub, that files are fetched from, such as *.s3.amazonaws.com; none: "
        "any but this machine, link-local addresses and those of clouds' metadata.",
    )
    projects_per_page: int = Field(
        default=100, ge=1, le=1000, title="Projects per page", description="Of the list of projects; up to 1,000."
    )

    entry_link: EntryLink = ""

    def entry_url(self, dataset_id: str, entry_id: str) -> str:
        return entry_address(self.entry_link, dataset_id, entry_id)

    def check_filters(self, where: Where) -> None:
        check_filters(where)

    def identity(self) -> dict[str, str]:
        return {"platform": "ango", "url": http.host_of(self.url)}

    def catalog(self) -> list[Dataset]:
        async def read(client: AngoClient) -> list[Dataset]:
            rows = await client.projects(self.projects_per_page)
            return await http.together(*(read_dataset(client, row) for row in rows))

        return sorted(self._run(read), key=lambda one: one.id)

    def dataset(self, dataset_id: str) -> Dataset:
        async def by_id(client: AngoClient, id_: str) -> Dataset:
            return await read_dataset(client, await client.project(id_))

        if _may_be_id(dataset_id):
            try:
                return self._run(lambda client: by_id(client, dataset_id))
            except http.NotFoundError:
                pass
        found = find_dataset(self._projects(), dataset_id, self._shown)
        return self._run(lambda client: by_id(client, found.id))

    def dataset_names(self) -> list[str]:
        return [one.name for one in self._projects()]

    def choose(self, wanted: Sequence[str], where: Where = NO_FILTERS) -> list[Dataset]:
        """With all of their label sets; of the modality that is asked for, where one is."""
        chosen = super().choose(wanted, where)
        if not wanted:
            chosen = [self.dataset(one.id) for one in chosen]
        for one in chosen:
            self.wanted_of(one, where)  # refuses stages and batches that the project does not have
        modality = next(iter(where.get("modality", ())), "")
        return [to_dataset(one.raw, modality) for one in chosen] if modality else chosen

    def list_entries(self, dataset: Dataset, where: Where, sort: str = "") -> Iterator[bytes]:
        asked = self.wanted_of(dataset, where)
        yield from Export(self.connection(), dataset.id, quoted(dataset.name), asked).lines(sort)

    def wanted_of(self, dataset: Dataset, where: Where) -> Wanted:
        """The export to ask for. Raises RequestError for stages and batches that the project does not have."""
        options = {
            "format": self.export_format,
            "sendEmail": _word(self.send_email),
            "doNotNotify": _word(not self.notify),
            "includeMetadata": _word(self.include_metadata),
            "includeHistory": _word(self.include_history),
            "includeOnlyKeyFrames": _word(self.only_key_frames),
            "includeIdleBlurDurations": _word(self.include_idle_durations),
        }
        project = mapping(dataset.record)
        return wanted(where, {**project, "_id": dataset.id}, stages=self.stages, options=options)

    def read(
        self,
        dataset: Dataset,
        listing: Sequence[bytes],
        media: MediaChoice,  # noqa: ARG002 - an entry has one file
        where: Where = NO_FILTERS,  # noqa: ARG002 - the listing has been filtered
    ) -> Iterator[Entry | Withdrawn]:
        def work(client: AngoClient) -> Iterator[http.Step[Entry | Withdrawn]]:
            reading = Reading(client, Project(dataset, self.only_key_frames))
            return map(reading.read, pieces(listing))

        yield from http.stepwise(connect(self.connection()), work)

    @asynccontextmanager
    async def open_media(self) -> AsyncIterator[MediaReader]:
        async with connect(self.connection()) as client:
            yield AngoMediaReader(client)

    @property
    def _shown(self) -> str:
        return f"Ango Hub at {http.host_of(self.url)}"

    def connection(self) -> Connection:
        """How to reach the hub. Raises RequestError where what was filled in cannot be right."""
        key = self.api_key.get_secret_value()
        if "@" in self.url.partition("://")[2].split("/")[0]:
            raise RequestError("The address of Ango Hub holds a user name or password; take it out.")
        if not key:
            raise RequestError("Ango Hub needs an API key; set OUTHAUL_API_KEY, or fill it into the saved block.")
        if not key.isascii() or not key.isprintable():
            raise RequestError("The API key of Ango Hub has characters that no key has; copy it again.")
        return Connection(
            url=self.url,
            api_key=key,
            connections=self.connections,
            timeout_seconds=self.timeout_seconds,
            export_timeout_seconds=self.export_timeout_seconds,
            verify_ssl=self.verify_ssl,
            ca_bundle=self.ca_bundle,
            proxy=self.proxy.get_secret_value(),
            user_agent=self.user_agent,
            media_hosts=check_hosts(self.media_hosts),
        )

    def _projects(self) -> list[Dataset]:
        """All projects, without looking at what is in them."""

        async def read(client: AngoClient) -> list[Dataset]:
            return [to_dataset(row, kinds.UNKNOWN) for row in await client.projects(self.projects_per_page)]

        return self._run(read)

    def _run(self, question: Callable[[AngoClient], Awaitable[T]]) -> T:
        return http.at_once(connect(self.connection()), question)


def _may_be_id(given: str) -> bool:
    """Ids are opaque, but never hold what would lead elsewhere in an address."""
    return given.isascii() and given.isalnum()


def _word(value: bool) -> str:
    return "true" if value else "false"
