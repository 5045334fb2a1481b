"""Stopping within a second: threads cannot be interrupted, so whatever takes long asks here whether to go on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from exporters.errors import FatalError

LOOK_SECONDS = 0.2

T = TypeVar("T")

_run: ContextVar[threading.Event | None] = ContextVar("_run", default=None)
"""Set when the run that this context belongs to is stopping. Threads of tasks inherit it from the flow."""


@contextmanager
def on_interrupt() -> Iterator[None]:
    """Tell the threads of a run to stop when the block is left by Ctrl-C, a cancellation, or a step that failed."""
    stopping = threading.Event()
    token = _run.set(stopping)
    try:
        yield
    except BaseException:
        stopping.set()
        raise
    finally:
        _run.reset(token)


def check() -> None:
    """Raise when this run is stopping; costs nothing otherwise."""
    stopping = _run.get()
    if stopping is not None and stopping.is_set():
        raise FatalError("The run was stopped.")


async def watched(work: Coroutine[None, None, T]) -> T:
    """The result of `work`, which is cancelled when this run is stopping."""
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.wait({task}, timeout=LOOK_SECONDS)
        try:
            check()
        except FatalError:
            task.cancel()
            await asyncio.wait({task})
            raise
    return task.result()
