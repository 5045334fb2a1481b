"""A Prefect server as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, temporary_settings

LAST_EVENTS_SECONDS = 20.0


@contextmanager
def serving_prefect(home: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The server, while the block lasts, with its database in `home`; killed at the end if not before."""
    command = [str(Path(sys.executable).with_name("prefect")), "server", "start", "--port", str(port), "--no-ui"]
    environment = {**os.environ, "PREFECT_HOME": str(home)}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        for _ in range(1200):
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health"):
                break
            time.sleep(0.1)
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def speaking_to(url: str) -> Iterator[None]:
    """Have this process use the Prefect API at this address.

    Whoever tells events goes on telling the API that he began with, also when it is gone, and whatever comes later
    waits behind. So he begins anew with each.
    """
    EventsWorker.drain_all(LAST_EVENTS_SECONDS)
    try:
        with temporary_settings({PREFECT_API_URL: url}):
            yield
    finally:
        EventsWorker.drain_all(LAST_EVENTS_SECONDS)
