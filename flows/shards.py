"""What becomes of all shards: those that are what they were are recalled, the others go through the steps in batches.

Few shards have tasks of their own; where little has changed of them, or there are many, they share one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from prefect.futures import PrefectFuture

from blocks.catalog import AnySource
from blocks.workspace import Workspace
from flows.batches import in_batches, submit
from flows.convert import ToConvert, sharded
from flows.fetch import fetch
from flows.media import fetch_media
from flows.output import is_there
from flows.planned import Plan, ShardPlan
from flows.recall import Recalled, recall
from flows.renew import TOGETHER, renew
from flows.results import ConvertedShard, FetchedMedia, FetchedShard
from flows.survey import Surveyed
from flows.transform import recall_parts, transform

T = TypeVar("T")

Shards = Sequence[ShardPlan]
Doing = tuple[Shards, PrefectFuture[list[T]]]
"""A batch, with what a task is to make of its shards."""
Files = Sequence[FetchedMedia] | PrefectFuture[list[FetchedMedia]]


@dataclass(frozen=True)
class Batch:
    """Shards whose media comes together: `files` may still be on their way, and are empty where none was asked for."""

    shards: Shards
    files: Files


def read_shards(plan: Plan, source: AnySource, workspace: Workspace) -> tuple[list[FetchedShard], list[Batch]]:
    """The records of all shards, and their media."""
    known = recall(plan, workspace)
    found: dict[int, Recalled] = {number: one for number, one in enumerate(known) if one}
    missing = [shard for shard in plan.shards if shard.index not in found]
    little = [shard for shard in missing if shard.is_little_changed]
    others = [shard for shard in missing if not shard.is_little_changed]

    takes_media, inputs = plan.request.media != "none", (plan.of_tasks(), source, workspace)
    renewing: list[Doing[Recalled]] = [(one, submit(renew, one, one, *inputs)) for one in in_batches(little, TOGETHER)]
    reading: list[Doing[FetchedShard]] = []
    batches: list[Batch] = []
    for shards in in_batches(others):
        reading.append((shards, submit(fetch, shards, shards, *inputs)))
        # The media of a batch begins when its own records are there, and tasks begin in the order of their submission.
        files = submit(fetch_media, shards, reading[-1][1], *inputs) if takes_media else ()
        batches.append(Batch(shards, files))

    for shards, renewed in renewing:
        found.update(_by_number(shards, renewed.result()))
    fetched = {number: one.records for number, one in found.items()}
    for shards, records in reading:
        fetched.update(_by_number(shards, records.result()))
    batches.append(Batch([plan.shards[number] for number in found], [one.media for one in found.values() if one.media]))
    return [fetched[shard.index] for shard in plan.shards], batches


def settled(batches: Sequence[Batch]) -> list[FetchedMedia]:
    """The media of all shards in their order, once it is there; empty where none was asked for."""
    files: dict[int, FetchedMedia] = {}
    for batch in batches:
        found = batch.files.result() if isinstance(batch.files, PrefectFuture) else batch.files
        files.update(_by_number(batch.shards, found))
    return [files[number] for number in sorted(files)]


def transform_shards(
    plan: Plan,
    fetched: Sequence[FetchedShard],
    batches: Sequence[Batch],
    surveyed: Surveyed,
    workspace: Workspace,
) -> list[ConvertedShard]:
    """What the exporter makes of all shards; done again where the workspace has lost what is remembered of it."""
    store, is_entrywise = workspace.open(), sharded(plan).is_entrywise
    of_shards = zip(fetched, surveyed.placements, surveyed.datasets, surveyed.baselines, strict=True)
    to_convert = [ToConvert(*one) for one in of_shards]
    of_tasks = plan.of_tasks()

    def begin(shards: Shards, files: Files, *, anew: bool = False) -> Doing[ConvertedShard]:
        inputs = [to_convert[shard.index] for shard in shards]
        return shards, submit(transform, shards, inputs, files, of_tasks, workspace, anew=anew)

    media: dict[int, FetchedMedia] = {}
    converted: dict[int, ConvertedShard] = {}
    missing: list[ShardPlan] = []
    converting: list[Doing[ConvertedShard]] = []
    for batch in batches:
        if isinstance(batch.files, PrefectFuture):  # they are being fetched, so nothing is what it was
            converting.append(begin(batch.shards, batch.files))
            continue
        media.update(_by_number(batch.shards, batch.files))
        for shard in batch.shards:
            if known := recall_parts(to_convert[shard.index], media.get(shard.index), plan):
                converted[shard.index] = known
            else:
                missing.append(shard)
    # An exporter that is not entrywise converts all entries of a shard again, however few have changed.
    little = [shard for shard in missing if is_entrywise and shard.is_little_changed]
    others = [shard for shard in missing if not (is_entrywise and shard.is_little_changed)]
    batched = (*in_batches(little, TOGETHER), *in_batches(others))
    converting += [begin(shards, _those_of(shards, media)) for shards in batched]
    media = dict(enumerate(settled(batches)))  # what is wrong with a file is to be heard, not that it was missing here
    for shards, made in converting:
        converted.update(_by_number(shards, made.result()))
    lost = [shard for shard in plan.shards if not is_there(converted[shard.index], store)]
    again = [begin(shards, _those_of(shards, media), anew=True) for shards in in_batches(lost)]
    for shards, made in again:
        converted.update(_by_number(shards, made.result()))
    return [converted[shard.index] for shard in plan.shards]


def _by_number(shards: Shards, found: Sequence[T]) -> dict[int, T]:
    """What was found of each of these shards, all or none of them."""
    return dict(zip((shard.index for shard in shards), found, strict=True)) if found else {}


def _those_of(shards: Shards, found: Mapping[int, T]) -> list[T]:
    return [found[shard.index] for shard in shards if shard.index in found]
