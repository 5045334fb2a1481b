"""Runs a sandbox's web application: beside the caller in a thread of its own, or in the foreground for ever."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

# Far above what the platforms accept, so that it is their limit that answers and not aiohttp's.
LONGEST_LINE_BYTES = 1 << 16


@contextmanager
def serve(application: web.Application, *, host: str, port: int) -> Iterator[str]:
    """Yields the base URL; port 0 takes a free one. Requests under way are cut off when the context ends."""
    listener = socket.create_server((host, port))  # here, so that a port in use is the caller's error
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(_answer(application, listener, stop))

    thread = threading.Thread(target=run, name="sandbox", daemon=True)
    thread.start()
    try:
        yield _url(listener)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def run_forever(
    application: web.Application,
    *,
    host: str,
    port: int,
    on_start: Callable[[str], None] | None = None,
) -> None:
    """Blocks until interrupted; ``on_start`` is given the base URL. An interrupt ends as KeyboardInterrupt."""
    listener = socket.create_server((host, port))
    if on_start is not None:
        on_start(_url(listener))
    asyncio.run(_answer(application, listener, asyncio.Event()))


async def _answer(application: web.Application, listener: socket.socket, stop: asyncio.Event) -> None:
    runner = web.AppRunner(
        application,
        access_log=None,
        handle_signals=False,
        handler_cancellation=True,  # a client that hangs up ends its request, also a stalled one
        shutdown_timeout=0.05,
        max_line_size=LONGEST_LINE_BYTES,
    )
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        await stop.wait()
    finally:
        await runner.cleanup()


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{host}:{port}"
