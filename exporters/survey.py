"""What is known only when everything is fetched, and what each shard must be told of it.

Shards are transformed apart from each other. What they must agree on is small: the class map, the first number of each,
whether the source's own numbers can be kept, and which file names meet. Each fetched shard leaves a few bytes an entry
(`exporters.shard_index`) from which this is made; memory is 8 bytes for each number of theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from exporters import naming
from exporters.arrays import np
from exporters.classes import ClassMap, ExportClass, build_class_map
from exporters.holds import Holds
from exporters.model import Dataset, Entry
from exporters.options import ClassOptions, ExporterOptions
from exporters.shard_index import Pair, ReadIndex, file_name, places, read_index

if TYPE_CHECKING:
    from numpy.typing import NDArray


LEAST_ENTRY, LEAST_ANNOTATION = 0, 1
"""The least numbers that can be kept."""


class Placement(Struct, frozen=True, kw_only=True):
    """What one shard is told. `first_*` are the numbers of its first entry and annotation when numbers are ours."""

    first_entry_number: int = 1
    first_annotation_number: int = 1
    keeps_entry_numbers: bool = False
    keeps_annotation_numbers: bool = False
    meeting_names: tuple[int, ...] = ()
    names_datasets: bool = False
    """Whether ids are told apart by their dataset too: they are unique only in it."""
    classes: tuple[ExportClass, ...] = ()

    def file_name(self, entry: Entry, holds: Holds) -> str:
        """The file name of an entry in its split, unique there: also without its extension where readers pair by it."""
        name = file_name(entry, has_folders=holds.has_folders)
        if not self.meeting_names or set(map(naming.meeting_key, places(entry, holds))).isdisjoint(self.meeting_names):
            return name
        return naming.told_apart(name, f"{entry.dataset_id}/{entry.id}" if self.names_datasets else entry.id)


@dataclass(frozen=True)
class Survey:
    classes: ClassMap
    placements: tuple[Placement, ...]


class _Columns(NamedTuple):
    """The index of a shard, 8 bytes a number: those of all shards are in memory together.

    Of annotations, as of entries, the numbers are there only where all can be kept: a source that numbers none costs
    nothing for each of a billion.
    """

    pairs: list[Pair]
    names: NDArray[np.uint64]
    paired: NDArray[np.uint64]
    folders: NDArray[np.uint64]
    numbers: NDArray[np.int64]
    annotation_numbers: NDArray[np.int64]
    annotations: int

    @classmethod
    def of(cls, index: ReadIndex) -> _Columns:
        entries = index.entries
        return cls(
            index.pairs,
            np.array([one.name for one in entries], np.uint64),
            np.array([one.paired for one in entries], np.uint64),
            np.array(sorted({folder for one in entries for folder in one.folders}), np.uint64),
            _to_keep(np.array([one.number for one in entries], np.int64), LEAST_ENTRY),
            _to_keep(
                np.fromiter(chain.from_iterable([one.annotation_numbers for one in entries]), np.int64),
                LEAST_ANNOTATION,
            ),
            sum(len(one.annotation_numbers) for one in entries),
        )


def _to_keep(numbers: NDArray[np.int64], least: int) -> NDArray[np.int64]:
    """The numbers of a shard, or one that says that they cannot be kept."""
    return np.array([least - 1], np.int64) if len(numbers) and numbers.min() < least else numbers


def survey(
    datasets: Sequence[Dataset], indexes: Iterable[bytes], holds: Holds, options: ExporterOptions | None = None
) -> Survey:
    """Make the survey of an export to a format that `holds` so much, from the indexes of its shards in order.

    Numbers that meet, because several datasets count from 1, cannot be kept: then all are counted anew, and the
    manifest says so.

    Raises:
        RequestError: the options ask for classes that cannot be.
    """
    shards = [_Columns.of(read_index(index)) for index in indexes]
    pairs = (pair for shard in shards for pair in shard.pairs)
    classes = build_class_map(datasets, pairs, holds, options if isinstance(options, ClassOptions) else None)
    folders = (shard.folders for shard in shards)
    meeting = np.unique(np.concatenate((_repeated([shard.paired for shard in shards]), *folders)))
    keeps_entries = holds.uses_numbers and _can_keep([shard.numbers for shard in shards], LEAST_ENTRY)
    keeps_annotations = holds.uses_numbers and _can_keep(
        [shard.annotation_numbers for shard in shards], LEAST_ANNOTATION
    )
    placements = []
    first_entry = first_annotation = 1
    for shard in shards:
        placements.append(
            Placement(
                first_entry_number=first_entry,
                first_annotation_number=first_annotation,
                keeps_entry_numbers=keeps_entries,
                keeps_annotation_numbers=keeps_annotations,
                meeting_names=tuple(np.intersect1d((shard.names, shard.paired), meeting).tolist()),
                classes=classes.classes,
                names_datasets=len(datasets) > 1,
            )
        )
        first_entry += len(shard.names)
        first_annotation += shard.annotations
    return Survey(classes, tuple(placements))


def _repeated(arrays: Sequence[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    ordered = np.sort(np.concatenate(arrays)) if arrays else np.empty(0, np.uint64)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def _can_keep(arrays: Sequence[NDArray[np.int64]], least: int) -> bool:
    """True when the source numbered all of them itself, none below `least`, no two alike."""
    numbers = np.sort(np.concatenate(arrays)) if arrays else np.empty(0, np.int64)
    return bool(len(numbers) and numbers[0] >= least and (numbers[1:] != numbers[:-1]).all())
