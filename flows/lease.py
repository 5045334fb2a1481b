"""Two runs of one export at once: one works, the other waits for it or refuses; what killed ones left is swept."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

from prefect.logging import get_run_logger

from blocks.catalog import AnySource, AnyTarget
from blocks.lease import IfRunning, holding
from blocks.leftovers import sweep_workspace
from blocks.workspace import Workspace
from exporters.errors import RequestError
from flows import progress
from flows.policy import digest
from flows.request import Request


@contextmanager
def alone(
    request: Request, source: AnySource, targets: Sequence[AnyTarget], workspace: Workspace, if_running: IfRunning
) -> Iterator[None]:
    """Be the only run in this workspace that makes this export for any of these targets, meanwhile.

    Raises:
        BusyError: another one makes it, and is not to be waited for.
    """
    store = workspace.open()
    with ExitStack() as held:
        # All runs take them in one order, so that no two wait for each other.
        for key in sorted(_keys(request, source, targets)):
            held.enter_context(holding(store, key, if_running, _tell))
        sweep_workspace(store)
        yield


def _keys(request: Request, source: AnySource, targets: Sequence[AnyTarget]) -> set[str]:
    keys = set()
    for target in targets:
        with suppress(RequestError):  # it cannot be opened: plan says so, with all else that is wrong
            keys.add(_key(request, source, target))
    return keys


def _key(request: Request, source: AnySource, target: AnyTarget) -> str:
    """What tells one export to one target from others before anything is known of its content."""
    asked = request.model_dump(mode="json", exclude={"shard_entries", "full", "report"})  # which say only how
    return digest(source.identity(), asked, target.identity())[:40]


def _tell(text: str) -> None:
    get_run_logger().info(text)
    progress.say("", logging.INFO, text)
