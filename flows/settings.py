"""How Prefect behaves under the command line. Imported before Prefect is, and never overrides what a user has set."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DEFAULTS = {
    # The same as [tool.prefect] in pyproject.toml, which Prefect reads only in the folder it stands in: they keep the
    # short-lived local server from stalling on SQLite, losing task runs at exit, and printing tracebacks of its own.
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    # People at a terminal read our one line; the logs go to the Prefect UI in full.
    "PREFECT_LOGGING_LEVEL": "INFO",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "DO_NOT_TRACK": "1",
}

_AT_THE_END = ("APILogWorker", "EventsWorker")
"""Loggers of what sends logs and events while a command ends. They warn that they have not sent all yet; they will."""


def prepare(workspace: str) -> None:
    """Set what is not set; results of tasks are kept in the workspace, where what they point to lies too."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    for name in _AT_THE_END:
        logging.getLogger(name).setLevel(logging.ERROR)
    if "://" not in workspace and not workspace.startswith("block:"):
        results = Path(workspace).expanduser().absolute() / "results"
        os.environ.setdefault("PREFECT_RESULTS_LOCAL_STORAGE_PATH", str(results))


@contextmanager
def without_heartbeats() -> Iterator[None]:
    """Runs that no other process could miss send none: their thread would be waited for at the end, for up to a second.

    Where a server stands, they are sent, and an automation can tell of a run whose machine is gone.
    """
    from prefect.settings import (  # noqa: PLC0415 - Prefect is loaded when all is prepared
        PREFECT_API_URL,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        temporary_settings,
    )

    if PREFECT_API_URL.value():
        yield
    else:
        with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
            yield
