"""How many runs of deployments read from one platform at once: as many as a limit at the Prefect server allows.

Schedules, webhooks and people at the UI start runs without knowing of each other; who runs an export in a terminal does
know. The limit is one of Prefect's global ones, in its UI under Concurrency. It is made when it is first needed; one
that is switched off there holds nobody. A run that waits for its turn says so.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, PrefectException
from prefect.logging import get_run_logger
from prefect.runtime import deployment

from blocks import stopping
from blocks.ango import AngoSource
from blocks.catalog import AnySource
from blocks.idah import IdahSource
from flows import progress

RUNS_AT_ONCE = 2
"""Until somebody says otherwise: people work on these platforms."""
ASK_SECONDS = 5.0
"""After so long the server is asked again; between, whether the run is to stop."""
LEASE_SECONDS = 60.0
"""The turn of a run that died is free again after it."""


def limit_name(source: AnySource) -> str:
    """The name of a platform's limit; empty for files, which are nobody's platform."""
    if not isinstance(source, IdahSource | AngoSource):
        return ""
    who = source.identity()
    return "outhaul-" + re.sub(r"[^\w.-]+", "-", f"{who['platform']}-{who['url'].partition('://')[2]}")


def make_limit(client: SyncPrefectClient, source: AnySource) -> str:
    """The name of a platform's limit, which there is afterwards; one that is there stays as it is."""
    if name := limit_name(source):
        try:
            client.read_global_concurrency_limit_by_name(name)
        except ObjectNotFound:
            with suppress(ObjectAlreadyExists):  # another run was quicker
                client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=RUNS_AT_ONCE))
    return name


@contextmanager
def at_platform(source: AnySource) -> Iterator[None]:
    """Held while a run of a deployment reads from a platform. Without the server's help it takes no turn.

    Raises:
        FatalError: the run was stopped while it waited.
    """
    with ExitStack() as stack:
        if deployment.id:
            _take_turn(stack, source)
        yield


def _take_turn(stack: ExitStack, source: AnySource) -> None:
    try:
        with get_client(sync_client=True) as client:
            name = make_limit(client, source)
        if not name:
            return
        has_told = False
        while True:
            stopping.check()
            try:
                stack.enter_context(concurrency(name, timeout_seconds=ASK_SECONDS, lease_duration=LEASE_SECONDS))
            except TimeoutError:
                if not has_told:
                    _tell(f"Other runs read from this platform; waiting for a turn (the concurrency limit {name}).")
                has_told = True
            else:
                return
    except (httpx.HTTPError, PrefectException, ConcurrencySlotAcquisitionError) as error:
        get_run_logger().warning("The Prefect server keeps no turns (%s); this run takes none.", type(error).__name__)


def _tell(text: str) -> None:
    get_run_logger().info(text)
    progress.say("", logging.INFO, text)
