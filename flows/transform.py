"""transform: shards through the exporter, each once for as long as the workspace remembers it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

from prefect import task

from blocks.store import Store
from blocks.workspace import Workspace
from flows.batches import PATIENT_BATCH, one_by_one
from flows.checked_json import CheckedJSON
from flows.convert import ToConvert, convert, facts
from flows.headway import Headway, open_shared
from flows.planned import Plan
from flows.policy import recall_result, remember_result
from flows.results import ConvertedShard, FetchedMedia


@task(name="transform", result_serializer=CheckedJSON(), **PATIENT_BATCH)
def transform(
    shards: Sequence[ToConvert],
    files: Sequence[FetchedMedia],
    plan: Plan,
    workspace: Workspace,
    *,
    anew: bool = False,
) -> list[ConvertedShard]:
    """Run the exporter over shards. Each is remembered for itself, and taken from memory, unless it is made `anew`.

    `files` has the media of each, or is empty where none was asked for.
    """
    store = open_shared(workspace, plan)
    pairs = list(zip(shards, files or repeat(None, len(shards)), strict=True))
    kept = Headway.of(plan, store, ConvertedShard)
    return one_by_one(pairs, lambda pair: _remembered(*pair, plan, store, anew=anew), kept)


def recall_parts(shard: ToConvert, media: FetchedMedia | None, plan: Plan) -> ConvertedShard | None:
    """What was made of a shard; whoever takes it sees whether it is still there."""
    made: ConvertedShard | None = recall_result(transform, facts(shard, media, plan), plan)
    return made


def _remembered(
    shard: ToConvert, media: FetchedMedia | None, plan: Plan, store: Store, *, anew: bool
) -> ConvertedShard:
    if not anew and (known := recall_parts(shard, media, plan)):
        return known
    made = convert(shard, media, plan, store)
    remember_result(transform, facts(shard, media, plan), plan, made)
    return made
