"""When a task is tried again, and how its result is remembered."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

from prefect.cache_policies import CacheKeyFnPolicy
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.results import get_result_store
from prefect.settings import get_current_settings
from prefect.tasks import Task, exponential_backoff
from pydantic import BaseModel

from exporters.errors import RetriableError
from flows.planned import Plan

LAYOUT = 4
"""Of everything that is remembered in a workspace; raised when an older version's results cannot be used any more."""
NAMES = 2
"""Of how exports are named; raised when the same export should have another name."""


class Retries(TypedDict):
    retries: int
    retry_delay_seconds: Any
    retry_jitter_factor: float
    retry_condition_fn: Any


def is_retriable(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    return isinstance(state.result(raise_on_failure=False, _sync=True), RetriableError)  # type: ignore[call-overload]


PATIENT: Retries = {
    # Three more attempts after about 2, 4 and 8 seconds: what the short retries of a single request could not bridge.
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(backoff_factor=2),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": is_retriable,
}


_busy: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


def one_at_a_time(step: str, source: Mapping[str, str]) -> threading.Lock:
    """Held by the one shard that asks a source for something: however many shards wait, a platform on which people work
    is asked over the connections of one.
    """
    return _busy[json.dumps([step, source], sort_keys=True)]


def digest(*facts: Any) -> str:
    """A name for everything a result depends on. The order of a mapping counts: exporters may go by it."""
    return _digest(LAYOUT, facts)


def lasting_digest(*facts: Any) -> str:
    """A name that outlives the layout of workspaces: of exports, and of what others were sent."""
    return _digest(NAMES, facts)


def _digest(version: int, facts: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps([version, *facts], default=_plain).encode()).hexdigest()


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)


def by_content(facts: Callable[[dict[str, Any]], Sequence[Any]]) -> CacheKeyFnPolicy:
    """Remember a result by what it depends on, so that every run that asks for the same gets it.

    `facts` takes them from the task's parameters, among them `plan`, which names the workspace the result points into.
    """

    def key(context: TaskRunContext, parameters: dict[str, Any]) -> str:
        return _key(context.task, facts(parameters), parameters["plan"])

    return CacheKeyFnPolicy(cache_key_fn=key)


def recall_result(task: Task[..., Any], facts: Sequence[Any], plan: Plan) -> Any:
    """What a task has remembered under these facts; None where nothing is, or nothing is to be taken from memory."""
    store, key = _results_of(task), _key(task, facts, plan)
    is_known = not get_current_settings().tasks.refresh_cache and store.exists(key)
    return store.read(key).result if is_known else None


def remember_result(task: Task[..., Any], facts: Sequence[Any], plan: Plan, made: Any) -> None:
    """Remember a part of what a task makes by what that part depends on, where Prefect keeps results."""
    _results_of(task).write(made, key=_key(task, facts, plan))


def _results_of(task: Task[..., Any]) -> Any:
    return get_result_store().update_for_task(task, _sync=True)  # type: ignore[call-arg]


def _key(task: Task[..., Any], facts: Sequence[Any], plan: Plan) -> str:
    return f"outhaul/{plan.workspace_id}/{task.name}/{digest(*facts)}"
