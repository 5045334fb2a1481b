"""Stopping within a second: threads cannot be interrupted, so whatever takes long asks here whether to go on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import TypeVar

from exporters.errors import FatalError

LOOK_SECONDS = 0.2

T = TypeVar("T")

_stopping = threading.Event()


@contextmanager
def on_interrupt() -> Iterator[None]:
    """Tell all threads to stop when the block is left by Ctrl-C, a cancellation, or a step that failed for good."""
    _stopping.clear()
    try:
        yield
    except BaseException:
        _stopping.set()
        raise


def check() -> None:
    """Raise when this process is stopping; costs nothing otherwise."""
    if _stopping.is_set():
        raise FatalError("The run was stopped.")


async def watched(work: Coroutine[None, None, T]) -> T:
    """The result of `work`, which is cancelled when this process is stopping."""
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.wait({task}, timeout=LOOK_SECONDS)
        if _stopping.is_set() and not task.done():
            task.cancel()
            await asyncio.wait({task})
            check()
    return task.result()
