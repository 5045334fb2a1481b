"""What an API has accepted of an export, as the workspace remembers it: numbers of records, from 0, in runs.

Written whole after each answer, before the next request takes its place: a run that was killed has sent again at most
what was under way. Runs that meet become one, so it stays small while the records are taken one after the other.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

import msgspec

from blocks.storage import Storage
from exporters.errors import OuthaulError
from exporters.foreign_json import UNREADABLE

ACCEPTED = "accepted.json"

_decode = msgspec.json.Decoder(list[tuple[int, int]]).decode


class Accepted:
    """The records of one export that one target has accepted; `folder` is where the workspace keeps that."""

    def __init__(self, storage: Storage, folder: str) -> None:
        self._storage, self._path = storage, f"{folder}/{ACCEPTED}"
        self._begins: list[int] = []
        self._ends: list[int] = []
        """Behind the last of each run."""
        if storage.exists(self._path):
            with contextlib.suppress(OuthaulError, *UNREADABLE):  # what cannot be read is sent again
                for begin, end in _decode(storage.read(self._path)):
                    self._add(begin, end)

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._begins, number)
        return place > 0 and number < self._ends[place - 1]

    def __len__(self) -> int:
        return sum(self._ends) - sum(self._begins)

    def forget(self) -> None:
        """Begin anew."""
        if self._begins:
            self._begins, self._ends = [], []
            self.save()

    def add(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._add(number, number + 1)

    def save(self) -> None:
        runs = list(zip(self._begins, self._ends, strict=True))
        self._storage.write(self._path, [msgspec.json.encode(runs)], durable=False)

    def _add(self, begin: int, end: int) -> None:
        first, last = bisect_left(self._ends, begin), bisect_right(self._begins, end)
        if first < last:
            begin, end = min(begin, self._begins[first]), max(end, self._ends[last - 1])
        self._begins[first:last], self._ends[first:last] = [begin], [end]
