"""transform: the entries of one shard into the parts that the package will be made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
from prefect import task

from blocks.storage_errors import translated
from blocks.workspace import Workspace
from exporters import Exporter, FatalError, Shard
from exporters.model import Entry, decode_dataset, decode_entry
from exporters.survey import Placement
from exporters.temporary import temporary_folder
from flows import progress
from flows.contents import class_names, describe
from flows.converted import Files, Memory, remembered_line, told_to_entries
from flows.delta import load_baseline
from flows.outcomes import load_outcomes
from flows.output import ShardOutput
from flows.policy import PATIENT, by_content, digest
from flows.results import ConvertedShard, FetchedMedia, FetchedShard, Plan

_decode_placement = msgspec.json.Decoder(Placement).decode


def facts(task: dict[str, Any]) -> list[Any]:
    """All that the parts of a shard depend on."""
    request, media = task["plan"].request, task["media"]
    plan = task["plan"]
    fetched = [task["fetched"].sha256, media and media.sha256, task["placement"]]
    known = [task["dataset"], task["baseline"]]
    return [metadata.version("outhaul"), *fetched, *known, *plan.exporter_facts, request.media, request.on_error]


@task(
    name="transform",
    task_run_name="transform {fetched.shard.label}",
    cache_policy=by_content(facts),
    persist_result=True,
    result_serializer="json",
    **PATIENT,
)
def transform(
    fetched: FetchedShard,
    media: FetchedMedia | None,
    placement: str,
    dataset: str,
    baseline: str,
    plan: Plan,
    workspace: Workspace,
) -> ConvertedShard:
    """Run the exporter over a shard. Holds one entry at a time; a pure function of what was fetched.

    `dataset` is where what shards know of theirs is kept; `baseline`, of a delta, what was exported of this one before.
    """
    key = digest(*facts(locals()))
    store = workspace.open()
    exporter = sharded(plan)
    told = _decode_placement(store.storage.read(placement))
    files = load_outcomes(media.path, store) if media else None
    before = load_baseline(baseline, store)
    remembered: tuple[str, ...] = ()
    with (
        translated(store.storage.shown),
        temporary_folder(store.spool_folder()) as folder,
        closing(ShardOutput(Path(folder), f"parts/{key[:2]}/{key}", store.storage)) as output,
    ):
        shard = Shard(
            exporter,
            plan.exporter_options(),
            told,
            dataset=decode_dataset(store.storage.read(dataset)),
            media=plan.request.media,
            files=None if files is None else lambda one: files[one.ref, one.key],
            skips_faults=plan.request.on_error == "skip",
            output=output,
        )
        converting = Converting(shard, files)
        records = store.load_lines(fetched.path)
        if exporter.is_entrywise and plan.tells_changes and not before:
            memory = Memory(fetched, told_to_entries(plan, told, dataset), files or {}, store)
            remembered = memory.keep(converting.all_with(memory, records))
        else:
            converting.all(records, before, plan.since)
        shard.finish()
        tally = shard.counters.tally()
        tally.check(f"shard {fetched.shard.label}")
        parts = output.save()
        members, _ = store.save_lines(output.members())
    kept, _ = store.save_lines(converting.contents)
    return ConvertedShard(parts=parts, members=members, contents=kept, tally=tally, remembered=remembered)


class Converting:
    """The entries of a shard on their way through the exporter; `contents` describes each, in order."""

    def __init__(self, shard: Shard[Any], files: Files | None) -> None:
        self._shard, self._files = shard, files
        self._names = class_names(shard.dataset)
        self.contents: list[bytes] = []

    def all(self, records: Iterable[bytes], before: Mapping[str, str], since: str | None) -> None:
        """Convert all entries, but for those that are as they were `before`, in the export `since`."""
        for record in records:
            progress.advance("transform")
            entry = decode_entry(record)
            if before.get(entry.id) == self._describe(entry):
                self._shard.pass_over(entry, f"it has not changed since the export {since}")
            else:
                self._shard.add(self._shard.convert(entry))

    def all_with(self, memory: Memory, records: Iterable[bytes]) -> Iterator[bytes]:
        """Convert what is not in memory, or is not as it was; yields for each entry the line that remembers it."""
        shard = self._shard
        for record in records:
            progress.advance("transform")
            numbers = (shard.next_number, shard.next_annotation_number)
            known = memory.take(numbers)
            if known:
                self.contents.append(bytes(known.described))
                shard.add(known.converted)
                yield known.line
                continue
            entry = decode_entry(record)
            self._describe(entry)
            converted = shard.convert(entry)
            shard.add(converted)
            yield remembered_line(entry, numbers, self._files or {}, self.contents[-1], converted)
        memory.finish()

    def _describe(self, entry: Entry) -> str:
        """Add to the contents; returns the digest that stands there."""
        files = self._files
        described = describe(entry, self._names, None if files is None else lambda one: files[one.ref, one.key])
        self.contents.append(msgspec.json.encode(described))
        return described.sha256


def sharded(plan: Plan) -> Exporter[Any]:
    """The plan's exporter, which is one that works shard by shard."""
    exporter = plan.exporter()
    if not isinstance(exporter, Exporter):
        raise FatalError(f"The exporter {exporter.name} does not work shard by shard; please report this.")
    return exporter
