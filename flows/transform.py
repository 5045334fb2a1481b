"""transform: the entries of one shard into the parts that the package will be made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
from prefect import task

from blocks.storage_errors import translated
from blocks.workspace import Workspace
from exporters import Exporter, FatalError, Shard
from exporters.model import Entry, Media, decode_dataset, decode_entry
from exporters.pictures.upright import MediaFile
from exporters.survey import Placement
from exporters.temporary import temporary_folder
from flows import progress
from flows.contents import class_names, describe
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
    outcomes = load_outcomes(media.path, store) if media else {}
    of_dataset = decode_dataset(store.storage.read(dataset))
    names, before = class_names(of_dataset), load_baseline(baseline, store)
    contents: list[bytes] = []

    def file_of(one: Media) -> MediaFile | str:
        return outcomes[one.ref, one.key]

    def entries() -> Iterator[Entry]:
        for line in store.load_lines(fetched.path):
            progress.advance("transform")
            entry = decode_entry(line)
            described = describe(entry, names, file_of if media else None)
            contents.append(msgspec.json.encode(described))
            if before.get(entry.id) == described.sha256:
                shard.pass_over(entry, f"it has not changed since the export {plan.since}")
            else:
                yield entry

    with (
        translated(store.storage.shown),
        temporary_folder(store.spool_folder()) as folder,
        closing(ShardOutput(Path(folder), f"parts/{key[:2]}/{key}", store.storage)) as output,
    ):
        shard = Shard(
            exporter,
            plan.exporter_options(),
            _decode_placement(store.storage.read(placement)),
            dataset=of_dataset,
            media=plan.request.media,
            files=file_of if media else None,
            skips_faults=plan.request.on_error == "skip",
            output=output,
        )
        shard.run(entries())
        tally = shard.counters.tally()
        tally.check(f"shard {fetched.shard.label}")
        parts = output.save()
        members, _ = store.save_lines(output.members())
    kept, _ = store.save_lines(contents)
    return ConvertedShard(parts=parts, members=members, contents=kept, tally=tally)


def sharded(plan: Plan) -> Exporter[Any]:
    """The plan's exporter, which is one that works shard by shard."""
    exporter = plan.exporter()
    if not isinstance(exporter, Exporter):
        raise FatalError(f"The exporter {exporter.name} does not work shard by shard; please report this.")
    return exporter
