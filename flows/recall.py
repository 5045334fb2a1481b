"""recall: shards that are what they were are taken from the workspace at once, without a run of a task for each.

The second export of a dataset has hundreds of shards, and a few that changed. What is asked here is what the tasks of a
shard would ask themselves; whatever is not as it was, they do.
"""

from __future__ import annotations

from typing import NamedTuple

from prefect import task

from blocks.store import Store
from blocks.workspace import Workspace
from flows import progress
from flows.fetch import recall_shard
from flows.media import recall_media
from flows.planned import Plan, ShardPlan
from flows.policy import PATIENT
from flows.results import FetchedMedia, FetchedShard


class Recalled(NamedTuple):
    """A shard that need not be read; `media` is None where none was asked for."""

    records: FetchedShard
    media: FetchedMedia | None


@task(name="recall", task_run_name="recall", **PATIENT)
def recall(plan: Plan, workspace: Workspace) -> list[Recalled | None]:
    """For each shard what an earlier run has read of it; None for those that are to be read, if only in part."""
    store = workspace.open()
    return [_recalled(shard, plan, store) for shard in plan.shards]


def _recalled(shard: ShardPlan, plan: Plan, store: Store) -> Recalled | None:
    records = recall_shard(shard, plan, store)
    if not records:
        return None
    media = None
    if plan.request.media != "none":
        media = recall_media(plan, records, store)
        if not media:
            return None
    progress.advance("fetch", shard.entries)
    return Recalled(records, media)
