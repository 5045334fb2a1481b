"""The contract of a source: what every platform, and every folder, is asked for.

    catalog ──▶ dataset ──▶ list_entries ──▶ read, a shard at a time ──▶ open_media, a file at a time

A listing is a stable sequence of JSON documents, one an entry, that `read` understands again on any machine; the flow
keeps it in the workspace and cuts it into shards. Vendors' words stay in the module of their source.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Any, ClassVar

from msgspec import Struct
from prefect.blocks.core import Block

from exporters.errors import RequestError, RetriableError, quoted, unknown_name
from exporters.model import Dataset, Entry, Media
from exporters.shard import MediaChoice

Where = Mapping[str, Sequence[str]]
"""Filters: the name, with `__operator` behind where it is not equality, and the values asked for."""
NO_FILTERS: Where = MappingProxyType({})
SHOWN_NAMES = 5


class CannotResumeError(RetriableError):
    """A file cannot be had from its middle; it can be read again from the beginning."""


class MediaReader(ABC):
    """Opens media of one source over shared connections."""

    @abstractmethod
    def read(self, media: Media) -> AsyncIterator[bytes]:
        """The bytes of a media from its beginning, in chunks.

        Raises:
            RetriableError: the transfer broke; start over.
            SkippableError: there is no such file (any more).
        """

    def resume(self, media: Media, offset: int) -> AsyncIterator[bytes]:
        """The bytes of a media from `offset` on, after `read` broke off there.

        Raises:
            CannotResumeError: the far end sends this file from its beginning only. The others as `read`.
        """
        raise CannotResumeError(f"The media {media.id} cannot be read from its byte {offset} on; read it again.")


class Withdrawn(Struct, frozen=True):
    """An entry that was listed, but is not there to be read any more, and why: no fault of anybody."""

    entry_id: str
    reason: str


class PlatformFormat(Struct, frozen=True):
    """A format that a platform exports by itself."""

    name: str
    description: str


class PlatformExport(Struct, frozen=True):
    """An export that a platform made, or is making, by itself; `progress` from 0 to 1."""

    id: str
    format: str
    datasets: tuple[str, ...]
    status: str
    progress: float
    error: str
    file_name: str
    bytes: int
    created_at: str


class Source(Block, ABC):
    """Where datasets come from."""

    filters: ClassVar[tuple[str, ...]] = ()
    """What `--where` can name; everything else is refused, because a platform may ignore what it does not know."""
    sorts: ClassVar[tuple[str, ...]] = ()
    """What `--sort` can name; entries come in the order of their ids, or of the source itself, otherwise."""
    takes_all_datasets: ClassVar[bool] = False
    """Whether naming no dataset means all of them."""
    tells_changes: ClassVar[bool] = False
    """Whether a line of the listing is never again what it was once its entry has changed, but for annotations that
    were deleted, which `count_annotations` tells of. What has not changed is then not read again.
    """

    @abstractmethod
    def identity(self) -> dict[str, str]:
        """Who this is, for the manifest: no secret, no path of this machine."""

    @abstractmethod
    def catalog(self) -> list[Dataset]:
        """All datasets this account may read, in a stable order."""

    @abstractmethod
    def dataset(self, dataset_id: str) -> Dataset:
        """One dataset with its ontology.

        Raises:
            RequestError: there is none with this id or name, the credentials are refused, the address is wrong.
            RetriableError: the platform cannot be reached now.
        """

    @abstractmethod
    def list_entries(self, dataset: Dataset, where: Where, sort: str = "") -> Iterator[bytes]:
        """The listing: one compact JSON document an entry, ordered so that the same entries come in the same order."""

    @abstractmethod
    def read(
        self, dataset: Dataset, listing: Sequence[bytes], media: MediaChoice, where: Where = NO_FILTERS
    ) -> Iterator[Entry | Withdrawn]:
        """The entries of a piece of the listing, in its order, with annotations and descriptions of their media.

        Each line of the listing comes back as an entry, or as what became of it; `where` is what it was listed with.
        """

    def key_of(self, line: bytes) -> str:
        """What the line of a listing is about: the same as long as the entry is there, whatever happens to it."""
        return hashlib.sha256(line).hexdigest()[:32]

    def has_annotations(self, dataset: Dataset, count: int, where: Where) -> bool:  # noqa: ARG002 - of no use without
        """Whether the entries that fit `where` have just so many annotations; False also where that is costly to say.

        Asked only of sources that tell changes, as `count_annotations` is.
        """
        return False

    def count_annotations(self, groups: Sequence[Sequence[bytes]], where: Where) -> list[int]:
        """How many annotations each group of lines of the listing has now.

        Raises:
            RetriableError: the platform cannot be reached now.
        """
        raise NotImplementedError

    def requests(
        self,
        dataset: Dataset,  # noqa: ARG002 - of no use without
        listed: int,  # noqa: ARG002
        shards: Sequence[int],  # noqa: ARG002
        annotations: float,  # noqa: ARG002
    ) -> int | None:
        """About how many requests it takes to list so many entries, and to read shards of so many of them, each with
        so many annotations; files are not in it. None where that is not known beforehand.
        """
        return None

    @abstractmethod
    def open_media(self) -> AbstractAsyncContextManager[MediaReader]:
        """Connections to read media over."""

    def entry_url(self, dataset_id: str, entry_id: str) -> str:  # noqa: ARG002 - has no pages
        """Where a person sees an entry on the platform's own pages; empty where that is not known."""
        return ""

    def check(self) -> str:
        """What can be read, in a sentence: logs in, and lists.

        Raises:
            RequestError: the address, the credentials or the file are wrong, or there is nothing to be read.
            RetriableError: it cannot be reached now.
        """
        names = self.dataset_names()
        if not names:
            raise no_datasets()
        shown = ", ".join(map(quoted, names[:SHOWN_NAMES]))
        more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
        return f"{len(names)} {'dataset' if len(names) == 1 else 'datasets'} can be read: {shown}{more}."

    def dataset_names(self) -> list[str]:
        """Those of all datasets this account may read."""
        return [one.name for one in self.catalog()]

    def exports(self) -> tuple[list[PlatformFormat], list[PlatformExport]]:
        """The formats that the far end exports by itself, and the exports it was asked for, the newest first.

        Raises:
            RequestError: it makes none, or this account may not see them.
        """
        raise RequestError("This source makes no exports of its own; use `outhaul export`.")

    def check_filters(self, where: Where) -> None:
        """Raise RequestError for a filter this source does not have."""
        for name in where:
            if name not in self.filters:
                raise unknown_name("filter", name, self.filters, where="this source")

    def check_sort(self, sort: str) -> None:
        """Raise RequestError for an order this source does not have."""
        if sort.removeprefix("-") not in ("", *self.sorts):
            raise unknown_name("order", sort.removeprefix("-"), self.sorts, where="this source")

    def choose(self, wanted: Sequence[str], where: Where = NO_FILTERS) -> list[Dataset]:  # noqa: ARG002 - has no filters
        """The datasets asked for by id or name, in that order, each once; `where` may say which, too."""
        if wanted:
            chosen = {dataset.id: dataset for dataset in map(self.dataset, wanted)}
            return list(chosen.values())
        catalog = self.catalog()
        if len(catalog) == 1 or (catalog and self.takes_all_datasets):
            return catalog
        if not catalog:
            raise no_datasets()
        shown = ", ".join(f"{dataset.id} ({dataset.name})" for dataset in catalog[:8])
        raise RequestError(f"Say which of the {len(catalog)} datasets to export with --dataset; there is: {shown}.")


def no_datasets() -> RequestError:
    return RequestError(
        "This source has no datasets that this account may read; give the account or the key the right to read some."
    )


def parse_where(texts: Sequence[str]) -> dict[str, list[str]]:
    """Filters from `name=value` texts; `name__in` takes several values with commas between."""
    where: dict[str, list[str]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise RequestError(
                f"The filter {text!r} is not of the form name=value; write it so, such as status=completed."
            )
        where.setdefault(name, []).extend(value.split(",") if name.endswith("__in") else [value])
    return where


def find_dataset(catalog: Sequence[Dataset], wanted: str, where: str) -> Dataset:
    """The dataset with this id, or the only one with this name."""
    by_id: dict[str, Any] = {dataset.id: dataset for dataset in catalog}
    if wanted in by_id:
        return by_id[wanted]  # type: ignore[no-any-return]
    named = [dataset for dataset in catalog if dataset.name == wanted]
    if len(named) == 1:
        return named[0]
    if named:
        ids = ", ".join(dataset.id for dataset in named)
        raise RequestError(f"{len(named)} datasets in {where} are called {wanted!r}; say which by id: {ids}.")
    names = [name for one in catalog for name in (one.id, one.name)]
    raise unknown_name("dataset", wanted, names, where=where, if_none="ask for the right to read some")
