"""The process of a contextual exporter, seen from the run: started, listened to, and gone at the end."""

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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import msgspec

from blocks import stopping
from exporters import FatalError
from exporters.contextual.exporter import TIME_LIMIT
from flows.contextual_messages import Broke, Delayed, Done, End, Event, Job, Moved, Said, decode_event, encode

MAX_LINES = 10_000
"""Of an exporter's log; one that says more has gone round in circles."""
MAX_LINE_BYTES = 16_000
WAITING_LINES = 1000
FAREWELL_SECONDS = 2.0

Tell = Callable[[int, str], None]
"""Takes a log line: its level, as in `logging`, and its text."""


def run_process(job: Job, time_limit: float, tell: Tell, move: Callable[[float], None]) -> End:
    """Run a job; returns how its exporter ended.

    Raises:
        FatalError: it did not end in time, died without a word, or the run is being stopped.
    """
    place = Path(job.folder)
    for folder in ("work", "tmp"):
        (place / folder).mkdir()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "flows.contextual_worker"],
        cwd=place / "work",
        env={**os.environ, "TMPDIR": str(place / "tmp"), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C reaches the run alone, which ends this and all that it has started
    )
    lines: queue.Queue[Event] = queue.Queue(WAITING_LINES)
    threads = [
        threading.Thread(target=_read_events, args=(process.stdout, lines), daemon=True),
        threading.Thread(target=_read_prints, args=(process.stderr, lines), daemon=True),
    ]
    try:
        for thread in threads:
            thread.start()
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died at once: its silence is what will be told
            process.stdin.write(encode(job) + b"\n")
            process.stdin.flush()
        for event in _listen(process, lines, job.exporter, time_limit):
            match event:
                case Moved(fraction):
                    move(fraction)
                case Said(level, text):
                    tell(level, text)
                case _:
                    return event
        raise FatalError(f"The exporter {job.exporter} {_death(process)}; its log may say more.")
    finally:
        _end(process, lines, threads)


def _listen(
    process: subprocess.Popen[bytes], lines: queue.Queue[Event], exporter: str, time_limit: float
) -> Iterator[Event]:
    """What the process says, how it ended last; nothing more when it is dead."""
    deadline = time.monotonic() + time_limit
    end: End | None = None
    died_at: float | None = None
    said = 0
    while True:
        stopping.check()
        if time.monotonic() > deadline:
            raise FatalError(
                f"The exporter {exporter} was still running after {time_limit:g} seconds and was stopped; mend what "
                f"it waits for, or allow more with --option {TIME_LIMIT}=…"
            )
        try:
            event = lines.get(timeout=stopping.LOOK_SECONDS)
        except queue.Empty:
            died_at = died_at or (time.monotonic() if process.poll() is not None else None)
            if end or (died_at and time.monotonic() - died_at > FAREWELL_SECONDS):  # its last words may be on their way
                break
            continue
        if isinstance(event, Done | Delayed | Broke):
            end = event  # what it printed before that may still be on its way
            continue
        said += isinstance(event, Said)
        if said <= MAX_LINES or isinstance(event, Moved):
            yield event
        elif said == MAX_LINES + 1:
            yield Said(logging.WARNING, f"The exporter has said over {MAX_LINES:,} lines; the others are not kept.")
    if end:
        yield end


def _death(process: subprocess.Popen[bytes]) -> str:
    code = process.wait()
    if code < 0:
        why = ", as when memory runs out" if code == -signal.SIGKILL else ""
        return f"was ended by signal {-code}{why}"
    return f"ended its own process with status {code}, without finishing"


def _read_events(stream: IO[bytes], lines: queue.Queue[Event]) -> None:
    with stream:
        for line in stream:
            with contextlib.suppress(msgspec.MsgspecError):  # the exporter found our stream and wrote to it
                lines.put(decode_event(line))


def _read_prints(stream: IO[bytes], lines: queue.Queue[Event]) -> None:
    with stream:
        while line := stream.readline(MAX_LINE_BYTES):
            if text := line.decode(errors="replace").rstrip():
                lines.put(Said(logging.INFO, text))


def _end(process: subprocess.Popen[bytes], lines: queue.Queue[Event], threads: Sequence[threading.Thread]) -> None:
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
