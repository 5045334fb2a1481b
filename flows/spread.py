"""Tasks of one export on other processes and machines, by Prefect's own task runners for Dask and Ray.

The flow stays where it is, and so does what it does once: plan, survey, package, deliver. What it submits, batches of
shards, goes to the cluster while a `spread` lasts. Whatever the runner, the same work is named the same in the
workspace, so the same bytes come out.

Each process asks the source over its share of the connections, so a platform sees as many as from one. Secrets travel
within this machine, or encrypted: elsewhere a saved block goes by its name and is loaded where the task runs; one with
secrets that is not saved is refused. Workers log in to the Prefect API by their own environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

from prefect.context import FlowRunContext
from prefect.logging import get_run_logger
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY, PREFECT_API_URL, temporary_settings
from prefect.task_runners import TaskRunner

from blocks.by_name import as_filled_in, by_name, has_secrets
from blocks.catalog import AnySource
from blocks.workspace import Workspace
from exporters.errors import FatalError, OuthaulError, RequestError, first_line, with_kind
from flows.headway import kept_for_others
from flows.planned import Plan
from flows.progress_elsewhere import told_when_done
from flows.runners import Runner

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


class Spread(NamedTuple):
    """What tasks are to be given."""

    plan: Plan
    source: AnySource
    workspace: Workspace


class Cluster(NamedTuple):
    """What runs tasks: how many at once, and whether what is sent there is not for others to read."""

    runner: TaskRunner[Any]
    processes: int
    is_private: bool


@contextmanager
def spread(runner: Runner, plan: Plan, source: AnySource, workspace: Workspace) -> Iterator[Spread]:
    """Meanwhile have the tasks that the flow submits run where `runner` says.

    Raises:
        RequestError: secrets would have to be sent there in clear.
        FatalError: the cluster cannot be reached, or fails.
    """
    context = FlowRunContext.get()
    if runner.is_threads or context is None:
        yield Spread(plan, source, workspace)
        return
    with ExitStack() as stack:
        stack.enter_context(_translated(runner))
        name = stack.enter_context(kept_for_others(workspace.open()))
        try:
            cluster = stack.enter_context(_CLUSTERS[runner.kind](runner))
        except (OSError, ValueError) as error:
            raise _failed(runner, error) from error
        get_run_logger().info("Tasks run in %s processes by %s.", f"{cluster.processes:,}", runner.kind)
        share = {"connections": max(1, source.connections // max(1, cluster.processes))}
        sent = Spread(
            plan.model_copy(update={"headway": name}),
            _sendable(source, cluster, runner, share),
            _sendable(workspace, cluster, runner, {}),
        )
        elsewhere = _Elsewhere(cluster, str(context.client.api_url))
        # The flow's own parameters hold secrets of targets, and Prefect sends them with each task.
        stack.enter_context(context.model_copy(update={"task_runner": elsewhere, "parameters": {}}))
        yield sent


def _sendable(block: Any, cluster: Cluster, runner: Runner, changes: dict[str, Any]) -> Any:
    """A block with these changes, as tasks may be given it."""
    if cluster.is_private or not has_secrets(block):
        return as_filled_in(block, changes)
    if found := by_name(block, changes):
        return found
    kind = block.get_block_type_slug()
    raise RequestError(
        f"The secrets of this {kind} would be sent to {runner.address} in clear; save it as a block of Prefect, which "
        f"goes by its name, or encrypt the cluster's connections (tls:// for Dask, RAY_USE_TLS=1 for Ray)."
    )


class _Elsewhere(TaskRunner[Any]):
    """The cluster's task runner, with what its workers are told of the Prefect API, and what is heard of them."""

    def __init__(self, cluster: Cluster, api: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._cluster = cluster
        self._settings: dict[Any, Any] = {PREFECT_API_URL: api}

    def submit(self, task: Any, parameters: dict[str, Any], *others: Any, **more: Any) -> Any:
        own = set() if self._cluster.is_private else {PREFECT_API_KEY, PREFECT_API_AUTH_STRING}
        with temporary_settings(self._settings, restore_defaults=own):
            future = self._cluster.runner.submit(task, parameters, *others, **more)
        told_when_done(task.name, parameters, future)
        return future

    def duplicate(self) -> _Elsewhere:
        return self


@contextmanager
def _dask(runner: Runner) -> Iterator[Cluster]:
    from prefect_dask.task_runners import DaskTaskRunner  # noqa: PLC0415 - comes with an extra

    # A thread each: what keeps a core busy gains nothing from a second one, and files are read many at once in any.
    ours = {"n_workers": runner.processes, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    made = DaskTaskRunner(address=runner.address) if runner.address else DaskTaskRunner(cluster_kwargs=ours)
    with made:
        known = made.client.scheduler_info(n_workers=-1)
        address = str(known["address"])
        is_private = address.startswith("tls://") or urlsplit(address).hostname in LOCAL_HOSTS
        if not known["workers"]:
            get_run_logger().warning("The Dask cluster has no worker yet; tasks wait for the first.")
        yield Cluster(cast(TaskRunner[Any], made), len(known["workers"]), is_private)


@contextmanager
def _ray(runner: Runner) -> Iterator[Cluster]:
    import ray  # noqa: PLC0415 - comes with an extra
    from prefect_ray.task_runners import RayTaskRunner  # noqa: PLC0415

    ours = {"num_cpus": runner.processes, "include_dashboard": False, "log_to_driver": False}
    with RayTaskRunner(address=runner.address) if runner.address else RayTaskRunner(init_kwargs=ours) as made:
        is_private = not runner.address or os.environ.get("RAY_USE_TLS") == "1"
        yield Cluster(made, int(ray.cluster_resources().get("CPU", 1)), is_private)


_CLUSTERS = {"dask": _dask, "ray": _ray}


@contextmanager
def _translated(runner: Runner) -> Iterator[None]:
    """What goes wrong with a cluster, as a sentence."""
    try:
        yield
    except OuthaulError:
        raise
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("distributed", "ray"):
            raise
        raise _failed(runner, error) from error


def _failed(runner: Runner, error: Exception) -> FatalError:
    where = f" at {runner.address}" if runner.address else ""
    said = with_kind(error, first_line(str(error)))
    return FatalError(
        f"The {runner.kind} cluster{where} failed ({said}); see to it, and run again: what is done is kept."
    )
