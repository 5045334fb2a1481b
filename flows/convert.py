"""The entries of one shard into the parts that the package will be made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from blocks.storage_errors import translated
from blocks.store import Store
from exporters import Exporter, FatalError, Shard
from exporters.model import Entry, decode_dataset, decode_entry
from exporters.survey import Placement
from exporters.temporary import temporary_folder
from exporters.version import version_of
from flows import progress
from flows.contents import class_names, describe
from flows.converted import Memory, remembered_line, told_to_entries
from flows.delta import load_baseline
from flows.outcomes import EntryFiles, load_outcomes
from flows.output import ShardOutput
from flows.pieces import Records
from flows.planned import Plan
from flows.policy import digest
from flows.results import ConvertedShard, FetchedMedia, FetchedShard
from flows.stretches import which_are_fresh

_decode_placement = msgspec.json.Decoder(Placement).decode


@dataclass(frozen=True)
class ToConvert:
    """A shard with what it is told of the others.

    `dataset` is where what shards know of theirs is kept; `baseline`, of a delta, what was exported of this one before.
    """

    fetched: FetchedShard
    placement: str
    dataset: str
    baseline: str


def facts(shard: ToConvert, media: FetchedMedia | None, plan: Plan) -> list[Any]:
    """All that the parts of a shard depend on."""
    fetched = [shard.fetched.sha256, media and media.sha256, shard.placement]
    known = [shard.dataset, shard.baseline]
    return [version_of("outhaul"), *fetched, *known, *plan.exporter_facts, plan.request.media, plan.request.on_error]


def convert(shard: ToConvert, media: FetchedMedia | None, plan: Plan, store: Store) -> ConvertedShard:
    """Run the exporter over a shard. Holds one entry at a time; a pure function of what was fetched."""
    key = digest(*facts(shard, media, plan))
    fetched, exporter = shard.fetched, sharded(plan)
    told = _decode_placement(store.load_blob(shard.placement))
    outcomes = load_outcomes(media, fetched.entries, store)
    files = EntryFiles() if media else None
    before = load_baseline(shard.baseline, store)
    remembered: tuple[str, ...] = ()
    with (
        translated(store.storage.shown),
        temporary_folder(store.spool_folder()) as folder,
        closing(ShardOutput(Path(folder), f"parts/{key[:2]}/{key}", store.storage)) as output,
    ):
        converted = Shard(
            exporter,
            plan.exporter_options(),
            told,
            dataset=decode_dataset(store.load_blob(shard.dataset)),
            media=plan.request.media,
            files=files,
            skips_faults=plan.request.on_error == "skip",
            output=output,
        )
        converting = Converting(fetched, outcomes, converted, files, store)
        if exporter.is_entrywise and plan.tells_changes and not before:
            memory = Memory(fetched, media, told_to_entries(plan, told, shard.dataset), store)
            remembered = memory.keep(converting.all_with(memory))
        else:
            converting.all(before, plan.since)
        converted.finish()
        tally = converted.counters.tally()
        tally.check(f"shard {fetched.shard.label}")
        parts = output.save()
        members, _ = store.save_lines(output.members())
    kept, _ = store.save_lines(converting.contents)
    return ConvertedShard(parts=parts, members=members, contents=kept, tally=tally, remembered=remembered)


class Converting:
    """The entries of a shard on their way through the exporter; `contents` describes each, in order."""

    def __init__(
        self,
        fetched: FetchedShard,
        outcomes: Iterable[bytes],
        shard: Shard[Any],
        files: EntryFiles | None,
        store: Store,
    ) -> None:
        """`outcomes` has a line for the media of each entry."""
        self._entries = enumerate(zip(which_are_fresh(fetched, store), outcomes, strict=True))
        self._records, self._shard, self._files = Records(fetched, store), shard, files
        self._names = class_names(shard.dataset)
        self.contents: list[bytes] = []

    def all(self, before: Mapping[str, str], since: str | None) -> None:
        """Convert all entries, but for those that are as they were `before`, in the export `since`."""
        for number, (is_fresh, outcomes) in self._entries:
            entry = self._entry(number, outcomes, is_fresh=is_fresh)
            if before.get(entry.id) == self._describe(entry):
                self._shard.pass_over(entry, f"it has not changed since the export {since}")
            else:
                self._shard.add(self._shard.convert(entry))
            progress.advance("transform")
        self._records.finish()

    def all_with(self, memory: Memory) -> Iterator[bytes]:
        """Convert what is not in memory, or is not as it was; yields for each entry the line that remembers it."""
        shard = self._shard
        for number, (is_fresh, outcomes) in self._entries:
            numbers = (shard.next_number, shard.next_annotation_number)
            known = memory.take(numbers)
            if known:
                converted, described, line = known
                self.contents.append(described)
            else:
                entry = self._entry(number, outcomes, is_fresh=is_fresh)
                self._describe(entry)
                converted = shard.convert(entry)
                line = remembered_line(numbers, self.contents[-1], converted)
            shard.add(converted)
            yield line
            progress.advance("transform")
        self._records.finish()

    def _entry(self, number: int, outcomes: bytes, *, is_fresh: bool) -> Entry:
        """The entry to be converted next."""
        if self._files:
            self._files.of(outcomes)
        return decode_entry(self._records.get(number, is_fresh=is_fresh))

    def _describe(self, entry: Entry) -> str:
        """Add to the contents; returns the digest that stands there."""
        described = describe(entry, self._names, self._files)
        self.contents.append(msgspec.json.encode(described))
        return described.sha256


def sharded(plan: Plan) -> Exporter[Any]:
    """The plan's exporter, which is one that works shard by shard."""
    exporter = plan.exporter()
    if not isinstance(exporter, Exporter):
        raise FatalError(f"The exporter {exporter.name} does not work shard by shard; please report this.")
    return exporter
