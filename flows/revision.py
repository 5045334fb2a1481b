"""What a source holds now against what earlier runs have read of it: only what has changed is read again.

An entry is kept when its line in the listing is the same as when it was read. Where that is not proof enough, because
annotations were deleted without a trace, counting them tells: once for the dataset if all is well, else for each small
group of entries; a group that does not have as many as were read is read again.
"""

from __future__ import annotations

import hashlib
import sqlite3
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from blocks.catalog import AnySource
from blocks.scratch import scratch_database
from blocks.source import Where
from blocks.store import Store
from exporters.model import Dataset, Entry
from flows.results import Former, ShardPlan

GROUP_ENTRIES = 100
"""Entries whose annotations are counted together."""

COLUMNS = "key text primary key, line text, shard integer, place integer, annotations integer"

Place = tuple[int, int]
"""Which former shard, and which line of it, from 0."""
FRESH = -1
"""In place of the former shard, where there is none."""


class Booked(NamedTuple):
    """A line of the ledger of a shard: an entry as it was listed, and how much was read of it."""

    key: str
    line: str
    """A digest of the line that listed it."""
    entry: str
    annotations: int
    medias: int


decode_ledger = msgspec.json.Decoder(Booked).decode
decode_kept = msgspec.json.Decoder(Place | None).decode


def booked(key: str, line: bytes, entry: Entry) -> Booked:
    return Booked(key, digest_of(line), entry.id, len(entry.annotations), len(entry.medias))


def digest_of(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:32]


class _Found:
    """What is known of the entries of one shard, 12 bytes each: of all shards that have changed it is held at once."""

    def __init__(self) -> None:
        self._shards, self._places, self.annotations = array("i"), array("i"), array("i")
        """`annotations` as they were read; 0 of what is to be read."""

    def add(self, place: Place | None, annotations: int) -> None:
        shard, line = place or (FRESH, 0)
        self._shards.append(shard)
        self._places.append(line)
        self.annotations.append(annotations)

    def drop(self, number: int) -> None:
        """Have an entry read again."""
        self._shards[number], self.annotations[number] = FRESH, 0

    def is_fresh(self, number: int) -> bool:
        return self._shards[number] == FRESH

    @property
    def fresh(self) -> int:
        return self._shards.count(FRESH)

    @property
    def formers(self) -> list[int]:
        return sorted(set(self._shards) - {FRESH})

    def places(self) -> Iterator[Place | None]:
        for shard, line in zip(self._shards, self._places, strict=True):
            yield None if shard == FRESH else (shard, line)


class Revision:
    """The entries of one dataset as they are listed now, and what is known of them."""

    def __init__(
        self, source: AnySource, dataset: Dataset, where: Where, store: Store, formers: Sequence[Former]
    ) -> None:
        """`formers`: what earlier runs have read of it, the latest last."""
        self._source, self._dataset, self._where, self._store = source, dataset, where, store
        self._formers = formers
        self._by_listing = {former.listing: number for number, former in enumerate(formers)}

    def compare(self, shards: Sequence[ShardPlan]) -> Iterator[ShardPlan]:
        """The shards, each with what of it need not be read again."""
        if not self._formers:
            yield from (shard.model_copy(update={"fresh": shard.entries}) for shard in shards)
            return
        if all(self._as_before(shard) for shard in shards) and self._has(sum(map(self._annotations, shards))):
            yield from (self._unchanged(shard) for shard in shards)
            return
        with scratch_database(f"create table known ({COLUMNS}) without rowid") as known:
            for number, former in enumerate(self._formers):
                lines = enumerate(map(decode_ledger, self._store.load_lines(former.ledger)))
                rows = ((one.key, one.line, number, place, one.annotations) for place, one in lines)
                known.executemany("insert or replace into known values (?, ?, ?, ?, ?)", rows)
            yield from self._compare(shards, known)

    def _as_before(self, shard: ShardPlan) -> Former | None:
        """The former shard of the very same listing, all of whose entries could be read."""
        number = self._by_listing.get(shard.listing)
        former = None if number is None else self._formers[number]
        return former if former and former.entries == shard.entries else None

    def _annotations(self, shard: ShardPlan) -> int:
        former = self._as_before(shard)
        return former.annotations if former else 0

    def _unchanged(self, shard: ShardPlan) -> ShardPlan:
        former = self._as_before(shard)
        return shard.model_copy(update={"formers": (former,), "fresh": 0})

    def _has(self, annotations: int) -> bool:
        return self._source.has_annotations(self._dataset, annotations, self._where)

    def _compare(self, shards: Sequence[ShardPlan], known: sqlite3.Connection) -> Iterator[ShardPlan]:
        changed = {shard.index: self._find(shard, known) for shard in shards if not self._as_before(shard)}
        has_lost = not self._has_all_annotations(shards, changed)
        for shard in shards:
            if not has_lost and shard.index not in changed:
                yield self._unchanged(shard)
                continue
            found = changed.pop(shard.index, None) or self._find(shard, known)
            if has_lost:
                self._drop_those_with_others(shard, found)
            yield self._planned(shard, found)

    def _find(self, shard: ShardPlan, known: sqlite3.Connection) -> _Found:
        found = _Found()
        last: dict[int, int] = {}
        for line in self._store.load_lines(shard.listing):
            row = known.execute(
                "select shard, place, annotations from known where key = ? and line = ?",
                (self._source.key_of(line), digest_of(line)),
            ).fetchone()
            if row and row[1] > last.get(row[0], -1):  # former shards are read along, never back
                last[row[0]] = row[1]
                found.add((row[0], row[1]), row[2])
            else:
                found.add(None, 0)
        return found

    def _has_all_annotations(self, shards: Sequence[ShardPlan], changed: Mapping[int, _Found]) -> bool:
        """Whether there are as many in all as were read of the entries to keep, and belong to the others now."""
        if sum(found.fresh for found in changed.values()) > sum(shard.entries for shard in shards) / 2:
            return False
        kept, fresh = 0, list[bytes]()
        for shard in shards:
            if shard.index not in changed:
                kept += self._annotations(shard)
                continue
            found = changed[shard.index]
            kept += sum(found.annotations)
            lines = enumerate(self._store.load_lines(shard.listing))
            fresh += [line for number, line in lines if found.is_fresh(number)]
        more = self._source.count_annotations([fresh], self._where)[0] if fresh else 0
        return self._has(kept + more)

    def _drop_those_with_others(self, shard: ShardPlan, found: _Found) -> None:
        """Read those again that are in a group with other annotations than were read."""
        lines = list(self._store.load_lines(shard.listing))
        kept = [number for number in range(len(lines)) if not found.is_fresh(number)]
        groups = [kept[start : start + GROUP_ENTRIES] for start in range(0, len(kept), GROUP_ENTRIES)]
        if not groups:
            return
        counts = self._source.count_annotations([[lines[number] for number in group] for group in groups], self._where)
        for group, count in zip(groups, counts, strict=True):
            if count != sum(found.annotations[number] for number in group):
                for number in group:
                    found.drop(number)

    def _planned(self, shard: ShardPlan, found: _Found) -> ShardPlan:
        used = found.formers
        if not used:
            return shard.model_copy(update={"fresh": shard.entries})
        renumbered = {former: number for number, former in enumerate(used)}
        kept, _ = self._store.save_lines(
            msgspec.json.encode(place and (renumbered[place[0]], place[1])) for place in found.places()
        )
        formers = tuple(self._formers[former] for former in used)
        return shard.model_copy(update={"kept": kept, "formers": formers, "fresh": found.fresh})
