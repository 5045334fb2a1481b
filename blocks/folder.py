"""A folder as a source: datasets of any known layout, at any URL, packed as a zip or not."""

from __future__ import annotations

import posixpath
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from prefect.blocks.fields import SecretDict
from pydantic import Field, PrivateAttr, SecretStr

from blocks.connection_fields import Query
from blocks.layouts import LAYOUTS, recognised
from blocks.layouts.layout import Layout
from blocks.layouts.opened import Folder
from blocks.source import NO_FILTERS, MediaReader, Source, Where, find_dataset
from blocks.storage import Storage
from blocks.urls import path_of, refuse_credentials, with_query, without_credentials
from exporters.errors import RequestError
from exporters.model import Dataset, Entry
from exporters.shard import MediaChoice

FILES = (".json", ".xml")
"""What a single file of annotations is called."""


class FolderSource(Source):
    """A folder of annotated files, in the layout of any format or tool that `blocks.layouts` lists.

    Example:
        ```python
        from blocks.folder import FolderSource

        FolderSource(url="s3://datasets/coco").save("coco")
        source = FolderSource.load("coco")  # on the command line: outhaul export folder/coco
        ```
    """

    _block_type_name = "Outhaul Folder"
    _block_type_slug = "folder"
    _description = f"A folder or zip with a dataset, at any URL: {', '.join(layout.label for layout in LAYOUTS)}."
    takes_all_datasets: ClassVar[bool] = True

    url: str = Field(
        default=...,
        title="URL",
        description="A path or URL of a folder, of a zip, or of one JSON or XML file of annotations, such as "
        "s3://datasets/coco or /data/street.zip.",
    )
    options: SecretDict = Field(
        default_factory=lambda: SecretDict({}),
        title="Options",
        description='Options of the fsspec backend, as JSON, such as {"key": "...", "secret": "..."} for S3.',
    )
    query: Query = SecretStr("")
    connections: int = Field(default=16, ge=1, le=64, title="Connections", description="Files read at once, up to 64.")

    _layout: Layout | None = PrivateAttr(default=None)

    def identity(self) -> dict[str, str]:
        return {"platform": "folder", "name": self._name}

    def catalog(self) -> list[Dataset]:
        return self._open().catalog()

    def dataset(self, dataset_id: str) -> Dataset:
        return self._open().dataset(find_dataset(self.catalog(), dataset_id, self._shown))

    def choose(self, wanted: Sequence[str], where: Where = NO_FILTERS) -> list[Dataset]:
        return super().choose(wanted or [dataset.id for dataset in self.catalog()], where)

    def list_entries(self, dataset: Dataset, where: Where, sort: str = "") -> Iterator[bytes]:  # noqa: ARG002 - has none
        return self._open().list_entries(dataset)

    def read(
        self,
        dataset: Dataset,
        listing: Sequence[bytes],
        media: MediaChoice,
        where: Where = NO_FILTERS,  # noqa: ARG002 - has none
    ) -> Iterator[Entry]:
        return self._open().read(dataset, listing, media)

    @asynccontextmanager
    async def open_media(self) -> AsyncIterator[MediaReader]:
        yield self._open().folder

    @property
    def _shown(self) -> str:
        return f"folder:{without_credentials(self.url)}"

    @property
    def _name(self) -> str:
        last = posixpath.basename(without_credentials(self.url).rstrip("/"))
        return re.sub(r"\.(zip|json|xml)$", "", last) or "folder"

    def _open(self) -> Layout:
        if self._layout is None:
            refuse_credentials(self.url)
            options = self.options.get_secret_value()
            folder = self._open_file(options) if path_of(self.url).endswith(FILES) else self._open_folder(options)
            self._layout = recognised(folder)
        return self._layout

    def _open_file(self, options: dict[str, Any]) -> Folder:
        above, _, name = self.url.rpartition("/")
        storage = Storage(above or ".", options)
        if storage.size(name) is None:
            raise RequestError(f"{self._shown} does not exist; check the path.")
        if posixpath.basename(above) == "annotations":  # its pictures lie beside that folder
            storage, name = Storage(above.rpartition("/")[0] or ".", options), f"annotations/{name}"
        return Folder(storage, self._name, self._shown, only_file=name)

    def _open_folder(self, options: dict[str, Any]) -> Folder:
        is_zip = path_of(self.url).endswith(".zip")
        url = with_query(self.url, self.query.get_secret_value())
        storage = Storage(f"zip://::{url}" if is_zip else url, options)
        if not is_zip and not storage.exists(""):
            raise RequestError(f"{self._shown} does not exist; check the path.")
        if is_zip and "" in storage.fs.zip.namelist():
            raise RequestError(f"{self._shown} is a zip with a file that has no name; make it again.")
        return Folder(storage, self._name, self._shown)
