"""How far a run is: in the Prefect UI, a progress artifact by entries and bytes, and now and then a log line.

Only where there is a server that somebody can look at. One thread tells it, once a second at most and only when a
tenth of a percent was gained; a run that ends before the first second leaves none. A server that does not answer delays
no export.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.logging import get_run_logger
from prefect.settings import PREFECT_API_URL

from flows import progress
from flows.words import seconds_text, size_text

INTERVAL_SECONDS = 1.0
LOG_SECONDS, MOST_LOG_SECONDS = 30.0, 600.0
"""Between lines of the log: twice as long each time."""
PATIENCE_SECONDS = 5.0
"""How long the end of a run waits for the last update."""
MOST_FAILURES = 3
THINGS = {"fetch": "entries", "media": "files", "transform": "entries"}
"""What is counted in each step; deliver counts bytes alone."""


@dataclass
class Step:
    """What is done of one step, since when."""

    total: int = 0
    done: int = 0
    size_bytes: int = 0
    began_at: float = 0.0

    @property
    def share(self) -> float:
        """At most 1: what is tried again is counted again."""
        return min(self.done / self.total, 1.0) if self.total else 0.0


class Steps:
    """A listener that adds up. Called from the threads of tasks."""

    def __init__(self, *, takes_media: bool) -> None:
        names = ("fetch", "media", "transform", "deliver") if takes_media else ("fetch", "transform", "deliver")
        self._steps = {name: Step() for name in names}
        self._lock = threading.Lock()
        self._is_over = False

    def expect(self, step: str, total: int) -> None:
        with self._lock:
            self._step(step).total += total
            if step == "fetch":
                self._step("transform").total += total

    def advance(self, step: str, count: int, size_bytes: int = 0) -> None:
        with self._lock:
            one = self._step(step)
            one.began_at = one.began_at or time.monotonic()
            one.done += count
            one.size_bytes += size_bytes

    def say(self, exporter: str, level: int, text: str) -> None:
        """Nothing: what exporters say is in the log already."""

    def end(self) -> None:
        """The run has done all there was to do: what was known already, no step had to count."""
        self._is_over = True

    def percent(self) -> float:
        """Of all steps, each of which counts the same."""
        if self._is_over:
            return 100.0
        with self._lock:
            shares = {name: step.share for name, step in self._steps.items()}
        if "media" in shares:
            shares["media"] *= shares["fetch"]  # files are expected of the entries that were fetched so far
        return round(100 * sum(shares.values()) / len(shares), 1)

    def lines(self, now: float) -> list[str]:
        """A sentence for each step that has begun."""
        with self._lock:
            return [_line(name, step, now) for name, step in self._steps.items() if step.began_at]

    def _step(self, name: str) -> Step:
        return self._steps.setdefault(name, Step())


def _line(name: str, step: Step, now: float) -> str:
    """`fetch: 1,200 of 5,000 entries, 310 a second, 12 s left`."""
    seconds = max(now - step.began_at, 0.001)
    rate, speed = step.done / seconds, f"{size_text(int(step.size_bytes / seconds))} a second"
    done = min(step.done, step.total)
    if things := THINGS.get(name):
        said = [f"{name}: {done:,} of {step.total:,} {things}"]
        said += [size_text(step.size_bytes)] if step.size_bytes else []
        said += [speed if step.size_bytes else f"{rate:,.0f} a second"]
    else:
        said = [f"{name}: {size_text(done)} of {size_text(step.total)}", speed]
    if step.share == 1:
        return f"{said[0]}, done"
    return ", ".join([*said, f"{seconds_text((step.total - done) / rate)} left"] if rate else said)


class _Teller:
    """Tells the server, from a thread of its own with the run's context."""

    def __init__(self, steps: Steps) -> None:
        self._steps, self._log = steps, get_run_logger()
        self._artifact: UUID | None = None
        self._told: tuple[float, str] | None = None
        self._failures = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=copy_context().run, args=(self._work,), name="progress", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join(PATIENCE_SECONDS)

    def _work(self) -> None:
        pause, next_line_at = LOG_SECONDS, time.monotonic() + LOG_SECONDS
        while not self._ended.wait(INTERVAL_SECONDS):
            self._tell()
            if (now := time.monotonic()) >= next_line_at:
                if lines := self._steps.lines(now):
                    self._log.info("%s", "; ".join(lines))
                pause = min(2 * pause, MOST_LOG_SECONDS)
                next_line_at = now + pause
        if self._artifact:
            self._tell()

    def _tell(self) -> None:
        state = (self._steps.percent(), "\n".join(f"- {line}" for line in self._steps.lines(time.monotonic())))
        if state[0] == (self._told or (0.0, ""))[0] or self._failures >= MOST_FAILURES:
            return
        try:
            if self._artifact is None:
                made = create_progress_artifact(state[0], key="export-progress", description=state[1])
                self._artifact = cast(UUID, made)  # it would be a coroutine in a coroutine
            else:
                update_progress_artifact(self._artifact, state[0], description=state[1])
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not about the export
            self._failures += 1
            if self._failures == MOST_FAILURES:
                self._log.warning("Progress is not shown any more: %s", error)
        self._told = state


@contextmanager
def shown(*, takes_media: bool) -> Iterator[None]:
    """Meanwhile show how far the run is, where there is a server to show it."""
    if not PREFECT_API_URL.value():
        yield
        return
    steps = Steps(takes_media=takes_media)
    teller = _Teller(steps)
    with progress.listening(steps):
        teller.start()
        try:
            yield
            steps.end()
        finally:
            teller.end()
