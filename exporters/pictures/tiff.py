"""TIFF blocks, and how something is erased from one in place: the bytes behind and around it stay where they are.

EXIF data, in whatever file it lies, is a [TIFF](https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf) block:
directories of entries, whose values lie in the entry or elsewhere in the block.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Literal, NamedTuple

Span = tuple[int, int]
"""Where bytes begin, and where the next ones do."""

EXIF_DIRECTORY, SUB_DIRECTORIES, XMP_PACKET = 0x8769, 0x014A, 0x02BC
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value, by its type's number."""


class Entry(NamedTuple):
    tag: int
    span: Span
    width: int
    """Bytes of one value."""
    values: Span


class Directory(NamedTuple):
    """A table of entries; `span` is without the number behind it, which sub-directories of some writers lack."""

    span: Span
    entries: list[Entry]
    following: int
    """Where the next directory begins; 0 behind the last."""
    is_whole: bool


class Block:
    """A TIFF block, read with its own byte order and width of numbers (BigTIFF's are twice as wide)."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._order: Literal["little", "big"] = "little" if data[:1] == b"I" else "big"
        is_big = self.number((2, 4)) == 43
        self._word = 8 if is_big else 4
        self._count_size = 8 if is_big else 2
        self.first = self.number((8, 16) if is_big else (4, 8))

    def number(self, span: Span) -> int:
        return int.from_bytes(self.data[slice(*span)], self._order)

    def starts(self, entry: Entry) -> Iterator[int]:
        """Where the directories begin that an entry leads to."""
        for at in range(entry.values[0], entry.values[1] - entry.width + 1, entry.width):
            yield self.number((at, at + entry.width))

    def directory(self, start: int) -> Directory:
        """The directory that begins at `start`, as far as there is data."""
        table, size, end = start + self._count_size, 4 + 2 * self._word, len(self.data)
        count = self.number((start, table))
        fitting = max(0, min(count, (end - table) // size))
        entries = [self._entry(table + size * index) for index in range(fitting)]
        stop = table + size * fitting
        following = self.number((stop, stop + self._word))
        return Directory((start, stop), entries, following, stop <= end and count == fitting)

    def _entry(self, at: int) -> Entry:
        field = (at + 4 + self._word, at + 4 + 2 * self._word)
        width = SIZES.get(self.number((at + 2, at + 4)), 0)
        length = width * self.number((at + 4, field[0]))
        start, end = self.number(field), len(self.data)
        # Values that are no longer than the number which says where they lie stand in its place.
        values = field if length <= self._word else (min(start, end), min(start + length, end))
        return Entry(self.number((at, at + 2)), (at, field[1]), width or self._word, values)

    def directories(self) -> Iterator[Directory]:
        """All directories but those of positions, each once."""
        starts, seen = deque([self.first]), {0}  # 0 stands for none
        # Sound directories lie beside each other; where they take more room than there is, they were made to keep us
        # busy.
        room = len(self.data)
        while starts and room > 0:
            start = starts.popleft()
            if start in seen:
                continue
            seen.add(start)
            directory = self.directory(start)
            yield directory
            leads_to = [entry for entry in directory.entries if entry.tag in (EXIF_DIRECTORY, SUB_DIRECTORIES)]
            room -= length([directory.span, *(entry.values for entry in leads_to)])
            if room > 0:
                starts += [start for entry in leads_to for start in self.starts(entry)]
                starts.append(directory.following)

    def without(self, directory: Directory, tags: frozenset[int]) -> bytes:
        """The directory without the entries of these tags: those behind move up, zeros fill its end."""
        kept = [self.data[slice(*entry.span)] for entry in directory.entries if entry.tag not in tags]
        start, stop = directory.span
        following = self.data[stop : stop + self._word]
        table = len(kept).to_bytes(self._count_size, self._order) + b"".join(kept) + following
        return table.ljust(stop - start + len(following), b"\0")


class Sought(NamedTuple):
    """What is to be erased from a block."""

    tags: frozenset[int]
    """Of the entries that are taken out of their directory."""
    found: Callable[[Block, Directory], list[Span]]
    """The bytes that become zeros with such entries of a directory; none where these say nothing that is sought."""
    inside: Mapping[int, Callable[[bytes], bytes]]
    """What is erased from the values of entries that stay, by tag; they give back the same object for nothing."""
    damaged: str
    """What is said of a block of which it cannot be erased."""


def erase(data: bytes, sought: Sought) -> bytes:
    """A TIFF block, or a whole TIFF file, without what is sought; the same object when it has none of it.

    As long as before, and the same but for the entries, what they lead to, and what stands in other values. What is no
    TIFF block comes back as it is.

    Raises:
        ValueError: it is there, but cut off, or lies across something else.
    """
    if data[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return data
    block = Block(data)
    changes: list[tuple[int, bytes]] = []
    kept: list[Span] = []
    erased: list[Span] = []
    for directory in block.directories():
        kept += [directory.span, *(one.values for one in directory.entries if one.tag not in sought.tags)]
        changes += _changes_inside(data, directory, sought)
        found = sought.found(block, directory)
        if found:
            changes.append((directory.span[0], block.without(directory, sought.tags)))
            erased += found
        if length(erased) > len(data):
            raise ValueError(sought.damaged)
    if _meet(kept, erased):
        raise ValueError(sought.damaged)
    if not changes:
        return data
    changed = bytearray(data)
    for start, stop in erased:
        changed[start:stop] = bytes(stop - start)
    for start, piece in changes:
        changed[start : start + len(piece)] = piece
    return bytes(changed)


def _changes_inside(data: bytes, directory: Directory, sought: Sought) -> Iterator[tuple[int, bytes]]:
    spans = {(entry.values, entry.tag) for entry in directory.entries if entry.tag in sought.inside}
    if length(span for span, _ in spans) > len(data):
        raise ValueError(sought.damaged)
    for (start, stop), tag in sorted(spans):
        value = data[start:stop]
        erased = sought.inside[tag](value)
        if erased is not value:
            yield start, erased


def length(spans: Iterable[Span]) -> int:
    return sum(stop - start for start, stop in spans)


def _meet(spans: list[Span], others: list[Span]) -> bool:
    """Whether any of the spans has a byte in common with any of the others."""
    ordered = sorted(span for span in spans if span[0] < span[1])
    furthest = list(accumulate((stop for _, stop in ordered), max))
    for start, stop in others:
        before = bisect_left(ordered, (stop, 0))
        if start < stop and before and furthest[before - 1] > start:
            return True
    return False
