"""fetch: the records of shards into the workspace, what has changed from the source, the rest from earlier runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import msgspec
from prefect import task

from blocks.catalog import AnySource
from blocks.source import Withdrawn
from blocks.store import Store
from blocks.workspace import Workspace
from exporters import FatalError
from exporters.model import Dataset, Entry, decode_dataset, decode_entry, encode
from exporters.shard_index import ReadIndex, ShardIndex, read_index
from exporters.tally import Counters
from exporters.version import version_of
from flows import progress
from flows.batches import PATIENT_BATCH, one_by_one
from flows.headway import Headway, open_shared
from flows.ledger import booked, decode_ledger
from flows.memory import note_shard
from flows.pieces import Patch, load_records
from flows.planned import Former, Plan, ShardPlan
from flows.policy import digest, one_at_a_time
from flows.results import FetchedShard
from flows.stretches import FRESH, Along, Stretch, load_stretches, save_stretches, whole


@task(name="fetch", **PATIENT_BATCH)
def fetch(shards: Sequence[ShardPlan], plan: Plan, source: AnySource, workspace: Workspace) -> list[FetchedShard]:
    """Read the entries of shards with their annotations and media descriptions.

    Holds a few hundred entries at a time. What need not be read again, plan has found out from the source: it passes
    from where it lies as it is. What is read is kept under a name made of its content, so reading the same again writes
    nothing.
    """
    store = open_shared(workspace, plan)
    return one_by_one(shards, lambda shard: _fetch(shard, plan, source, store), Headway.of(plan, store, FetchedShard))


def _fetch(shard: ShardPlan, plan: Plan, source: AnySource, store: Store) -> FetchedShard:
    if shard.is_unchanged:
        _index_again(shard.formers[0], plan, store)
        progress.advance("fetch", shard.entries)
        return _as_before(shard, plan)
    with one_at_a_time("fetch", plan.source):
        return put_together(shard, read([shard], plan, source, store), plan, source, store)


def read(shards: Sequence[ShardPlan], plan: Plan, source: AnySource, store: Store) -> Iterator[Entry | Withdrawn]:
    """What is to be read of shards of one dataset, in their order."""
    listing = [line for shard in shards for line in _fresh_lines(shard, store)]
    if listing:
        dataset = load_datasets(plan, store)[shards[0].dataset_index]
        yield from source.read(dataset, listing, plan.request.media, plan.where)


def put_together(
    shard: ShardPlan, fresh: Iterator[Entry | Withdrawn], plan: Plan, source: AnySource, store: Store
) -> FetchedShard:
    """A shard of what was read of it, and what is taken over."""
    reading = Reading(shard, fresh, plan, source, store)
    path, sha256 = store.save_lines(reading.lines())
    pieces: tuple[str, ...] = ()
    if reading.patch:
        path, sha256, pieces = reading.patch.save(path)
    withdrawn = reading.gone.tally()
    refuse_missing(shard, shard.entries, reading.counts["entries"] + withdrawn.came_in.get("entries", 0))
    ledger, _ = store.save_lines(reading.ledger)
    kept = save_stretches(reading.stretches, store) if shard.kept else ""
    index = _index_path(plan, sha256)
    store.save_sealed(index, reading.index.to_bytes())
    fetched = FetchedShard(
        shard=shard, path=path, sha256=sha256, pieces=pieces, index=index, ledger=ledger, kept=kept,
        withdrawn=withdrawn, **reading.counts,
    )  # fmt: skip
    if plan.tells_changes:
        note_shard(plan, fetched, store)
    return fetched


def refuse_missing(shard: ShardPlan, listed: int, found: int) -> None:
    """Raise unless as many entries could be read, of a shard and those with it, as were listed."""
    if found != listed:
        raise FatalError(
            f"{listed} entries of {shard.label} were listed, but {found} could be read; "
            f"please report this as a fault of the source."
        )


def recall_shard(shard: ShardPlan, plan: Plan, store: Store) -> FetchedShard | None:
    """A shard that is what was read before, if all is there that later steps read of it."""
    if not shard.is_unchanged or not store.storage.exists(_index_path(plan, shard.formers[0].sha256)):
        return None
    return _as_before(shard, plan)


def _as_before(shard: ShardPlan, plan: Plan) -> FetchedShard:
    former = shard.formers[0]
    return FetchedShard(shard=shard, index=_index_path(plan, former.sha256), **former.model_dump(exclude={"listing"}))


def _index_again(former: Former, plan: Plan, store: Store) -> None:
    """For another exporter, or other options, what was read before needs another index."""
    path = _index_path(plan, former.sha256)
    if not store.storage.exists(path):
        index = ShardIndex(plan.exporter().holds, plan.exporter_options())
        for line in load_records(former.path, former.pieces, store):
            index.add(decode_entry(line))
        store.save_sealed(path, index.to_bytes())


def _index_path(plan: Plan, sha256: str) -> str:
    return f"indexes/{digest('sealed', version_of('outhaul'), sha256, plan.exporter_facts)}"


class Reading:
    """The entries of a shard in the order of its listing, wherever they come from. The books are right at the end."""

    def __init__(
        self, shard: ShardPlan, fresh: Iterator[Entry | Withdrawn], plan: Plan, source: AnySource, store: Store
    ) -> None:
        self._shard, self._fresh, self._plan, self._source, self._store = shard, fresh, plan, source, store
        self.counts = {"entries": 0, "annotations": 0, "medias": 0}
        self.gone = Counters()
        self.ledger: list[bytes] = []
        self.stretches: list[Stretch] = []
        """Where all of them were taken from, or that they were read."""
        self.patch = Patch.of(shard, store)
        self.index = ShardIndex(plan.exporter().holds, plan.exporter_options())

    def lines(self) -> Iterator[bytes]:
        """The records that are to be written: all of them, or, for a patch, those that were read."""
        formers = [self._former(former) for former in self._shard.formers]
        for stretch, listing in _listed(self._shard, self._store):
            if stretch.is_fresh:
                yield from self._take_fresh(listing)
            else:
                yield from self._take(formers[stretch.former], stretch)
        self.counts["entries"] += sum(1 for _ in self._fresh)  # more than were asked for
        for former in formers:
            self._pass(former.ledger.rest())
            if not self.patch:
                former.records.finish()

    def _take_fresh(self, listing: Sequence[bytes]) -> Iterator[bytes]:
        before = self.counts["entries"]
        for line, entry in zip(listing, self._fresh, strict=False):  # whether any is missing is seen when all are there
            progress.advance("fetch")
            if isinstance(entry, Withdrawn):
                self.gone.came_in["entries"] += 1
                self.gone.leave_out("entries", entry.reason, [entry.entry_id])
                continue
            self.index.add(entry)
            self.ledger.append(msgspec.json.encode(booked(self._source.key_of(line), line, entry)))
            self._count(1, len(entry.annotations), len(entry.medias))
            yield encode(entry)
        if read := self.counts["entries"] - before:
            self.stretches.append(Stretch(FRESH, 0, read))
            if self.patch:
                self.patch.add(read)

    def _former(self, former: Former) -> _Former:
        _index_again(former, self._plan, self._store)
        index = read_index(self._store.load_sealed(_index_path(self._plan, former.sha256)))
        self._count(0, former.annotations, former.medias)  # less those that are not taken
        records, ledger = load_records(former.path, former.pieces, self._store), self._store.load_lines(former.ledger)
        return _Former(former.path, Along(records), Along(ledger), index)

    def _take(self, former: _Former, stretch: Stretch) -> Iterator[bytes]:
        """Entries of a former shard: nothing of them has to be understood again."""
        self._pass(former.ledger.passed(stretch))
        ledger = list(former.ledger.take(stretch))
        if len(ledger) != stretch.length:
            raise self._store.damaged(former.path)
        self.ledger += ledger
        self.stretches.append(stretch)
        self.index.take(former.index, stretch.start, stretch.length)
        self._count(stretch.length, 0, 0)
        if self.patch:
            self.patch.take(stretch)
        else:
            yield from former.records.take(stretch)
        progress.advance("fetch", stretch.length)

    def _pass(self, ledger: Iterable[bytes]) -> None:
        """Entries of a former shard that are not taken."""
        for one in map(decode_ledger, ledger):
            self._count(0, -one.annotations, -one.medias)

    def _count(self, entries: int, annotations: int, medias: int) -> None:
        self.counts["entries"] += entries
        self.counts["annotations"] += annotations
        self.counts["medias"] += medias


@dataclass(frozen=True)
class _Former:
    """A former shard: its entries, their lines in the ledger, and its index."""

    path: str
    records: Along
    ledger: Along
    index: ReadIndex


def _listed(shard: ShardPlan, store: Store) -> Iterator[tuple[Stretch, list[bytes]]]:
    """The stretches of a shard, with their lines of the listing."""
    listing = store.load_lines(shard.listing)
    for stretch in load_stretches(shard.kept, store) if shard.kept else whole(FRESH, shard.entries):
        yield stretch, list(islice(listing, stretch.length))


def _fresh_lines(shard: ShardPlan, store: Store) -> Iterator[bytes]:
    """The lines of its listing that are to be read."""
    return (line for stretch, listing in _listed(shard, store) if stretch.is_fresh for line in listing)


def load_datasets(plan: Plan, store: Store) -> list[Dataset]:
    return [decode_dataset(line) for line in store.load_lines(plan.datasets)]
