"""One export of a project at a time: the hub keeps a single file for each, and a second export replaces it.

Threads of a process take turns by a lock. Runs of Prefect, on whatever machines, take them by a limit that the Prefect
server keeps, and makes when it is first needed. Where there is no run, or the server cannot be asked, and against
people who export by hand, only looking at the rows helps: whoever exports does that in any case.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import httpx
from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import ObjectAlreadyExists, PrefectException

from blocks import http, stopping

LOOK_SECONDS = 0.2
ASK_SECONDS = 10.0
"""After so long the server is asked again; between, whether the run is to stop."""
LEASE_SECONDS = 120.0
"""A turn whose holder died is free again after it."""

_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
_logger = logging.getLogger(__name__)


def limit_name(url: str, project_id: str) -> str:
    """The name of the limit at the Prefect server."""
    place = http.host_of(url).partition("://")[2]
    return "outhaul-ango-" + re.sub(r"[^\w.-]+", "-", f"{place}-{project_id}")


@contextmanager
def turn(url: str, project_id: str) -> Iterator[None]:
    """Held from the request for an export until its file has arrived.

    Raises:
        FatalError: the run was stopped while it waited.
    """
    name = limit_name(url, project_id)
    lock = _locks[name]
    while not lock.acquire(timeout=LOOK_SECONDS):
        stopping.check()
    try:
        with ExitStack() as stack:
            if FlowRunContext.get() is not None or TaskRunContext.get() is not None:
                _take_shared(stack, name)
            yield
    finally:
        lock.release()


def _take_shared(stack: ExitStack, name: str) -> None:
    """Enter the limit into the stack; without the server's help, go on without."""
    try:
        with get_client(sync_client=True) as client, suppress(ObjectAlreadyExists):  # another one made it meanwhile
            client.upsert_global_concurrency_limit_by_name(name=name, limit=1)
        while True:
            stopping.check()
            try:
                stack.enter_context(
                    concurrency(name, timeout_seconds=ASK_SECONDS, lease_duration=LEASE_SECONDS, strict=True)
                )
            except TimeoutError:
                continue
            return
    except (httpx.HTTPError, PrefectException, RuntimeError) as error:
        _logger.warning(
            "The Prefect server does not keep turns (%s); exports rely on their rows.", type(error).__name__
        )
