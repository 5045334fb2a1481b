"""What a source holds now against what earlier runs have read of it: only what has changed is read again.

An entry is kept when its line in the listing is the same as when it was read. Where that is not proof enough, because
annotations were deleted without a trace, counting them tells: once for the dataset if all is well, else for each small
group of entries; a group that does not have as many as were read is read again.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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

decode_ledger = msgspec.json.Decoder(tuple[str, str, int, str]).decode
"""Key, digest of the line of the listing, number of annotations, id of the entry."""
decode_kept = msgspec.json.Decoder(Place | None).decode


def ledger_line(key: str, line: bytes, entry: Entry) -> bytes:
    return msgspec.json.encode((key, digest_of(line), len(entry.annotations), entry.id))


def digest_of(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:32]


@dataclass
class _Found:
    """What is known of the entries of one shard."""

    places: list[Place | None]
    annotations: list[int]
    """Of each, as it was read."""

    @property
    def fresh(self) -> list[int]:
        return [number for number, place in enumerate(self.places) if place is None]


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
                rows = ((key, line, number, place, annotations) for place, (key, line, annotations, _) in lines)
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
        has_lost = not self._has_all_annotations(shards, known)
        for shard in shards:
            if not has_lost and self._as_before(shard):
                yield self._unchanged(shard)
                continue
            lines = list(self._store.load_lines(shard.listing))
            found = self._find(lines, known)
            if has_lost:
                self._drop_those_with_others(lines, found)
            yield self._planned(shard, found)

    def _find(self, lines: Sequence[bytes], known: sqlite3.Connection) -> _Found:
        found = _Found([], [])
        last: dict[int, int] = {}
        for line in lines:
            row = known.execute(
                "select shard, place, annotations from known where key = ? and line = ?",
                (self._source.key_of(line), digest_of(line)),
            ).fetchone()
            if row and row[1] > last.get(row[0], -1):  # former shards are read along, never back
                last[row[0]] = row[1]
                found.places.append((row[0], row[1]))
                found.annotations.append(row[2])
            else:
                found.places.append(None)
                found.annotations.append(0)
        return found

    def _has_all_annotations(self, shards: Sequence[ShardPlan], known: sqlite3.Connection) -> bool:
        """Whether there are as many in all as were read of the entries to keep, and belong to the others now."""
        kept, entries, fresh = 0, 0, list[bytes]()
        for shard in shards:
            entries += shard.entries
            if self._as_before(shard):
                kept += self._annotations(shard)
                continue
            lines = list(self._store.load_lines(shard.listing))
            found = self._find(lines, known)
            kept += sum(found.annotations)
            fresh += [lines[number] for number in found.fresh]
        if len(fresh) > entries / 2:
            return False
        more = self._source.count_annotations([fresh], self._where)[0] if fresh else 0
        return self._has(kept + more)

    def _drop_those_with_others(self, lines: Sequence[bytes], found: _Found) -> None:
        """Read those again that are in a group with other annotations than were read."""
        kept = [number for number, place in enumerate(found.places) if place is not None]
        groups = [kept[start : start + GROUP_ENTRIES] for start in range(0, len(kept), GROUP_ENTRIES)]
        if not groups:
            return
        counts = self._source.count_annotations([[lines[number] for number in group] for group in groups], self._where)
        for group, count in zip(groups, counts, strict=True):
            if count != sum(found.annotations[number] for number in group):
                for number in group:
                    found.places[number] = None

    def _planned(self, shard: ShardPlan, found: _Found) -> ShardPlan:
        used = sorted({place[0] for place in found.places if place})
        if not used:
            return shard.model_copy(update={"fresh": shard.entries})
        renumbered = {former: number for number, former in enumerate(used)}
        kept, _ = self._store.save_lines(
            msgspec.json.encode(place and (renumbered[place[0]], place[1])) for place in found.places
        )
        formers = tuple(self._formers[former] for former in used)
        return shard.model_copy(update={"kept": kept, "formers": formers, "fresh": len(found.fresh)})
