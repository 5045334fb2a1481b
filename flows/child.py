"""A process that does somebody else's work, seen from who starts it: started, listened to, and gone at the end.

It gets one order over its standard input, tells events over its standard output (`flows.child_messages`), a line of
JSON each, and what it prints is its log. `flows.child_side` is its own side of that.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

from blocks import stopping
from exporters import FatalError
from exporters.foreign_json import UNREADABLE
from flows.child_messages import Began, Moved, Said

MAX_LINES = 10_000
"""Of a log; who says more has gone round in circles."""
MAX_LINE_BYTES = 16_000
WAITING_LINES = 1000
START_SECONDS = 120.0
"""That a process may take to be ready: a busy machine reads its modules for a while."""
FAREWELL_SECONDS = 2.0

End = TypeVar("End")

Tell = Callable[[Said], None]
"""Takes a log line."""


@dataclass(frozen=True)
class Child(Generic[End]):
    """What to start, and what to say of it; everything that it writes lies in `folder`, or is its own affair."""

    command: Sequence[str]
    order: bytes = field(repr=False)  # may hold secrets
    """A line."""
    decode: Callable[[bytes], Began | Moved | Said | End] = field(repr=False)
    folder: str
    shown: str
    """Who it is, at the beginning of a sentence."""
    time_limit: float
    if_too_long: str
    """What to do when that passes, as the rest of a sentence."""
    working_folder: str = ""
    """Where it works; without one, in a folder in `folder`."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Beside what this process has."""
    withheld: Container[str] = ()
    """Names of what it is not given of that."""


def run_child(child: Child[End], tell: Tell, move: Callable[[float], None]) -> End:
    """Run a process; returns how it said that it ended.

    Raises:
        FatalError: it did not end in time, died without a word, or the run is being stopped.
    """
    place = Path(child.folder)
    for folder in ("work", "tmp"):
        (place / folder).mkdir()
    process = subprocess.Popen(  # noqa: S603 - our own interpreter
        child.command,
        cwd=child.working_folder or place / "work",
        env={
            "MALLOC_ARENA_MAX": "1",  # else glibc keeps what each thread had and freed: a quarter of all the memory
            **{name: value for name, value in os.environ.items() if name not in child.withheld},
            "TMPDIR": str(place / "tmp"),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            **child.environment,
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C reaches the run alone, which ends this and all that it has started
    )
    lines: queue.Queue[Any] = queue.Queue(WAITING_LINES)
    threads = [
        threading.Thread(target=_read_events, args=(process.stdout, lines, child.decode), daemon=True),
        threading.Thread(target=_read_prints, args=(process.stderr, lines), daemon=True),
    ]
    try:
        for thread in threads:
            thread.start()
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died at once: its silence is what will be told
            process.stdin.write(child.order + b"\n")
            process.stdin.flush()
        for event in _listen(process, lines, child):
            match event:
                case Moved(fraction):
                    move(fraction)
                case Said():
                    tell(event)
                case _:
                    return event
        raise FatalError(f"{child.shown} {_death(process)}; its log may say more.")
    finally:
        _end(process, lines, threads)


def _listen(
    process: subprocess.Popen[bytes], lines: queue.Queue[Any], child: Child[End]
) -> Iterator[Moved | Said | End]:
    """What the process says, how it ended last; nothing more when it is dead."""
    deadline = time.monotonic() + START_SECONDS + child.time_limit
    end: End | None = None
    died_at: float | None = None
    said = 0
    while True:
        stopping.check()
        if time.monotonic() > deadline:
            raise FatalError(
                f"{child.shown} was still running after {child.time_limit:g} seconds and was stopped; "
                f"{child.if_too_long}"
            )
        try:
            event = lines.get(timeout=stopping.LOOK_SECONDS)
        except queue.Empty:
            died_at = died_at or (time.monotonic() if process.poll() is not None else None)
            if end or (died_at and time.monotonic() - died_at > FAREWELL_SECONDS):  # its last words may be on their way
                break
            continue
        if isinstance(event, Began):
            deadline = time.monotonic() + child.time_limit
            continue
        if not isinstance(event, Moved | Said):
            end = event  # what it printed before that may still be on its way
            continue
        said += isinstance(event, Said)
        if said <= MAX_LINES or isinstance(event, Moved):
            yield event
        elif said == MAX_LINES + 1:
            yield Said(logging.WARNING, f"{child.shown} has said over {MAX_LINES:,} lines; the others are not kept.")
    if end:
        yield end


def _death(process: subprocess.Popen[bytes]) -> str:
    code = process.wait()
    if code < 0:
        why = ", as when memory runs out" if code == -signal.SIGKILL else ""
        return f"was ended by signal {-code}{why}"
    return f"ended its own process with status {code}, without finishing"


def _read_events(stream: IO[bytes], lines: queue.Queue[Any], decode: Callable[[bytes], Any]) -> None:
    with stream:
        for line in stream:
            with contextlib.suppress(*UNREADABLE):  # it found our stream and wrote to it
                lines.put(decode(line))


def _read_prints(stream: IO[bytes], lines: queue.Queue[Any]) -> None:
    with stream:
        while line := stream.readline(MAX_LINE_BYTES):
            if text := line.decode(errors="replace").rstrip():
                lines.put(Said(logging.INFO, text))


def _end(process: subprocess.Popen[bytes], lines: queue.Queue[Any], threads: Sequence[threading.Thread]) -> None:
    """End the process and everything it has started, but for what has gone to great lengths to stay."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    patience = time.monotonic() + FAREWELL_SECONDS
    while any(thread.is_alive() for thread in threads) and time.monotonic() < patience:
        with contextlib.suppress(queue.Empty):  # they may wait for room in the queue
            lines.get(timeout=0.01)
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
