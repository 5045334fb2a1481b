"""What a source holds now against what earlier runs have read of it: only what has changed is read again.

An entry is kept when its line in the listing is the same as when it was read. Where that is not proof enough, because
annotations were deleted without a trace, counting them tells: once for the dataset if all is well, else for each small
group of entries; a group that does not have as many as were read is read again.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence

from blocks.catalog import AnySource
from blocks.scratch import scratch_database
from blocks.source import Where
from blocks.store import Store
from exporters.model import Dataset
from flows.known_entries import TABLE, KnownEntries
from flows.planned import Former, ShardPlan
from flows.stretches import FRESH, Place, save_stretches, stretches

GROUP_ENTRIES = 100
"""Entries whose annotations are counted together."""


class _Found:
    """What is known of the entries of one shard, 12 bytes each: of all shards that have changed it is held at once."""

    def __init__(self) -> None:
        self._shards, self._places, self.annotations = array("i"), array("i"), array("i")
        """`annotations` as they were read; 0 of what is to be read."""

    def add(self, place: Place, annotations: int) -> None:
        self._shards.append(place[0])
        self._places.append(place[1])
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

    def places(self) -> Iterator[Place]:
        return zip(self._shards, self._places, strict=True)


class Revision:
    """The entries of one dataset as they are listed now, and what is known of them."""

    def __init__(
        self,
        source: AnySource,
        dataset: Dataset,
        where: Where,
        store: Store,
        formers: Sequence[Former],
        *,
        are_apart: bool,
    ) -> None:
        """`formers`: what earlier runs have read of it, the latest last; `are_apart`: no entry is in two of them."""
        self._source, self._dataset, self._where, self._store = source, dataset, where, store
        self._formers, self._are_apart = formers, are_apart
        self._by_listing = {former.listing: number for number, former in enumerate(formers)}

    def compare(self, shards: Sequence[ShardPlan]) -> Iterator[ShardPlan]:
        """The shards, each with what of it need not be read again."""
        if not self._formers:
            yield from (shard.model_copy(update={"fresh": shard.entries}) for shard in shards)
            return
        if all(self._as_before(shard) for shard in shards) and self._has(sum(map(self._annotations, shards))):
            yield from (self._unchanged(shard) for shard in shards)
            return
        with scratch_database(TABLE) as database:
            known = KnownEntries(self._formers, self._source.key_of, self._store, database, are_apart=self._are_apart)
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

    def _compare(self, shards: Sequence[ShardPlan], known: KnownEntries) -> Iterator[ShardPlan]:
        changed: dict[int, _Found] = {}
        for shard in shards:
            if self._as_before(shard):
                known.begin(self._by_listing[shard.listing] + 1)
            else:
                changed[shard.index] = self._find(shard, known)
        has_lost = not self._has_all_annotations(shards, changed)
        for shard in shards:
            if not has_lost and shard.index not in changed:
                yield self._unchanged(shard)
                continue
            found = changed.pop(shard.index, None) or self._find(shard, known)
            if has_lost:
                self._drop_those_with_others(shard, found)
            yield self._planned(shard, found)

    def _find(self, shard: ShardPlan, known: KnownEntries) -> _Found:
        found = _Found()
        last: dict[int, int] = {}
        if shard.listing in self._by_listing:
            known.begin(self._by_listing[shard.listing])
        for line in self._store.load_lines(shard.listing):
            entry = known.find(line)
            if entry and entry.place[1] > last.get(entry.place[0], -1):  # former shards are read along, never back
                last[entry.place[0]] = entry.place[1]
                found.add(entry.place, entry.annotations)
            else:
                found.add((FRESH, 0), 0)
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
        renumbered[FRESH] = FRESH
        kept = save_stretches(stretches((renumbered[one], place) for one, place in found.places()), self._store)
        formers = tuple(self._formers[former] for former in used)
        return shard.model_copy(update={"kept": kept, "formers": formers, "fresh": found.fresh})
