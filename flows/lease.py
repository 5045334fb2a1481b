"""Two runs of one export at once: one works, the other waits for it or refuses; what killed ones left is swept."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.logging import get_run_logger

from blocks.catalog import AnySource, AnyTarget
from blocks.lease import IfRunning, holding
from blocks.leftovers import sweep_workspace
from blocks.workspace import Workspace
from flows import progress
from flows.policy import digest
from flows.results import Request


@contextmanager
def alone(
    request: Request, source: AnySource, target: AnyTarget, workspace: Workspace, if_running: IfRunning
) -> Iterator[None]:
    """Be the only run in this workspace that makes this export, meanwhile.

    Raises:
        BusyError: another one makes it, and is not to be waited for.
    """
    store = workspace.open()
    with holding(store, _key(request, source, target), if_running, _tell):
        sweep_workspace(store)
        yield


def _key(request: Request, source: AnySource, target: AnyTarget) -> str:
    """What tells one export from others before anything is known of its content."""
    asked = request.model_dump(mode="json", exclude={"shard_entries", "full"})  # which say only how
    return digest(source.identity(), asked, target.identity())[:40]


def _tell(text: str) -> None:
    get_run_logger().info(text)
    progress.say("", logging.INFO, text)
