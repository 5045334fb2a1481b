"""Where the tasks of an export run, as one text says it: on threads here, or on a cluster of Dask or Ray.

threads                     what the flow has: four at once in its own process
dask, dask=4                a cluster of this machine's processes, one a core or so many, for this run
dask=tcp://HOST:8786        the cluster of this scheduler; tls:// where its connections are encrypted
ray, ray=4, ray=ray://HOST:10001
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec

from exporters.errors import RequestError, unknown_name
from exporters.extras import absent

THREADS = "threads"
KINDS = (THREADS, "dask", "ray")
ADDRESSES = {"dask": ("tcp://", "tls://"), "ray": ("ray://",)}
"""How an address of each begins."""
MOST_PROCESSES = 1024


@dataclass(frozen=True)
class Runner:
    """What was asked for; without an address, `processes` are started for the run."""

    kind: str = THREADS
    address: str = ""
    processes: int = 0

    @property
    def is_threads(self) -> bool:
        return self.kind == THREADS


def read_runner(text: str) -> Runner:
    """The runner that a text names.

    Raises:
        RequestError: it names none, what runs it is not installed, or its workers would not reach the Prefect API.
    """
    kind, equals, value = text.partition("=")
    if kind not in KINDS:
        raise unknown_name("runner", kind, KINDS)
    if kind == THREADS:
        if equals:
            raise RequestError(f"The runner threads takes no value, but {value!r} was given; leave it out.")
        return Runner()
    if find_spec(f"prefect_{kind}") is None:
        raise absent(kind)
    if value.isascii() and value.isdigit() and 1 <= int(value) <= MOST_PROCESSES:
        return Runner(kind, processes=int(value))
    if value.startswith(ADDRESSES[kind]):
        _refuse_without_server(value)
        return Runner(kind, value)
    if equals:
        raise RequestError(
            f"The runner {kind} takes a number of processes, or an address that begins with "
            f"{' or '.join(ADDRESSES[kind])}, not {value!r}; give one of them."
        )
    return Runner(kind, processes=os.cpu_count() or 1)


def _refuse_without_server(address: str) -> None:
    from prefect.settings import PREFECT_API_URL  # noqa: PLC0415 - who starts no cluster does without

    if not PREFECT_API_URL.value():
        raise RequestError(
            f"Workers at {address} report to a Prefect server; start one in their reach, and set PREFECT_API_URL."
        )
