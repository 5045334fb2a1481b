"""The contract of an exporter, the sharded way: one entry at a time to parts, then parts to files.

A format is one module: its options, its exporter. `convert` is called for each entry of a shard, on any machine, and
appends bytes to named *parts*; `assemble` is called once and says of which parts, in which order, the package's files
are made. Bytes of parts are never read back by `assemble`: files are described, not written, so nothing grows with the
dataset.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from exporters.classes import ClassMap
from exporters.holds import Holds
from exporters.model import Dataset, Entry
from exporters.naming import safe_component

if TYPE_CHECKING:
    from exporters.shard import Shard


class ExporterOptions(BaseModel):
    """Options of a format: each field has a type, a default and a description, from which forms and help are made."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoOptions(ExporterOptions):
    """For formats that leave nothing to choose."""


Options = TypeVar("Options", bound=ExporterOptions)


@dataclass(frozen=True, slots=True)
class Item:
    """An entry on its way into a package. Its coordinates are upright.

    `number` is its integer id in this export, and `annotation_numbers` those of its annotations, in order. `file_name`
    names its original media below the media folder, also when media is not part of the package; `files` has the package
    path of each media that is, by media id.
    """

    entry: Entry
    number: int
    annotation_numbers: Sequence[int]
    file_name: str
    files: Mapping[str, str]


class BaseExporter(ABC, Generic[Options]):
    """What every exporter declares, whichever way it is written. Instances hold no state."""

    name: ClassVar[str]
    description: ClassVar[str]
    version: ClassVar[int]
    """Raised whenever the same entries would give other bytes."""
    holds: ClassVar[Holds]
    options: type[Options]


class Exporter(BaseExporter[Options]):
    """A sharded exporter: one instance serves all shards, in any order, in several processes."""

    def media_folder(self, entry: Entry) -> str:
        """Where in the package the original media of this entry lies."""
        return f"images/{safe_component(entry.split)}" if entry.split else "images"

    @abstractmethod
    def convert(self, item: Item, shard: Shard[Options]) -> None:
        """Write one entry: append to parts, then `shard.keep` it, or leave it or some annotations out with a reason.

        Raises:
            SkippableError: this entry cannot be exported; the policy of the run decides what that means.
        """

    @abstractmethod
    def assemble(self, package: Assembly[Options]) -> None:
        """Say what files the package has besides the media."""


@dataclass(frozen=True)
class Piece:
    """A part of one shard, named by its path in the workspace; it becomes a run of bytes of a delivered file."""

    path: str
    sha256: str = ""


Segment = bytes | Piece


@dataclass
class Assembly(Generic[Options]):
    """What `assemble` is given: the parts of all shards in order, and where to say what files there are."""

    options: Options
    datasets: Sequence[Dataset]
    classes: ClassMap
    parts: Sequence[Mapping[str, Piece]]
    """For each shard, its parts by name."""
    shard_datasets: Sequence[int]
    """For each shard, the index of its dataset."""
    name: str
    files: dict[str, list[Segment]] = field(default_factory=dict)

    def names(self) -> list[str]:
        """The names of all parts there are, sorted."""
        return sorted({name for shard in self.parts for name in shard})

    def pieces(self, part: str, *, dataset: int | None = None) -> list[Piece]:
        """A part's pieces in the order of the shards, of all datasets or of the one with this index."""
        return [
            shard[part]
            for shard, index in zip(self.parts, self.shard_datasets, strict=True)
            if part in shard and dataset in (None, index)
        ]

    def file(self, path: str, segments: Iterable[Segment]) -> None:
        self.files[path] = list(segments)


def joined(pieces: Sequence[Segment], separator: bytes) -> Iterator[Segment]:
    """The pieces with a separator between each two."""
    for index, piece in enumerate(pieces):
        if index:
            yield separator
        yield piece
