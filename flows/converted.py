"""What became of single entries, remembered: where few of a shard have changed, the others are not converted again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from blocks.store import Store
from exporters.converted import ConvertedEntry
from exporters.model import encode
from exporters.survey import Placement
from flows.entry_lines import EntryLines
from flows.planned import Plan
from flows.results import FetchedMedia, FetchedShard

FOLDER = "entries"
LARGE_BYTES = 64 << 10
"""What an exporter writes for an entry is not kept twice where it is more than this: formats that embed media."""


class Remembered(Struct, frozen=True, array_like=True):
    """All that was made of an entry; `numbers` are its own and its first annotation's, if they are counted."""

    numbers: tuple[int, int]
    described: Raw
    """Its line in the contents of the export."""
    converted: ConvertedEntry | None
    """None: too large to be kept twice."""


_decode = msgspec.json.Decoder(Remembered).decode


class Known(NamedTuple):
    """What became of an entry, how the export's contents describe it, and the line that remembers it."""

    converted: ConvertedEntry
    described: bytes
    line: bytes


def remembered_line(numbers: tuple[int, int], described: bytes, converted: ConvertedEntry) -> bytes:
    """The line that remembers an entry."""
    kept = None if converted.size > LARGE_BYTES else converted
    return msgspec.json.encode(Remembered(numbers, Raw(described), kept))


class Memory:
    """What earlier runs made of the entries of one shard. Ask for each entry in its turn."""

    def __init__(self, fetched: FetchedShard, media: FetchedMedia | None, told: Sequence[object], store: Store) -> None:
        """`told` is all that entries of the shard are told, but their numbers."""
        self._lines = EntryLines(FOLDER, fetched, media, told, store)

    def take(self, numbers: tuple[int, int]) -> Known | None:
        """What is remembered of the next entry, if its files are what they were, and it has these numbers."""
        line = self._lines.next()
        if line is None:
            return None
        one = _decode(line)
        if one.converted is None or one.numbers != numbers:
            return None
        return Known(one.converted, bytes(one.described), line)

    def keep(self, lines: Iterable[bytes]) -> tuple[str, str]:
        """Remember the entries of the shard; returns where."""
        return self._lines.keep(lines)


def told_to_entries(plan: Plan, placement: Placement, dataset: str) -> list[object]:
    """All that an entry of a shard is told beside its own content, its numbers, and its files."""
    shared = encode(replace(placement, first_entry_number=0, first_annotation_number=0)).decode()
    return [dataset, shared, *plan.exporter_facts, plan.request.media, plan.request.on_error]
