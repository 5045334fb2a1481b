"""Shards of which little has changed, several in one task.

A run of a task costs as much as taking over some hundred entries that were read before. Where a few entries here and
there have changed, every shard has a change, and none of them is worth three tasks of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from prefect import task

from blocks.catalog import AnySource
from blocks.workspace import Workspace
from flows.fetch import fetch
from flows.media import fetch_media
from flows.policy import PATIENT, recall_result, remember_result
from flows.recall import Recalled
from flows.results import ConvertedShard, Plan, ShardPlan
from flows.transform import facts, transform

TOGETHER = 5
"""Shards in a task, at most."""
ONE_IN = 10
"""Of so many entries one may have changed, no more."""


def is_little_changed(shard: ShardPlan) -> bool:
    return bool(shard.kept) and shard.fresh * ONE_IN <= shard.entries


def groups(numbers: Iterable[int]) -> Iterator[list[int]]:
    """Which shards go together."""
    waiting = sorted(numbers)
    for start in range(0, len(waiting), TOGETHER):
        yield waiting[start : start + TOGETHER]


@task(name="renew", task_run_name="renew {shards[0].label} and the like", **PATIENT)
def renew(shards: Sequence[ShardPlan], plan: Plan, source: AnySource, workspace: Workspace) -> list[Recalled]:
    """Read what has changed of these shards, and the media that is new: what fetch and media do for each."""
    renewed = []
    for shard in shards:
        records = fetch.fn(shard, plan, source, workspace)
        media = fetch_media.fn(records, plan, source, workspace) if plan.request.media != "none" else None
        renewed.append(Recalled(records, media))
    return renewed


@task(name="transform", task_run_name="transform {count} shards together", **PATIENT)
def transform_together(shards: Sequence[dict[str, Any]], count: int) -> list[ConvertedShard]:  # noqa: ARG001 - its name
    """Transform these shards, each with the parameters of that task, and remembered as that would be."""
    made = []
    for shard in shards:
        one: ConvertedShard | None = recall_result(transform, facts, shard)
        if not one:
            one = transform.fn(**shard)
            remember_result(transform, facts, shard, one)
        made.append(one)
    return made
