"""What earlier runs have read of the entries of a dataset, found by the lines that listed them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from blocks.store import Store
from flows.ledger import Booked, decode_ledger, digest_of
from flows.planned import Former
from flows.stretches import Place

COLUMNS = "key text primary key, line text, shard integer, place integer, annotations integer"
TABLE = f"create table known ({COLUMNS}) without rowid"
NEAR = 100
"""So many entries may have gone between two, for those behind them to be expected next."""


class KnownEntry(NamedTuple):
    place: Place
    annotations: int


class KnownEntries:
    """Mostly, a listing has the entries of the one before in the same order: the ledgers are read along. Where it has
    not, all of them are put on disk, and looked for there.
    """

    def __init__(
        self,
        formers: Sequence[Former],
        key_of: Callable[[bytes], str],
        store: Store,
        database: sqlite3.Connection,
        *,
        are_apart: bool,
    ) -> None:
        """`are_apart`: no entry is in two of them; else the latest has the say. The database has the `TABLE`."""
        self._formers, self._key_of, self._store, self._database = formers, key_of, store, database
        self._are_apart, self._is_on_disk = are_apart, False
        self.begin(0)

    def begin(self, former: int) -> None:
        """The next lines are to be those of the former shard of this number."""
        self._along = self._ledgers(former)
        self._expected = next(self._along, None) if self._are_apart else None

    def find(self, line: bytes) -> KnownEntry | None:
        """What was read of the entry of this line; None where it was listed otherwise, or not at all."""
        digest = digest_of(line)
        if self._expected:
            place, booked = self._expected
            if booked.line == digest:
                self._advance()
                return KnownEntry(place, booked.annotations)
            if booked.key == self._key_of(line):
                self._advance()
                return None
        return self._look_up(self._key_of(line), digest)

    def _look_up(self, key: str, digest: str) -> KnownEntry | None:
        if not self._is_on_disk:
            rows = ((one.key, one.line, *place, one.annotations) for place, one in self._ledgers(0))
            self._database.executemany("insert or replace into known values (?, ?, ?, ?, ?)", rows)
            self._is_on_disk = True
        asked = "select shard, place, annotations from known where key = ? and line = ?"
        row = self._database.execute(asked, (key, digest)).fetchone()
        if row is None:
            return None
        place = (row[0], row[1])
        if self._expected and self._expected[0] < place < (self._expected[0][0], self._expected[0][1] + NEAR):
            while self._expected and self._expected[0] <= place:
                self._advance()
        return KnownEntry(place, row[2])

    def _advance(self) -> None:
        self._expected = next(self._along, None)

    def _ledgers(self, first: int) -> Iterator[tuple[Place, Booked]]:
        for number in range(first, len(self._formers)):
            for place, line in enumerate(self._store.load_lines(self._formers[number].ledger)):
                yield (number, place), decode_ledger(line)
