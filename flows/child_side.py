"""Our side of a process that works for another one, as `flows.child` starts it: its streams, its log, its end.

Its standard output belongs to the events; what else is printed there goes to standard error. When the one that started
it is gone, it goes too, and takes its files along.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import IO, NoReturn

from flows.child_messages import Moved, Said, encode

REPORT_SECONDS = 0.2
"""Progress is told no more often than that: there may be a million entries."""
MAX_TEXT = 4000
"""Characters of a log line; more is cut."""


class Wire:
    """Where events go, one whole line after the other, from whatever thread."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._moved_at = 0.0

    def tell(self, event: object) -> None:
        with self._lock:
            self._out.write(encode(event) + b"\n")
            self._out.flush()

    def move(self, fraction: float) -> None:
        now = time.monotonic()
        if fraction >= 1 or now - self._moved_at >= REPORT_SECONDS:
            self._moved_at = now
            self.tell(Moved(fraction))


class LogHandler(logging.Handler):
    def __init__(self, wire: Wire) -> None:
        super().__init__(logging.INFO)
        self._wire = wire

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._wire.tell(Said(record.levelno, self.format(record)[:MAX_TEXT]))
        except Exception:  # noqa: BLE001 - logging never stops anything
            self.handleError(record)


def private_streams() -> tuple[Wire, IO[bytes]]:
    """Standard output and input for ourselves. Others print to standard error, and read nothing."""
    out, orders = os.fdopen(os.dup(1), "wb"), os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    return Wire(out), orders


def settle_in(wire: Wire, orders: IO[bytes], folder: str) -> None:
    """Be what the other side expects: gone when it is, the first to go where memory runs out, with a log it hears."""
    threading.Thread(target=_go_when_alone, args=(orders, Path(folder)), daemon=True).start()
    _be_the_first_to_go()
    logging.basicConfig(format="%(message)s", level=logging.INFO, handlers=[LogHandler(wire)], force=True)
    os.environ.pop("PYTHONPATH", None)  # was only to find this module, not for what may be started from here


def leave(wire: Wire, end: object) -> NoReturn:
    """Say how it ended, and be gone: threads left behind, and what is to be done at exit, hold nobody up."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    wire.tell(end)
    os._exit(0)


def _go_when_alone(orders: IO[bytes], folder: Path) -> None:
    """The other side holds our standard input open as long as it lives."""
    orders.read()
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def _be_the_first_to_go() -> None:
    """Where memory runs out, Linux is to end this process, not the run."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
