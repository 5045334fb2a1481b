"""The flow itself without Prefect's engine: each task is carried out where it is called, as often as it would be tried.

That takes a twentieth of the time, so that hundreds of exports can meet their faults. What the engine adds, a sample of
the same cells is carried out with.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from prefect.filesystems import LocalFileSystem
from prefect.futures import PrefectFuture
from prefect.logging import disable_run_logger
from prefect.results import ResultStore
from prefect.settings import PREFECT_RESULTS_LOCAL_STORAGE_PATH, temporary_settings
from prefect.tasks import Task

from blocks.workspace import Workspace
from exporters.errors import RetriableError
from flows.delivered import Summary
from flows.export import export
from flows.request import Request
from tests.faults.moments import TASKS

RUN_COUNT = "PREFECT__RUNTIME__TASK_RUN__RUN_COUNT"
"""Where Prefect looks for what it would know in a run."""


@dataclass(frozen=True)
class Asked:
    """An export: of what, where to, and what else is asked for."""

    source: Any
    target: Any
    workspace: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def request(self) -> Request:
        return Request.model_validate(
            {name: value for name, value in self.parameters.items() if name in Request.model_fields}
        )

    def arguments(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "target": self.target,
            "workspace": Workspace(url=self.workspace),
            "report": False,
            **self.parameters,
        }


class Done(PrefectFuture[Any]):
    """What a task has made, or what it has raised."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._task_run_id, self._final_state = uuid.uuid4(), None  # as Prefect's own would
        self._made: Any = None
        self._error: Exception | None = None
        try:
            self._made = work()
        except Exception as error:  # noqa: BLE001 - whoever asks for the result will hear of it
            self._error = error

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> Any:
        if self._error:
            raise self._error
        return self._made

    def wait(self, timeout: float | None = None) -> None:
        pass

    def add_done_callback(self, fn: Callable[[PrefectFuture[Any]], None]) -> None:
        fn(self)


def run_in_steps(asked: Asked) -> Summary:
    """Carry it out in this process; results are kept in the workspace, as `outhaul` has it."""
    with without_engine(asked.workspace):
        made: Summary = export.fn(**_with_defaults(asked.arguments()))
    return made


def run_in_flow(asked: Asked) -> Summary:
    """The same through Prefect, with its server; tasks that are tried again do not wait."""
    with ExitStack() as patches:
        results = f"{asked.workspace}/results"  # as `outhaul` has it
        patches.enter_context(temporary_settings({PREFECT_RESULTS_LOCAL_STORAGE_PATH: results}))
        for task in TASKS.values():
            patches.enter_context(patch.object(task, "retry_delay_seconds", 0))
        made: Summary = export(**asked.arguments())
    return made


@contextmanager
def without_engine(workspace: str) -> Iterator[None]:
    store = ResultStore(result_storage=LocalFileSystem(basepath=f"{workspace}/results"))
    with ExitStack() as patches:
        patches.enter_context(disable_run_logger())
        patches.enter_context(patch.object(Task, "__call__", _patiently))
        patches.enter_context(patch.object(Task, "submit", _submit))
        patches.enter_context(patch("flows.policy.get_result_store", lambda: store))
        for told in ("publish", "tell_outcome"):  # which are about the run in Prefect
            patches.enter_context(patch(f"flows.export.{told}", lambda *_: None))
        yield


def _submit(task: Task[..., Any], *inputs: Any, **named: Any) -> Done:
    named.pop("wait_for", None)
    return Done(lambda: _patiently(task, *map(_result, inputs), **named))


def _patiently(task: Task[..., Any], *inputs: Any, **named: Any) -> Any:
    attempts = (task.retries or 0) + 1
    for number in range(1, attempts + 1):
        with patch.dict(os.environ, {RUN_COUNT: str(number)}):
            try:
                return task.fn(*inputs, **named)
            except RetriableError:
                if number == attempts:
                    raise
    raise AssertionError


def _result(given: Any) -> Any:
    return given.result() if isinstance(given, PrefectFuture) else given


def _with_defaults(given: dict[str, Any]) -> dict[str, Any]:
    properties = export.parameters.properties
    return {**{name: one["default"] for name, one in properties.items() if "default" in one}, **given}
