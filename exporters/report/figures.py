"""The figures of a report, counted while entries pass: whole numbers, so that any cut into shards gives the same sums.

Kept of an entry: nothing, but for the few that are to be shown. Which ones those are is decided by digests of their
ids, so that the choice falls on the same entries in every run, and the classes' samples fall on few entries together.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right, insort
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct, field

from exporters.model import Annotation, Box, Classification, Entry, Relation, TextSpan, TimeSpan, Track, Unknown
from exporters.report.legend import Legend
from exporters.shapes import geometry

SIDES = (4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 181, 256, 362, 512, 724, 1024, 1448, 2048, 2896, 4096)
"""Pixels at which the bins of sizes meet, half an octave each."""
_AREAS = tuple(side * side for side in SIDES)
ASPECTS = ("1:8", "1:6", "1:4", "1:3", "1:2", "2:3", "1:1", "3:2", "2:1", "3:1", "4:1", "6:1", "8:1")
"""Width to height, in the middles of their bins."""
_ASPECTS_MEET = (0.144, 0.204, 0.289, 0.408, 0.577, 0.816, 1.225, 1.732, 2.449, 3.464, 4.899, 6.928)
CROWDS = ("0", "1", "2", "3-4", "5-8", "9-16", "17-32", "33-64", "65+")
"""Annotations of an entry."""
_CROWDS_MEET = (1, 2, 3, 5, 9, 17, 33, 65)

SHOWN = 12
"""Entries on the sheet."""
SHOWN_OF_CLASS = 4

WITHOUT_EXTENT = (Classification, TextSpan, TimeSpan, Relation, Unknown)


class Pick(NamedTuple):
    """An entry that may be shown: the digest of its id, its shard, its place there, and a digest of its content."""

    digest: str
    shard: int
    at: int
    content: str = ""


class Counted(Struct, frozen=True, array_like=True):
    """What is counted of an entry: digests of its id and content, its annotations, and bins of those with an extent."""

    digest: str
    content: str
    annotations: int
    classes: tuple[str, ...]
    sizes: tuple[int, ...]
    aspects: tuple[int, ...]


class Figures(Struct):
    """Of one shard, or of all of them added up."""

    entries: int = 0
    annotations: int = 0
    sizes: list[int] = field(default_factory=lambda: [0] * (len(SIDES) + 1))
    aspects: list[int] = field(default_factory=lambda: [0] * len(ASPECTS))
    crowds: list[int] = field(default_factory=lambda: [0] * len(CROWDS))
    entries_of: dict[str, int] = {}
    """Entries that have annotations of a class, by its key."""
    annotated: list[Pick] = []
    """The first of all entries with annotations, by digest; `bare`, of those without."""
    bare: list[Pick] = []
    of_class: dict[str, list[Pick]] = {}

    def count(self, entry: Counted, at: int) -> None:
        """Add an entry; `at` is its place in the shard."""
        self.entries += 1
        self.annotations += entry.annotations
        self.crowds[bisect_right(_CROWDS_MEET, entry.annotations)] += 1
        pick = Pick(entry.digest, 0, at, entry.content)
        _offer(self.annotated if entry.annotations else self.bare, pick, SHOWN)
        for key in entry.classes:
            self.entries_of[key] = self.entries_of.get(key, 0) + 1
            _offer(self.of_class.setdefault(key, []), pick, SHOWN_OF_CLASS)
        for size in entry.sizes:
            self.sizes[size] += 1
        for aspect in entry.aspects:
            self.aspects[aspect] += 1

    def add(self, other: Figures, shard: int) -> None:
        """Add the figures of a shard."""
        self.entries += other.entries
        self.annotations += other.annotations
        for bins, others in ((self.sizes, other.sizes), (self.aspects, other.aspects), (self.crowds, other.crowds)):
            bins[:] = [one + another for one, another in zip(bins, others, strict=True)]
        for key, count in other.entries_of.items():
            self.entries_of[key] = self.entries_of.get(key, 0) + count
        for picks, more, most in self._picks(other):
            for pick in more:
                _offer(picks, pick._replace(shard=shard), most)

    def _picks(self, other: Figures) -> Iterator[tuple[list[Pick], list[Pick], int]]:
        """Lists of entries to be shown, those of another beside them, and how long they may get."""
        yield self.annotated, other.annotated, SHOWN
        yield self.bare, other.bare, SHOWN
        for key, more in other.of_class.items():
            yield self.of_class.setdefault(key, []), more, SHOWN_OF_CLASS


def counted(
    entry: Entry, annotations: Sequence[tuple[Annotation, Box | None]], legend: Legend, content: str = ""
) -> Counted:
    """An entry as it is written, each annotation with its extent where that is known; a digest says of what content."""
    boxes = [box or extent_of(annotation) for annotation, box in annotations]
    extents = [box for box in boxes if box and box.width > 0 and box.height > 0]
    return Counted(
        digest_of(entry),
        content,
        len(annotations),
        tuple(sorted({legend.key(one.category_id) for one, _ in annotations})),
        tuple([bisect_right(_AREAS, box.width * box.height) for box in extents]),
        tuple([bisect_right(_ASPECTS_MEET, box.width / box.height) for box in extents]),
    )


def digest_of(entry: Entry) -> str:
    return hashlib.sha256(f"{entry.dataset_id}\0{entry.id}".encode()).hexdigest()[:16]


def extent_of(annotation: Annotation) -> Box | None:
    """The box around an annotation, of a track around its first key frame; None for what has no place."""
    shape = annotation.shape
    if isinstance(shape, WITHOUT_EXTENT):
        return None
    return geometry.bounds(shape.keyframes[0].shape if isinstance(shape, Track) else shape)


def _offer(picks: list[Pick], pick: Pick, most: int) -> None:
    if len(picks) < most or pick < picks[-1]:
        insort(picks, pick)
        del picks[most:]
