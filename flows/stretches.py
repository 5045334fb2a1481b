"""Stretches of a shard: entries one behind the other that lie so in an earlier one, too, and are taken over.

Where a few entries of a shard have changed, a price for each of the others would be most of what a night costs. So
whatever is kept of entries has a line for each of them, and the lines of a stretch are taken over together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice, repeat
from typing import NamedTuple

import msgspec

from blocks.chunks import exhaust
from blocks.store import Store
from flows.results import FetchedShard

FRESH = -1
"""In place of the former shard, where there is none."""
LONGEST = 200
"""Entries: of a stretch, what is said of them is held, though not themselves."""

Place = tuple[int, int]
"""Which former shard, and which line of it, from 0; FRESH and whatever of an entry that is to be read."""


class Stretch(NamedTuple):
    """Entries in the `former` shard of this number, from line `start` on; FRESH: they lie in none, and are read."""

    former: int
    start: int
    length: int

    @property
    def is_fresh(self) -> bool:
        return self.former == FRESH


_decode = msgspec.json.Decoder(Stretch).decode


def stretches(places: Iterable[Place]) -> Iterator[Stretch]:
    """Entries at these places, in as few stretches as can be."""
    former, start, count = FRESH, 0, 0
    for place in places:
        follows = place[0] == former and (former == FRESH or place[1] == start + count)
        if count and not (follows and count < LONGEST):
            yield Stretch(former, start, count)
            count = 0
        if not count:
            former, start = place[0], 0 if place[0] == FRESH else place[1]
        count += 1
    if count:
        yield Stretch(former, start, count)


def whole(former: int, entries: int) -> Iterator[Stretch]:
    """All of a shard; FRESH: none of it is taken over."""
    for start in range(0, entries, LONGEST):
        yield Stretch(former, 0 if former == FRESH else start, min(LONGEST, entries - start))


def save_stretches(found: Iterable[Stretch], store: Store) -> str:
    return store.save_lines(map(msgspec.json.encode, found))[0]


def load_stretches(path: str, store: Store) -> Iterator[Stretch]:
    return map(_decode, store.load_lines(path))


def of_shard(fetched: FetchedShard, store: Store) -> Iterator[Stretch]:
    """Where the entries of a shard were taken from, or that they were read."""
    if fetched.shard.is_unchanged:
        return whole(0, fetched.entries)
    return load_stretches(fetched.kept, store) if fetched.kept else whole(FRESH, fetched.entries)


def which_are_fresh(fetched: FetchedShard, store: Store) -> Iterator[bool]:
    """Of each entry of a shard, whether it was read."""
    for stretch in of_shard(fetched, store):
        yield from repeat(stretch.is_fresh, stretch.length)


class Along:
    """The lines of an earlier shard, of which stretches are taken, from place to place, never back."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self._next = 0

    def passed(self, stretch: Stretch) -> Iterator[bytes]:
        """The lines in front of a stretch that were not taken; to be looked at before it is, if at all."""
        while self._next < stretch.start:
            self._next += 1
            line = next(self._lines, None)
            if line is not None:
                yield line

    def take(self, stretch: Stretch) -> Iterator[bytes]:
        """The lines of a stretch, all of which are to be taken; fewer where there are no more."""
        exhaust(islice(self._lines, stretch.start - self._next))
        self._next = stretch.start + stretch.length
        return islice(self._lines, stretch.length)

    def rest(self) -> Iterator[bytes]:
        """The lines behind the last stretch."""
        return self._lines

    def finish(self) -> None:
        """Read what is left: only at the end is it known to be what was saved."""
        exhaust(self._lines)
