"""Batches: shards that go through a task one after the other, so that no step has more than two dozen tasks.

More than that nobody reads in a graph; and a run of a task costs as much as taking over some hundred entries. To those
who wait for it, a batch is as patient as its shards were: what is done stays done when the task is tried again, and
only attempts that get nowhere are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture
from prefect.runtime import task_run
from prefect.tasks import Task

from blocks import stopping
from exporters.errors import RetriableError
from flows.headway import Headway
from flows.planned import ShardPlan
from flows.policy import PATIENT, Retries, is_retriable

MOST_TASKS = 24
"""Of a step, for shards of which there is the same to be done."""

S = TypeVar("S")
T = TypeVar("T")


@dataclass
class _Headway:
    """How far a task has come, over its attempts."""

    made: list[Any] = field(default_factory=list)
    failures: int = 0
    """Since the last shard was done."""


_headway: dict[UUID, _Headway] = {}
"""By the id of the task's run: Prefect tries it again in the same process."""


def in_batches(shards: Sequence[S], least: int = 1) -> list[Sequence[S]]:
    """Shards in their order, `least` together, or more where there would be too many tasks."""
    size = max(least, -(-len(shards) // MOST_TASKS))
    return [shards[start : start + size] for start in range(0, len(shards), size)]


def one_by_one(shards: Sequence[S], work: Callable[[S], T], kept: Headway | None = None) -> list[T]:
    """What is made of each. A further attempt of the task that this is called in begins where the last one failed.

    `kept`: where what is done is kept for another process that may have to go on.
    """
    run_id = UUID(task_run.id) if task_run.id else None
    headway = _headway.setdefault(run_id, _Headway()) if run_id else _Headway()
    if kept and not headway.made:
        headway.made.extend(kept.done())
    try:
        for number, shard in enumerate(shards[len(headway.made) :], start=len(headway.made)):
            stopping.check()
            if kept:
                kept.check()
            headway.made.append(work(shard))
            headway.failures = 0
            if kept:
                kept.note(number, headway.made[-1])
    except RetriableError:
        headway.failures += 1
        raise
    if run_id:
        del _headway[run_id]
    return headway.made


def gets_on(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Whether another attempt may help: the error is a passing one, and not the fourth in a row."""
    headway = _headway.get(run.id)
    if is_retriable(task, run, state) and (not headway or headway.failures <= PATIENT["retries"]):
        return True
    _headway.pop(run.id, None)
    return False


PATIENT_BATCH: Retries = {**PATIENT, "retry_condition_fn": gets_on}


def submit(task: Task[..., Any], shards: Sequence[ShardPlan], *inputs: Any, **named: Any) -> PrefectFuture[Any]:
    """Run a task over a batch, with as many attempts as its shards would have, and a name that says which they are."""
    more = f" and {len(shards) - 1} more" if len(shards) > 1 else ""
    name = f"{task.name} {shards[0].label}{more}"
    patient: Any = task.with_options(
        retries=PATIENT["retries"] * len(shards),
        task_run_name=lambda: name,  # as it is: a text would be taken for a template
    )
    begun: PrefectFuture[Any] = patient.submit(*inputs, **named)
    return begun
