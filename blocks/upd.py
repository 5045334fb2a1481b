"""A UPD file as a source: what one platform or tool archived comes back in, and out in any format.

The file is read where it lies on a local disk, and copied there once from anywhere else. Whose it is does not matter:
the platform's own exporter, Outhaul's `upd` format and other tools are read alike (`blocks.upd_records`).
"""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from typing import ClassVar

from prefect.blocks.fields import SecretDict
from pydantic import Field, SecretStr

from blocks.connection_fields import Query
from blocks.guard import LIST_IT, Guard, check_hosts
from blocks.source import NO_FILTERS, MediaReader, Source, Where, find_dataset
from blocks.storage import Storage
from blocks.upd_file import UpdFile, opened
from blocks.upd_filters import NAMES, check_values
from blocks.upd_links import Following, links
from blocks.upd_media import MEMORY_MEGABYTES, UpdMedia
from blocks.upd_place import located
from blocks.upd_reading import list_entries, read_catalog, read_entries, with_categories
from blocks.upd_rows import Row
from blocks.urls import refuse_credentials, with_query, without_credentials
from exporters.errors import FatalError
from exporters.model import Dataset, Entry
from exporters.shard import MediaChoice


class UpdSource(Source):
    """A UPD file (Universal Portable Dataset), of whatever tool.

    Example:
        ```python
        from blocks.upd import UpdSource

        UpdSource(url="s3://archive/street.upd").save("street")
        source = UpdSource.load("street")  # on the command line: outhaul export upd/street
        ```
    """

    _block_type_name = "Outhaul UPD"
    _block_type_slug = "upd"
    _description = "A UPD file with datasets, at any URL, as the platform IDAH or Outhaul exports it."
    filters: ClassVar[tuple[str, ...]] = NAMES
    takes_all_datasets: ClassVar[bool] = True

    url: str = Field(
        default=..., title="URL", description="A path or URL of a UPD file, such as s3://archive/street.upd."
    )
    options: SecretDict = Field(
        default_factory=lambda: SecretDict({}),
        title="Options",
        description='Options of the fsspec backend, as JSON, such as {"key": "...", "secret": "..."} for S3.',
    )
    query: Query = SecretStr("")
    follow_links: bool = Field(
        default=True,
        title="Follow links",
        description="Fetch media that the file only links to, from the web addresses that it gives.",
    )
    media_hosts: list[str] = Field(
        default_factory=list,
        title="Media hosts",
        description="The only hosts that linked media is fetched from, such as *.example.org; none: any but this "
        "machine, link-local addresses and those of clouds' metadata.",
    )
    connections: int = Field(default=16, ge=1, le=64, title="Connections", description="Files read at once, up to 64.")

    def check_filters(self, where: Where) -> None:
        super().check_filters(where)
        check_values(where)

    def identity(self) -> dict[str, str]:
        name = posixpath.basename(without_credentials(self.url).rstrip("/"))
        return {"platform": "upd", "name": posixpath.splitext(name)[0] or "upd"}

    def catalog(self) -> list[Dataset]:
        with self._open() as file:
            return [dataset for _, dataset in read_catalog(file)]

    def dataset(self, dataset_id: str) -> Dataset:
        with self._open() as file:
            rows = {dataset.id: (row, dataset) for row, dataset in read_catalog(file)}
            wanted = find_dataset([dataset for _, dataset in rows.values()], dataset_id, self._shown)
            return with_categories(file, *rows[wanted.id])

    def choose(self, wanted: Sequence[str], where: Where = NO_FILTERS) -> list[Dataset]:
        return super().choose(wanted or [dataset.id for dataset in self.catalog()], where)

    def list_entries(self, dataset: Dataset, where: Where, sort: str = "") -> Iterator[bytes]:  # noqa: ARG002 - has none
        with self._open() as file:
            yield from list_entries(file, self._row(file, dataset), where)

    def read(
        self,
        dataset: Dataset,
        listing: Sequence[bytes],
        media: MediaChoice,
        where: Where = NO_FILTERS,  # noqa: ARG002 - the listing has been filtered
    ) -> Iterator[Entry]:
        with self._open() as file:
            yield from read_entries(file, dataset, listing, media, self._following())

    @asynccontextmanager
    async def open_media(self) -> AsyncIterator[MediaReader]:
        async with AsyncExitStack() as stack:
            # In a thread: a file that lies elsewhere may have to be copied first.
            file = await asyncio.to_thread(lambda: stack.enter_context(self._open(MEMORY_MEGABYTES)))
            following = self._following()
            reader = await stack.enter_async_context(links(following)) if following else None
            yield UpdMedia(file, reader)

    def _following(self) -> Following | None:
        if not self.follow_links:
            return None
        own = self.url if self.url.startswith(("http://", "https://")) else ""
        return Following(self.connections, Guard(own, check_hosts(self.media_hosts), advice=LIST_IT))

    @property
    def _shown(self) -> str:
        return f"upd:{without_credentials(self.url)}"

    def _row(self, file: UpdFile, dataset: Dataset) -> Row:
        found = next((row for row, one in read_catalog(file) if one.id == dataset.id), None)
        if found is None:
            raise FatalError(f"{self._shown} was changed while the export ran; run it again.")
        return found

    def _open(self, *memory_megabytes: int) -> AbstractContextManager[UpdFile]:
        refuse_credentials(self.url)
        url = with_query(self.url, self.query.get_secret_value())
        place = located(Storage(url, self.options.get_secret_value()), self._shown)
        return opened(place, self._shown, *memory_megabytes)
