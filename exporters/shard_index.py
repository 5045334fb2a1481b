"""What of a shard's entries is known to all others: a few bytes an entry, from which `exporters.survey` is made."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import msgspec
from msgspec import Struct

from exporters import naming
from exporters.holds import Holds
from exporters.model import Entry, shape_name
from exporters.options import ExporterOptions
from exporters.splits import in_its_split

NO_NUMBER = -1

Pair = tuple[str, str]
"""Category id and shape."""


def file_name(entry: Entry, *, has_folders: bool = True) -> str:
    """The safe name of an entry's original media, before it is told apart from its like."""
    media = entry.original
    name = entry.name or (media.name if media else "") or entry.id
    safe = naming.safe_path if has_folders else naming.safe_component
    return safe(naming.with_extension(name, media.mime_type if media else None))


def places(entry: Entry, holds: Holds) -> tuple[str, str]:
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


class IndexedEntry(Struct, frozen=True, array_like=True):
    """An entry in an index. `seen` are places in the index's list of pairs; a file cannot lie beside `folders`."""

    name: int
    paired: int
    number: int
    annotation_numbers: tuple[int, ...]
    seen: tuple[int, ...]
    folders: tuple[int, ...]


class ReadIndex(NamedTuple):
    """The index of a shard, as it was written."""

    pairs: list[Pair]
    entries: list[IndexedEntry]


class ShardIndex:
    """Collected while a shard is fetched."""

    def __init__(self, holds: Holds | None = None, options: ExporterOptions | None = None) -> None:
        """For a format that `holds` so much; its `options` say which split an entry lies in."""
        self._holds = holds or Holds()
        self._options = options or ExporterOptions()
        self._entries: list[IndexedEntry] = []
        self._pairs: dict[Pair, int] = {}

    def add(self, entry: Entry) -> None:
        place, paired = places(in_its_split(entry, self._options), self._holds)
        annotations = entry.annotations
        seen = {(one.category_id, shape_name(one.shape)) for one in annotations if one.category_id is not None}
        self._entries.append(
            IndexedEntry(
                naming.meeting_key(place),
                naming.meeting_key(paired),
                _kept(entry.number),
                tuple([_kept(one.number) for one in annotations]),
                tuple([self._place(pair) for pair in seen]),
                tuple(_folder_keys(place)),
            )
        )

    def take(self, index: ReadIndex, start: int, count: int) -> None:
        """Add so many entries from `start` on as another index for the same format has them."""
        entries = index.entries[start : start + count]
        places = [self._place(pair) for pair in index.pairs]
        if places != list(range(len(places))):
            entries = [_seeing(one, places) for one in entries]
        self._entries += entries

    def to_bytes(self) -> bytes:
        """The same entries give the same bytes, whichever way they came in."""
        seen = set(chain.from_iterable([one.seen for one in self._entries]))  # a pair may be of an entry not taken
        pairs = sorted(pair for pair, place in self._pairs.items() if place in seen)
        final = {self._pairs[pair]: place for place, pair in enumerate(pairs)}
        in_order = [final.get(place, -1) for place in range(len(self._pairs))]
        return msgspec.msgpack.encode((pairs, [_seeing(one, in_order) for one in self._entries]))

    def _place(self, pair: Pair) -> int:
        return self._pairs.setdefault(pair, len(self._pairs))


def _seeing(entry: IndexedEntry, places: list[int]) -> IndexedEntry:
    """An entry with other `places` for its pairs."""
    seen = tuple(sorted([places[place] for place in entry.seen]))
    return entry if seen == entry.seen else msgspec.structs.replace(entry, seen=seen)


def read_index(data: bytes) -> ReadIndex:
    return ReadIndex(*msgspec.msgpack.decode(data, type=tuple[list[Pair], list[IndexedEntry]]))
