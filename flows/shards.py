"""What becomes of all shards: those that are what they were are recalled, of the others each has tasks of its own.

Where little has changed of a shard, it shares its tasks with others of that kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any, TypeVar

from prefect.futures import PrefectFuture

from blocks.catalog import AnySource
from blocks.workspace import Workspace
from flows.fetch import fetch
from flows.media import fetch_media
from flows.output import is_there
from flows.recall import recall, recall_parts
from flows.results import ConvertedShard, FetchedMedia, FetchedShard, Plan
from flows.survey import Surveyed
from flows.together import groups, is_little_changed, renew, transform_together
from flows.transform import sharded, transform

T = TypeVar("T")

Downloading = PrefectFuture[FetchedMedia] | FetchedMedia


def read_shards(plan: Plan, source: AnySource, workspace: Workspace) -> tuple[list[FetchedShard], list[Downloading]]:
    """The records of all shards, and their media, which may still be on its way; none where none was asked for."""
    known = recall(plan, workspace)
    little = {one.index for one in plan.shards if not known[one.index] and is_little_changed(one)}
    renewing = [
        (group, renew.submit([plan.shards[number] for number in group], plan, source, workspace))
        for group in groups(little)
    ]
    fetching: dict[int, Any] = {}
    downloading: dict[int, Any] = {}
    for shard in plan.shards:
        if found := known[shard.index]:
            fetching[shard.index], downloading[shard.index] = found
        elif shard.index not in little:
            # A shard's media begins when its records are there, not when all are.
            records: Any = fetch.submit(shard, plan, source, workspace)
            fetching[shard.index] = records
            if plan.request.media != "none":
                downloading[shard.index] = fetch_media.submit(records, plan, source, workspace)
    for group, future in renewing:
        for number, renewed in zip(group, future.result(), strict=True):
            fetching[number], downloading[number] = renewed
    fetched = settled([fetching[shard.index] for shard in plan.shards])
    if plan.request.media == "none":
        return fetched, []
    return fetched, [downloading[shard.index] for shard in plan.shards]


def transform_shards(
    plan: Plan,
    fetched: Sequence[FetchedShard],
    downloading: Sequence[Downloading],
    surveyed: Surveyed,
    workspace: Workspace,
) -> list[ConvertedShard]:
    """What the exporter makes of all shards; done again where the workspace has lost what is remembered of it."""
    store = workspace.open()
    names = ("fetched", "media", "placement", "dataset", "baseline")
    files_of = downloading or repeat(None, len(fetched))
    of_shards = zip(fetched, files_of, surveyed.placements, surveyed.datasets, surveyed.baselines, strict=True)
    shards = [dict(zip(names, one, strict=True), plan=plan, workspace=workspace) for one in of_shards]
    once: Any = transform
    again: Any = transform.with_options(refresh_cache=True)
    converting: dict[int, Any] = {number: recall_parts(shard) for number, shard in enumerate(shards)}
    missing = {number for number, made in converting.items() if not made}
    little = {number for number in missing if is_little_changed(fetched[number].shard)}
    if not sharded(plan).is_entrywise:  # it converts all entries again
        little = set()
    together = [
        (group, transform_together.submit([shards[number] for number in group], len(group))) for group in groups(little)
    ]
    for number in sorted(missing - little):
        converting[number] = once.submit(**shards[number])
    settled(downloading)  # what is wrong with a file is to be heard, not that transform had to do without
    for group, future in together:
        converting.update(zip(group, future.result(), strict=True))
    converted: list[ConvertedShard] = settled(list(converting.values()))
    lost = {
        number: again.submit(**shards[number]) for number, made in enumerate(converted) if not is_there(made, store)
    }
    return [lost[number].result() if number in lost else made for number, made in enumerate(converted)]


def settled(shards: Sequence[T | PrefectFuture[T]]) -> list[T]:
    """What was recalled as it is, and what tasks were to do, once it is done."""
    return [one.result() if isinstance(one, PrefectFuture) else one for one in shards]
