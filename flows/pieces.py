"""The records of a shard in pieces: a night on which three entries have changed writes three, not a thousand.

A shard lies in one file, or in several, oldest first: the one that it was written in whole, and one for each night
since. Which lines of which of them are its entries, stretches say. After some nights it is written whole again, so that
not too many lines are there in vain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from blocks.chunks import exhaust
from blocks.store import Store
from flows.planned import Former, ShardPlan
from flows.policy import digest
from flows.results import FetchedShard
from flows.stretches import FRESH, Along, Stretch, load_stretches, save_stretches, whole

MOST_PIECES = 12
"""Of which all but the first have one entry in ten at most, so they are read in twice the time at worst."""


class Patch:
    """A shard in the making, of which few entries are new, and the others lie in one former shard."""

    def __init__(self, former: Former, store: Store) -> None:
        self._store = store
        self._pieces = former.pieces or (former.path,)
        self._former = list(load_stretches(former.path, store) if former.pieces else whole(0, former.entries))
        self._stretches: list[Stretch] = []
        self._fresh = 0

    @classmethod
    def of(cls, shard: ShardPlan, store: Store) -> Patch | None:
        """None where the shard is to be written whole."""
        if not shard.is_little_changed or len(shard.formers) != 1 or len(shard.formers[0].pieces) >= MOST_PIECES:
            return None
        return cls(shard.formers[0], store)

    def take(self, stretch: Stretch) -> None:
        """The next entries are those of the former shard."""
        self._stretches += within(self._former, stretch)

    def add(self, fresh: int) -> None:
        """The next entries are so many new ones."""
        self._stretches.append(Stretch(len(self._pieces), self._fresh, fresh))
        self._fresh += fresh

    def save(self, fresh: str) -> tuple[str, str, tuple[str, ...]]:
        """Keep it, when `fresh` has the new ones; returns path, a name for its content, and pieces."""
        pieces = (*self._pieces, fresh)
        path = save_stretches(_joined(self._stretches), self._store)
        return path, digest(path, pieces), pieces


def within(layout: Sequence[Stretch], wanted: Stretch) -> Iterator[Stretch]:
    """Where a stretch of a shard lies, whose entries lie in a `layout`."""
    end = wanted.start + wanted.length
    for place, one in zip(accumulate((one.length for one in layout), initial=0), layout, strict=False):
        first, last = max(place, wanted.start), min(place + one.length, end)
        if first < last:
            yield Stretch(one.former, one.start + first - place, last - first)


def _joined(found: Iterable[Stretch]) -> Iterator[Stretch]:
    """The same entries in as few stretches as can be."""
    before: Stretch | None = None
    for one in found:
        if before and (one.former, one.start) == (before.former, before.start + before.length):
            before = before._replace(length=before.length + one.length)
            continue
        if before:
            yield before
        before = one
    if before:
        yield before


def load_records(path: str, pieces: Sequence[str], store: Store) -> Iterator[bytes]:
    """The records of a shard, in order.

    Raises:
        FatalError: after the last one, when they are not those that were saved.
    """
    if not pieces:
        yield from store.load_lines(path)
        return
    lines = [Along(store.load_lines(piece)) for piece in pieces]
    for stretch in load_stretches(path, store):
        taken = 0
        for line in lines[stretch.former].take(stretch):
            yield line
            taken += 1
        if taken != stretch.length:
            raise store.damaged(pieces[stretch.former])
    for one in lines:
        exhaust(one.rest())


class Records:
    """The records of a shard, of which few may be wanted. Each one that was read has to be asked for, in order."""

    def __init__(self, fetched: FetchedShard, store: Store) -> None:
        self._fetched, self._store = fetched, store
        self._fresh = store.load_lines(fetched.pieces[-1]) if fetched.pieces and fetched.kept else None
        self._all: Along | None = None

    def get(self, number: int, *, is_fresh: bool) -> bytes:
        """The record of the entry of this number, counted from 0."""
        if is_fresh and self._fresh is not None:
            found = next(self._fresh, None)
        else:
            self._all = self._all or Along(load_records(self._fetched.path, self._fetched.pieces, self._store))
            found = next(self._all.take(Stretch(FRESH, number, 1)), None)
        if found is None:
            raise self._store.damaged(self._fetched.path)
        return found

    def finish(self) -> None:
        """What was read is known to be what was saved only at its end."""
        for lines in (self._fresh, self._all and self._all.rest()):
            exhaust(lines or iter(()))
