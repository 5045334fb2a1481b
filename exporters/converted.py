"""What became of one entry: a value, made once and taken again for as long as the entry stays what it is.

An exporter that declares `is_entrywise` makes of an entry what it does whatever the others are. So of a shard in which
three entries have changed, only those three need its work.
"""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from exporters.model import NAMES, Annotation, Entry
from exporters.pictures.upright import MediaFile
from exporters.tally import KINDS, MAX_EXAMPLES, Counters, Kind

ENTRY_LEFT_OUT = "its entry was left out"

Reasoned = tuple[Kind, str, int, tuple[str, ...], bool]
"""Kind and reason, how many were left out for it, some of their ids, whether that is a fault."""


class ConvertedEntry(Struct, frozen=True, array_like=True):
    """What an exporter wrote for an entry, and what is to be put down in the books of its shard.

    `additions` are name, bytes and separator of what goes into parts; `files` the package's files that it brings, by
    path: small ones as bytes, media as what was fetched. `came_in` and `went_out` count entries, annotations, medias.
    """

    came_in: tuple[int, int, int]
    went_out: tuple[int, int, int] = (0, 0, 0)
    left_out: tuple[Reasoned, ...] = ()
    additions: tuple[tuple[str, bytes, bytes], ...] = ()
    files: tuple[tuple[str, bytes | MediaFile], ...] = ()
    by_category: dict[str, int] = {}
    by_shape: dict[str, int] = {}
    changed: dict[str, int] = {}

    @property
    def size(self) -> int:
        """Bytes of all that was written; media is only pointed to."""
        written = sum(len(data) for _, data in self.files if isinstance(data, bytes))
        return written + sum(len(data) for _, data, _ in self.additions)

    def book(self, counters: Counters) -> None:
        """Put it down in the books."""
        for kind, came_in, went_out in zip(KINDS, self.came_in, self.went_out, strict=True):
            counters.came_in[kind] += came_in
            counters.went_out[kind] += went_out
        for kind, reason, count, ids, is_fault in self.left_out:
            counters.leave_out(kind, reason, ids, count=count, is_fault=is_fault)
        _add(counters.by_category, self.by_category)
        _add(counters.by_shape, self.by_shape)
        _add(counters.changed, self.changed)


def _add(counter: Counter[str], counts: dict[str, int]) -> None:
    """As `Counter.update` does, in a fifth of its time where it is a few: this is done for every entry."""
    for name, count in counts.items():
        counter[name] += count


def size_in(entry: Entry) -> tuple[int, int, int]:
    """What of an entry comes in: itself, its annotations, its medias."""
    return 1, len(entry.annotations), len(entry.medias)


def left_out(entry: Entry, reason: str, *, is_fault: bool) -> ConvertedEntry:
    """An entry of which nothing is written."""
    whole = reasoned("entries", reason, [entry.id], is_fault=is_fault)
    annotations = reasoned("annotations", ENTRY_LEFT_OUT, [one.id for one in entry.annotations], is_fault=is_fault)
    medias = reasoned("medias", ENTRY_LEFT_OUT, [one.id for one in entry.medias], is_fault=is_fault)
    return ConvertedEntry(size_in(entry), left_out=(whole, annotations, medias))


def reasoned(kind: Kind, reason: str, ids: list[str], *, is_fault: bool = False) -> Reasoned:
    return kind, reason, len(ids), tuple(ids[:MAX_EXAMPLES]), is_fault


def kept_by(annotations: list[Annotation]) -> tuple[dict[str, int], dict[str, int]]:
    """How many annotations there are of each category, and of each shape."""
    categories = Counter([annotation.category_id or "" for annotation in annotations])
    return dict(categories), dict(Counter([NAMES[type(annotation.shape)] for annotation in annotations]))
