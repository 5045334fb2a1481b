"""Where pictures say where they were taken: the GPS directory of a TIFF block, and the properties of an XMP packet.

Both are erased in place: the bytes behind and around them stay where they are. EXIF data, in whatever file it lies, is
a [TIFF](https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf) block: directories of entries, whose values lie
in the entry or elsewhere in the block. Names of places that somebody typed, and what makers hide in notes of their own,
are not looked for.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import accumulate, islice
from typing import Literal, NamedTuple

DAMAGED = "its position cannot be taken out, because the data it stands in is damaged"

Span = tuple[int, int]
"""Where bytes begin, and where the next ones do."""

GPS_DIRECTORY, EXIF_DIRECTORY, SUB_DIRECTORIES, XMP_PACKET = 0x8825, 0x8769, 0x014A, 0x02BC
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value, by its type's number."""


class _Entry(NamedTuple):
    tag: int
    span: Span
    width: int
    """Bytes of one value."""
    values: Span


class _Directory(NamedTuple):
    """A table of entries; `span` is without the number behind it, which sub-directories of some writers lack."""

    span: Span
    entries: list[_Entry]
    following: int
    """Where the next directory begins; 0 behind the last."""
    is_whole: bool


class _Block:
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

    def starts(self, entry: _Entry) -> Iterator[int]:
        """Where the directories begin that an entry leads to."""
        for at in range(entry.values[0], entry.values[1] - entry.width + 1, entry.width):
            yield self.number((at, at + entry.width))

    def directory(self, start: int) -> _Directory:
        """The directory that begins at `start`, as far as there is data."""
        table, size, end = start + self._count_size, 4 + 2 * self._word, len(self.data)
        count = self.number((start, table))
        fitting = max(0, min(count, (end - table) // size))
        entries = [self._entry(table + size * index) for index in range(fitting)]
        stop = table + size * fitting
        following = self.number((stop, stop + self._word))
        return _Directory((start, stop), entries, following, stop <= end and count == fitting)

    def _entry(self, at: int) -> _Entry:
        field = (at + 4 + self._word, at + 4 + 2 * self._word)
        width = SIZES.get(self.number((at + 2, at + 4)), 0)
        length = width * self.number((at + 4, field[0]))
        start, end = self.number(field), len(self.data)
        # Values that are no longer than the number which says where they lie stand in its place.
        values = field if length <= self._word else (min(start, end), min(start + length, end))
        return _Entry(self.number((at, at + 2)), (at, field[1]), width or self._word, values)

    def without(self, directory: _Directory, tag: int) -> bytes:
        """The directory without the entries of a tag: those behind move up, zeros fill its end."""
        kept = [self.data[slice(*entry.span)] for entry in directory.entries if entry.tag != tag]
        start, stop = directory.span
        following = self.data[stop : stop + self._word]
        table = len(kept).to_bytes(self._count_size, self._order) + b"".join(kept) + following
        return table.ljust(stop - start + len(following), b"\0")


def erase_from_tiff(data: bytes) -> bytes:
    """A TIFF block, or a whole TIFF file, without its GPS directory; the same object when it has none.

    As long as before, and the same but for the directory, its values, the entry that leads there, and properties of an
    XMP packet. What is no TIFF block comes back as it is.

    Raises:
        ValueError: there is a GPS directory, but it is cut off or lies across something else.
    """
    if data[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return data
    block = _Block(data)
    changes: list[tuple[int, bytes]] = []
    kept: list[Span] = []
    erased: list[Span] = []
    for directory in _directories(block):
        kept += [directory.span, *(one.values for one in directory.entries if one.tag != GPS_DIRECTORY)]
        changes += _packet_changes(data, directory)
        positions = _positions(block, directory)
        if any(position.entries for position in positions):
            changes.append((directory.span[0], block.without(directory, GPS_DIRECTORY)))
        for position in positions:
            erased += [position.span, *(entry.values for entry in position.entries)]
        if _length(erased) > len(data):
            raise ValueError(DAMAGED)
    if _meet(kept, erased):
        raise ValueError(DAMAGED)
    if not changes:
        return data
    changed = bytearray(data)
    for start, stop in erased:
        changed[start:stop] = bytes(stop - start)
    for start, piece in changes:
        changed[start : start + len(piece)] = piece
    return bytes(changed)


def _directories(block: _Block) -> Iterator[_Directory]:
    """All directories but those of positions, each once."""
    starts, seen = deque([block.first]), {0}  # 0 stands for none
    # Sound directories lie beside each other; where they take more room than there is, they were made to keep us busy.
    room = len(block.data)
    while starts and room > 0:
        start = starts.popleft()
        if start in seen:
            continue
        seen.add(start)
        directory = block.directory(start)
        yield directory
        leads_to = [entry for entry in directory.entries if entry.tag in (EXIF_DIRECTORY, SUB_DIRECTORIES)]
        room -= _length([directory.span, *(entry.values for entry in leads_to)])
        if room > 0:
            starts += [start for entry in leads_to for start in block.starts(entry)]
            starts.append(directory.following)


def _positions(block: _Block, directory: _Directory) -> list[_Directory]:
    leads_to = [entry for entry in directory.entries if entry.tag == GPS_DIRECTORY]
    starts = {start for entry in leads_to for start in islice(block.starts(entry), 1)} - {0}
    positions = []
    room = len(block.data)
    for start in sorted(starts):
        position = block.directory(start)
        room -= _length([position.span])
        if room < 0 or not (position.is_whole and directory.is_whole):
            raise ValueError(DAMAGED)
        positions.append(position)
    return positions


def _packet_changes(data: bytes, directory: _Directory) -> Iterator[tuple[int, bytes]]:
    spans = {entry.values for entry in directory.entries if entry.tag == XMP_PACKET}
    if _length(spans) > len(data):
        raise ValueError(DAMAGED)
    for start, stop in sorted(spans):
        packet = data[start:stop]
        erased = erase_from_xmp(packet)
        if erased is not packet:
            yield start, erased


def _length(spans: Iterable[Span]) -> int:
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


# -- XMP --------------------------------------------------------------------------------------------------------------

_NAME = rb"(?<![\w.:-])(?!xmlns:)[\w.-]+:(?:gps[\w.-]*|latitude|longt?itude)(?![\w.-])"  # a maker writes "longtitude"
_PROPERTY = re.compile(_NAME, re.IGNORECASE)
_ELEMENT = re.compile(rb"<(" + _NAME + rb")[^<>]*>", re.IGNORECASE)
_ATTRIBUTE = re.compile(_NAME + rb"""\s*=\s*(?:"[^"]*"|'[^']*')""", re.IGNORECASE)
_WIDE = re.compile(rb"g\0p\0s\0", re.IGNORECASE)


def erase_from_xmp(packet: bytes) -> bytes:
    """An XMP packet with spaces in place of all properties that say a position; the same object when there are none.

    Properties are known by their names, whatever their prefix: `exif:GPSLatitude`, `drone-dji:GpsLongitude`.

    Raises:
        ValueError: a property is there but cannot be told apart from the rest, or the packet is not in UTF-8.
    """
    if _WIDE.search(packet):
        raise ValueError(DAMAGED)
    if not _PROPERTY.search(packet):
        return packet
    erased = bytearray(packet)
    stop = 0
    for element in _ELEMENT.finditer(packet):
        if element.start() < stop:
            continue
        stop = element.end()
        if not element[0].endswith(b"/>"):
            closing = re.compile(rb"</" + re.escape(element[1]) + rb"\s*>").search(packet, stop)
            if closing is None:
                raise ValueError(DAMAGED)
            stop = closing.end()
        erased[element.start() : stop] = b" " * (stop - element.start())
    blank = _ATTRIBUTE.sub(lambda attribute: b" " * len(attribute[0]), erased)
    if _PROPERTY.search(blank):
        raise ValueError(DAMAGED)
    return bytes(blank)
