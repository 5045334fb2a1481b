"""fetch: the records of one shard into the workspace, what has changed from the source, the rest from earlier runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

import msgspec
from prefect import task

from blocks.catalog import AnySource
from blocks.source import Withdrawn
from blocks.store import Store
from blocks.workspace import Workspace
from exporters import FatalError
from exporters.errors import quoted
from exporters.model import Dataset, Entry, decode_dataset, decode_entry, encode
from exporters.shard_index import ReadIndex, ShardIndex, read_index
from exporters.tally import Counters
from flows import progress
from flows.along import Along
from flows.memory import note_shard
from flows.policy import PATIENT, digest, one_at_a_time
from flows.results import FetchedShard, Former, Plan, ShardPlan
from flows.revision import Booked, Place, booked, decode_kept, decode_ledger


@task(name="fetch", task_run_name="fetch {shard.label}", **PATIENT)
def fetch(shard: ShardPlan, plan: Plan, source: AnySource, workspace: Workspace) -> FetchedShard:
    """Read the entries of a shard with their annotations and media descriptions.

    Holds a few hundred entries at a time. What need not be read again, plan has found out from the source: it passes
    from where it lies as it is. What is read is kept under a name made of its content, so reading the same again writes
    nothing.
    """
    store = workspace.open()
    if shard.is_unchanged:
        _index_again(shard.formers[0], plan, store)
        progress.advance("fetch", shard.entries)
        return _as_before(shard, plan)
    dataset = load_datasets(plan, store)[shard.dataset_index]
    reading = Reading(shard, plan, source, dataset, store)
    with one_at_a_time("fetch", plan.source):
        path, sha256 = store.save_lines(reading.lines())
    withdrawn = reading.gone.tally()
    read = reading.counts["entries"] + withdrawn.came_in.get("entries", 0)
    if read != shard.entries:
        raise FatalError(
            f"{shard.entries} entries of dataset {quoted(dataset.name)} were listed, but {read} could be "
            f"read; please report this as a fault of the source."
        )
    ledger, _ = store.save_lines(reading.ledger)
    kept, _ = store.save_lines(map(msgspec.json.encode, reading.places)) if shard.kept else ("", "")
    index = _index_path(plan, sha256)
    store.storage.write(index, [reading.index.to_bytes()], durable=False)
    fetched = FetchedShard(
        shard=shard, path=path, sha256=sha256, index=index, ledger=ledger, kept=kept, withdrawn=withdrawn,
        **reading.counts,
    )  # fmt: skip
    if plan.tells_changes:
        note_shard(plan, fetched, store)
    return fetched


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
        for line in store.load_lines(former.path):
            index.add(decode_entry(line))
        store.storage.write(path, [index.to_bytes()], durable=False)


def _index_path(plan: Plan, sha256: str) -> str:
    return f"indexes/{digest(metadata.version('outhaul'), sha256, plan.exporter_facts)}"


class Reading:
    """The entries of a shard in the order of its listing, wherever they come from. The books are right at the end."""

    def __init__(self, shard: ShardPlan, plan: Plan, source: AnySource, dataset: Dataset, store: Store) -> None:
        self._shard, self._plan, self._source, self._dataset, self._store = shard, plan, source, dataset, store
        self.counts = {"entries": 0, "annotations": 0, "medias": 0}
        self.gone = Counters()
        self.ledger: list[bytes] = []
        self.places: list[Place | None] = []
        """Where each entry was taken from; None for those that were read."""
        self.index = ShardIndex(plan.exporter().holds, plan.exporter_options())

    def lines(self) -> Iterator[bytes]:
        listing = list(self._store.load_lines(self._shard.listing))
        places: list[Place | None] = [None] * len(listing)
        if self._shard.kept:
            places = [decode_kept(line) for line in self._store.load_lines(self._shard.kept)]
        formers = [self._former(former) for former in self._shard.formers]
        fresh = self._read([line for line, place in zip(listing, places, strict=True) if place is None])
        for line, place in zip(listing, places, strict=True):
            if place is not None:
                yield self._take(formers[place[0]], place)
                continue
            entry = next(fresh, None)
            if isinstance(entry, Withdrawn):
                progress.advance("fetch")
                self.gone.came_in["entries"] += 1
                self.gone.leave_out("entries", entry.reason, [entry.entry_id])
            elif entry:
                self.index.add(entry)
                one = booked(self._source.key_of(line), line, entry)
                self._book(msgspec.json.encode(one), one, None)
                yield encode(entry)
        self.counts["entries"] += sum(1 for _ in fresh)  # more than were asked for
        for former in formers:
            former.lines.finish()

    def _read(self, listing: list[bytes]) -> Iterator[Entry | Withdrawn]:
        if listing:
            yield from self._source.read(self._dataset, listing, self._plan.request.media, self._plan.where)

    def _former(self, former: Former) -> _Former:
        _index_again(former, self._plan, self._store)
        index = read_index(self._store.storage.read(_index_path(self._plan, former.sha256)))
        lines = zip(self._store.load_lines(former.path), self._store.load_lines(former.ledger), strict=True)
        return _Former(former.path, Along(lines), index)

    def _take(self, former: _Former, place: Place) -> bytes:
        """An entry of a former shard: nothing of it has to be understood again."""
        found = former.lines.at(place[1])
        if found is None:
            raise self._store.damaged(former.path)
        line, in_ledger = found
        self.index.take(former.index, place[1])
        self._book(in_ledger, decode_ledger(in_ledger), place)
        return line

    def _book(self, line: bytes, one: Booked, place: Place | None) -> None:
        progress.advance("fetch")
        self.ledger.append(line)
        self.places.append(place)
        self.counts["entries"] += 1
        self.counts["annotations"] += one.annotations
        self.counts["medias"] += one.medias


@dataclass(frozen=True)
class _Former:
    """A former shard: its entries with their lines in the ledger, and its index."""

    path: str
    lines: Along[tuple[bytes, bytes]]
    index: ReadIndex


def load_datasets(plan: Plan, store: Store) -> list[Dataset]:
    return [decode_dataset(line) for line in store.load_lines(plan.datasets)]
