"""How the files of a package are described: as runs of bytes that lie in the workspace already, or are written here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic

from exporters.classes import ClassMap
from exporters.model import Dataset
from exporters.options import Options


@dataclass(frozen=True)
class Piece:
    """A part of one shard: a run of bytes of a file in the workspace; it becomes one of a delivered file."""

    path: str
    offset: int = 0
    size: int = 0
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
