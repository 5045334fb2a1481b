"""Where a context takes its entries from: fetched shards in a run, plain data in a test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from exporters.model import Dataset, Entry, Media


@dataclass(frozen=True)
class Counts:
    """How many there are of each kind."""

    entries: int = 0
    annotations: int = 0
    medias: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.entries + other.entries, self.annotations + other.annotations, self.medias + other.medias)


@dataclass(frozen=True)
class Faulty:
    """An entry that cannot be exported, with a reason that many can share; `detail` as in SkippableError."""

    entry: Entry
    reason: str
    detail: str = ""


class RecordSource(Protocol):
    """Gives entries in a stable order, as often as it is asked, one at a time."""

    @property
    def datasets(self) -> Sequence[Dataset]: ...

    def counts(self, dataset: Dataset) -> Counts:
        """What `entries` will give of this dataset."""
        ...

    def entries(self, dataset: Dataset) -> Iterator[Entry | Faulty]:
        """The dataset's entries with their annotations and medias."""
        ...

    def missing(self, media: Media) -> str:
        """Why there are no bytes of this media; empty when there are."""
        ...

    def open(self, media: Media) -> IO[bytes]:
        """The bytes of a media that is not missing, as a stream."""
        ...

    def path(self, media: Media) -> Path | None:
        """The local file with these bytes, not to be written to; None when there is none, and a copy has to do."""
        ...
