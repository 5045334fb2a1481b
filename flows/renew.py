"""renew: shards of which little has changed are read together, records and media in one task.

Where a few entries here and there have changed, every shard has a change, and none of them is worth a request and three
tasks of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from prefect import task

from blocks.catalog import AnySource
from blocks.store import Store
from blocks.workspace import Workspace
from flows.batches import PATIENT_BATCH, one_by_one
from flows.fetch import put_together, read, refuse_missing
from flows.headway import Headway, open_shared
from flows.media import fetch_media_of
from flows.planned import Plan, ShardPlan
from flows.policy import one_at_a_time
from flows.recall import Recalled

TOGETHER = 5
"""Shards in a task, at least."""
FRESH_TOGETHER = 1000
"""Entries that are read for several shards at once, and held."""


@task(name="renew", **PATIENT_BATCH)
def renew(shards: Sequence[ShardPlan], plan: Plan, source: AnySource, workspace: Workspace) -> list[Recalled]:
    """Read what has changed of these shards, and the media that is new: what fetch and media do for each."""
    store = open_shared(workspace, plan)
    kept = Headway.of(plan, store, list[Recalled])
    made = one_by_one(list(_groups(shards)), lambda group: list(_renew(group, plan, source, store)), kept)
    return list(chain.from_iterable(made))


def _groups(shards: Iterable[ShardPlan]) -> Iterator[list[ShardPlan]]:
    """Which shards are read together, all of one dataset."""
    group: list[ShardPlan] = []
    for shard in shards:
        fresh = shard.fresh + sum(one.fresh for one in group)
        if group and (group[0].dataset_index != shard.dataset_index or fresh > FRESH_TOGETHER):
            yield group
            group = []
        group.append(shard)
    if group:
        yield group


def _renew(shards: Sequence[ShardPlan], plan: Plan, source: AnySource, store: Store) -> Iterator[Recalled]:
    with one_at_a_time("fetch", plan.source):
        fresh = list(read(shards, plan, source, store))
    refuse_missing(shards[0], sum(shard.fresh for shard in shards), len(fresh))
    waiting = iter(fresh)
    for shard in shards:
        records = put_together(shard, islice(waiting, shard.fresh), plan, source, store)
        media = fetch_media_of(records, plan, source, store) if plan.request.media != "none" else None
        yield Recalled(records, media)
