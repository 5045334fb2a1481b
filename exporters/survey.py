"""What is known only when everything is fetched, and what each shard must be told of it.

Shards are transformed apart from each other. What they must agree on is small: the class map, the first number of each,
whether the source's own numbers can be kept, and which file names meet. Each fetched shard leaves a few bytes an entry
(`ShardIndex`) from which this is made; memory is 8 bytes for each number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from exporters import naming
from exporters.classes import ClassMap, ExportClass, build_class_map
from exporters.holds import Holds
from exporters.model import Dataset, Entry, shape_name
from exporters.options import ClassOptions, ExporterOptions
from exporters.splits import in_its_split

NO_NUMBER = -1

_Index = tuple[bytes, bytes, bytes, bytes, list[tuple[str, str]], bytes]


def file_name(entry: Entry, *, has_folders: bool = True) -> str:
    """The safe name of an entry's original media, before it is told apart from its like."""
    media = entry.original
    name = entry.name or (media.name if media else "") or entry.id
    safe = naming.safe_path if has_folders else naming.safe_component
    return safe(naming.with_extension(name, media.mime_type if media else None))


def _places(entry: Entry, holds: Holds) -> tuple[str, str]:
    """Where the entry's file lies below the media folder, before it is told apart, and what readers pair it by."""
    name = file_name(entry, has_folders=holds.has_folders)
    has_folder = entry.split and holds.has_split_folders
    place = f"{naming.safe_component(entry.split or '')}/{name}" if has_folder else name
    return place, naming.without_extension(place) if holds.pairs_by_stem else place


def _folder_keys(path: str) -> Iterator[int]:
    """Of each folder, its name and its stem: where readers pair by stem, files are made beside it under either."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield naming.meeting_key(path)
        yield naming.meeting_key(naming.without_extension(path))


def _kept(number: int | None) -> int:
    """A number that an export may keep; one beyond 64 bits is none."""
    return NO_NUMBER if number is None or not 0 <= number < 1 << 63 else number


class ShardIndex:
    """Collected while a shard is fetched; a few bytes an entry, so that all of them fit in memory together."""

    def __init__(self, holds: Holds | None = None, options: ExporterOptions | None = None) -> None:
        """For a format that `holds` so much; its `options` say which split an entry lies in."""
        self._holds = holds or Holds()
        self._options = options or ExporterOptions()
        self.names: list[int] = []
        self.paired: list[int] = []
        self.entry_numbers: list[int] = []
        self.annotation_numbers: list[int] = []
        self.seen: set[tuple[str, str]] = set()
        """Pairs of category id and shape."""
        self.folders: set[int] = set()
        """A file whose name is that of a folder cannot lie beside it."""

    def add(self, entry: Entry) -> None:
        place, paired = _places(in_its_split(entry, self._options), self._holds)
        self.names.append(naming.meeting_key(place))
        self.paired.append(naming.meeting_key(paired))
        self.folders.update(_folder_keys(place))
        self.entry_numbers.append(_kept(entry.number))
        for annotation in entry.annotations:
            self.annotation_numbers.append(_kept(annotation.number))
            if annotation.category_id is not None:
                self.seen.add((annotation.category_id, shape_name(annotation.shape)))

    def to_bytes(self) -> bytes:
        return msgspec.msgpack.encode(
            (
                np.asarray(self.names, np.uint64).tobytes(),
                np.asarray(self.paired, np.uint64).tobytes(),
                np.asarray(self.entry_numbers, np.int64).tobytes(),
                np.asarray(self.annotation_numbers, np.int64).tobytes(),
                sorted(self.seen),
                np.asarray(sorted(self.folders), np.uint64).tobytes(),
            )
        )


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
        if not self.meeting_names or set(map(naming.meeting_key, _places(entry, holds))).isdisjoint(self.meeting_names):
            return name
        return naming.told_apart(name, f"{entry.dataset_id}/{entry.id}" if self.names_datasets else entry.id)


@dataclass(frozen=True)
class Survey:
    classes: ClassMap
    placements: tuple[Placement, ...]


def survey(
    datasets: Sequence[Dataset], indexes: Iterable[bytes], holds: Holds, options: ExporterOptions | None = None
) -> Survey:
    """Make the survey of an export to a format that `holds` so much, from the indexes of its shards in order.

    Numbers that meet, because several datasets count from 1, cannot be kept: then all are counted anew, and the
    manifest says so.

    Raises:
        RequestError: the options ask for classes that cannot be.
    """
    decoded = [msgspec.msgpack.decode(index, type=_Index) for index in indexes]
    names = [np.frombuffer(shard[0], np.uint64) for shard in decoded]
    paired = [np.frombuffer(shard[1], np.uint64) for shard in decoded]
    entry_numbers = [np.frombuffer(shard[2], np.int64) for shard in decoded]
    annotation_numbers = [np.frombuffer(shard[3], np.int64) for shard in decoded]
    pairs = (pair for shard in decoded for pair in shard[4])
    classes = build_class_map(datasets, pairs, holds, options if isinstance(options, ClassOptions) else None)
    folders = [np.frombuffer(shard[5], np.uint64) for shard in decoded]
    meeting = np.unique(np.concatenate((_repeated(paired), *folders)))
    keeps_entries = holds.uses_numbers and _can_keep(entry_numbers, least=0)
    keeps_annotations = holds.uses_numbers and _can_keep(annotation_numbers, least=1)
    placements = []
    first_entry = first_annotation = 1
    for shard_names, shard_paired, shard_annotations in zip(names, paired, annotation_numbers, strict=True):
        placements.append(
            Placement(
                first_entry_number=first_entry,
                first_annotation_number=first_annotation,
                keeps_entry_numbers=keeps_entries,
                keeps_annotation_numbers=keeps_annotations,
                meeting_names=tuple(np.intersect1d((shard_names, shard_paired), meeting).tolist()),
                classes=classes.classes,
                names_datasets=len(datasets) > 1,
            )
        )
        first_entry += len(shard_names)
        first_annotation += len(shard_annotations)
    return Survey(classes, tuple(placements))


def _repeated(arrays: Sequence[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    ordered = np.sort(np.concatenate(arrays)) if arrays else np.empty(0, np.uint64)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def _can_keep(arrays: Sequence[NDArray[np.int64]], least: int) -> bool:
    """True when the source numbered all of them itself, none below `least`, no two alike."""
    numbers = np.sort(np.concatenate(arrays)) if arrays else np.empty(0, np.int64)
    return bool(len(numbers) and numbers[0] >= least and (numbers[1:] != numbers[:-1]).all())
