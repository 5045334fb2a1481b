"""Stopping within a second: threads cannot be interrupted, so whatever takes long asks here whether to go on."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any, Self, TypeVar

from exporters.errors import FatalError

LOOK_SECONDS = 0.2
FAREWELL_SECONDS = 3.0
"""How long threads are waited for that are to stop: one may wait for a store that has stopped answering."""

S = TypeVar("S")
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
        raise FatalError("The run was stopped; run it again, and it goes on from what is done.")


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


def apart(work: Callable[[], T]) -> T:
    """What `work` makes, in a thread of its own: this one can stop, and be interrupted, while nothing comes back."""
    with Threads(1) as thread:
        future = thread.submit(work)
        while not wait([future], LOOK_SECONDS).done:
            check()
        return future.result()


class Threads:
    """Threads for the length of a `with`. When it is left by an exception, they stop at their next `check`.

    Unlike those of an executor they hold up neither the `with` nor the end of the process.
    """

    def __init__(self, count: int) -> None:
        self._work: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        context = copy_context()
        context.run(_run.set, self._stopping)
        self._threads = [
            threading.Thread(target=context.copy().run, args=(self._serve,), daemon=True) for _ in range(count)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_ended: object) -> None:
        if kind is not None:
            self._stopping.set()
        for _ in self._threads:
            self._work.put(None)
        until = time.monotonic() + FAREWELL_SECONDS
        for thread in self._threads:
            thread.join(None if kind is None else max(0.0, until - time.monotonic()))

    def stream(self, function: Callable[[S], T], items: Iterable[S], ahead: int) -> Iterator[T]:
        """What the function makes of each, in order; raises what the first one raises.

        `ahead` of what is asked for is begun, and no more is taken: there may be no end of them.
        """
        begun: deque[Future[T]] = deque()
        for item in items:
            begun.append(self.submit(partial(function, item)))
            if len(begun) > ahead:
                yield begun.popleft().result()
        for future in begun:
            yield future.result()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        self._work.put((future, work))
        return future

    def _serve(self) -> None:
        while (order := self._work.get()) is not None:
            future, work = order
            try:
                check()
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - whoever asked for it will hear of it
                future.set_exception(error)
