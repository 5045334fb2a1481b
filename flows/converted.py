"""What became of single entries, remembered: of a shard in which few have changed, the others are not converted again.

    entries/<key>     where the lines of a shard are kept: `key` is a digest of all that its entries were told

Which entries of a shard are as they were, and where those are found, fetch has written down. What is remembered has a
line for each entry of a shard, in their order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from itertools import repeat
from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from blocks.storage_errors import translated
from blocks.store import Store
from exporters.converted import ConvertedEntry
from exporters.model import Entry, encode
from exporters.pictures.upright import MediaFile
from exporters.survey import Placement
from flows.along import Along
from flows.policy import digest
from flows.results import FetchedShard, Plan
from flows.revision import Place, decode_kept

LARGE_BYTES = 64 << 10
"""What an exporter writes for an entry is not kept twice where it is more than this: formats that embed media."""

Files = Mapping[tuple[str, str], MediaFile | str]
"""By the media's ref and key: its file, or why there is none."""


class Remembered(Struct, frozen=True, array_like=True):
    """All that was made of an entry, and of what: `numbers` are its own and its first annotation's, if they are
    counted; `files` has ref and key of each media that was looked for, and what was found.
    """

    numbers: tuple[int, int]
    files: tuple[tuple[str, str, str], ...]
    described: Raw
    """Its line in the contents of the export."""
    converted: ConvertedEntry | None
    """None: too large to be kept twice."""


_decode = msgspec.json.Decoder(Remembered).decode


class Known(NamedTuple):
    """What became of an entry, how the export's contents describe it, and the line that remembers it."""

    converted: ConvertedEntry
    described: Raw
    line: bytes


def remembered_line(
    entry: Entry, numbers: tuple[int, int], files: Files, described: bytes, converted: ConvertedEntry
) -> bytes:
    """The line that remembers an entry."""
    found = [(one.ref, one.key, _name(files[one.ref, one.key])) for one in entry.medias if (one.ref, one.key) in files]
    kept = None if converted.size > LARGE_BYTES else converted
    return msgspec.json.encode(Remembered(numbers, tuple(found), Raw(described), kept))


class Memory:
    """What earlier runs made of the entries of one shard. Ask for each entry in its turn."""

    def __init__(self, fetched: FetchedShard, told: Sequence[object], files: Files, store: Store) -> None:
        """`told` is all that entries of the shard are told, but their numbers; `files` what there is of its media."""
        self._fetched, self._told, self._files, self._store = fetched, told, files, store
        self._places = self._taken_from()
        self._formers = [Along(self._lines(former.sha256)) for former in fetched.shard.formers]

    def take(self, numbers: tuple[int, int]) -> Known | None:
        """What is remembered of the next entry, if it is what it was, and has these numbers."""
        place = next(self._places)
        line = self._formers[place[0]].at(place[1]) if place else None
        if line is None:
            return None
        one = _decode(line)
        if one.converted is None or one.numbers != numbers:
            return None
        is_as_before = all(_name(self._files.get((ref, key), "")) == name for ref, key, name in one.files)
        return Known(one.converted, one.described, line) if is_as_before else None

    def keep(self, lines: Iterable[bytes]) -> tuple[str, str]:
        """Remember the entries of the shard; returns where."""
        path, _ = self._store.save_lines(self._translated(lines))
        pointer = self._pointer(self._fetched.sha256)
        self._store.storage.write(pointer, [path.encode()], durable=False)
        return pointer, path

    def finish(self) -> None:
        for former in self._formers:
            former.finish()

    def _taken_from(self) -> Iterator[Place | None]:
        """For each entry the former shard that has it, and its place there."""
        if self._fetched.shard.is_unchanged:
            return ((0, place) for place in range(self._fetched.entries))
        if not self._fetched.kept:
            return repeat(None, self._fetched.entries)
        return map(decode_kept, self._store.load_lines(self._fetched.kept))

    def _translated(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """What goes wrong while they are made is about the workspace, not about where lines are put together."""
        with translated(self._store.storage.shown):
            yield from lines

    def _lines(self, sha256: str) -> Iterator[bytes]:
        storage, pointer = self._store.storage, self._pointer(sha256)
        path = storage.read(pointer).decode() if storage.exists(pointer) else ""
        return self._store.load_lines(path) if path and storage.exists(path) else iter(())

    def _pointer(self, sha256: str) -> str:
        return f"entries/{digest(metadata.version('outhaul'), sha256, *self._told)}"


def told_to_entries(plan: Plan, placement: Placement, dataset: str) -> list[object]:
    """All that an entry of a shard is told beside its own content, its numbers, and its files."""
    shared = encode(replace(placement, first_entry_number=0, first_annotation_number=0)).decode()
    return [dataset, shared, *plan.exporter_facts, plan.request.media, plan.request.on_error]


def _name(file: MediaFile | str) -> str:
    return file if isinstance(file, str) else file.sha256
