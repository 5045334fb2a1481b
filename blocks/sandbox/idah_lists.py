"""Rows in the order of their ids, joined from many short lists without looking into those nobody asks for."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from operator import attrgetter
from typing import Generic, SupportsIndex, TypeVar, overload

from blocks.sandbox.idah_rows import Entry, Row

RowT = TypeVar("RowT", bound=Row)
by_id = attrgetter("id")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in the order of their primary key; ``find`` answers equality on some columns without a look at every row."""

    row_type: type[Row]
    scan: Callable[[], Sequence[Row]]
    find: Mapping[str, Callable[[str], Sequence[Row]]]

    def get(self, key: str) -> Row | None:
        rows = self.find["id"](key) if "id" in self.find else self.scan()
        return next((row for row in rows if row.id == key), None)


def merge(lists: Iterable[Sequence[RowT]]) -> list[RowT]:
    return sorted(chain.from_iterable(lists), key=by_id)


class Joined(Sequence[RowT], Generic[RowT]):
    """The rows of ``entries``, one entry after the other, as if they were one list.

    ``count`` tells how many rows an entry has, ``peek`` gives rows to be looked at once, ``rows`` such as stay. Both
    may make them; only what a slice holds is made for it.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        *,
        count: Callable[[Entry], int],
        peek: Callable[[Entry], Sequence[RowT]],
        rows: Callable[[Entry], Sequence[RowT]],
    ) -> None:
        self._entries, self._peek, self._rows = entries, peek, rows
        self._ends = list(accumulate(map(count, entries)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[RowT]:
        for entry in self._entries:
            yield from self._rows(entry)

    @overload
    def __getitem__(self, place: SupportsIndex) -> RowT: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[RowT]: ...
    def __getitem__(self, place: SupportsIndex | slice) -> RowT | Sequence[RowT]:
        if not isinstance(place, slice):
            index = range(len(self))[place]
            return self[index : index + 1][0]
        start, stop, step = place.indices(len(self))
        if step != 1:
            return list(self)[place]
        if start >= stop:
            return []
        first, last = bisect_right(self._ends, start), bisect_left(self._ends, stop)
        before = self._ends[first - 1] if first else 0
        found = [row for entry in self._entries[first : last + 1] for row in self._peek(entry)]
        return found[start - before : stop - before]
