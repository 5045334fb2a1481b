"""Numbered files of bounded size, a series for each split: where they are cut does not depend on the size of shards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from exporters import splits
from exporters.assembly import Assembly, Piece
from exporters.item import Item

CONTENTS = "contents"
COUNT = "count"


@dataclass(frozen=True)
class NumberedFile:
    pieces: tuple[Piece, ...]
    entries_count: int

    @property
    def size(self) -> int:
        """In bytes, of the pieces together."""
        return sum(piece.size for piece in self.pieces)


def parts_of(item: Item, entries_per_file: int) -> tuple[str, str]:
    """The parts for an entry's bytes and for one more byte, so that the size of the second counts the entries.

    The place of an entry in the whole export decides about its file: a later entry moves no earlier one.
    """
    place = f"{item.ordinal // entries_per_file}:{item.entry.split or ''}"
    return f"{CONTENTS}:{place}", f"{COUNT}:{place}"


def files_of(package: Assembly[Any]) -> dict[str, list[NumberedFile]]:
    """The files of each split, in order of their entries; "" stands for no split. None is empty."""
    places: dict[str, set[int]] = {}
    for name in package.names():
        kind, number, split = name.split(":", 2)
        if kind == CONTENTS:
            places.setdefault(split, set()).add(int(number))
    return {
        split: [
            NumberedFile(
                tuple(package.pieces(f"{CONTENTS}:{number}:{split}")),
                sum(piece.size for piece in package.pieces(f"{COUNT}:{number}:{split}")),
            )
            for number in sorted(numbers)
        ]
        for split, numbers in sorted(places.items())
    }


def series_names(names: Iterable[str], unsplit: str) -> dict[str, str]:
    """For each split a name that is safe in a file name, for "" the name `unsplit`, or one like it if that is taken."""
    names = set(names)
    named = splits.file_names(names)
    taken = {name.casefold() for name in named.values()}
    while unsplit in taken:
        unsplit += "~"  # no escape ends in it
    return named | ({"": unsplit} if "" in names else {})
