"""How far a run is and what its exporter says, told to whoever listens in this process.

On workers nobody does, and it costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Listener(Protocol):
    def expect(self, step: str, total: int) -> None:
        """So many things are to be done in this step."""

    def advance(self, step: str, count: int, size_bytes: int = 0) -> None:
        """So many more are done. Called from any thread."""

    def say(self, exporter: str, level: int, text: str) -> None:
        """A line of the log of a plug-in's exporter, or, without one, of the run; `level` as in `logging`.

        Called from any thread.
        """


_listeners: list[Listener] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def expect(step: str, total: int) -> None:
    for listener in _listeners:
        listener.expect(step, total)


def advance(step: str, count: int = 1, size_bytes: int = 0) -> None:
    for listener in _listeners:
        listener.advance(step, count, size_bytes)


def say(exporter: str, level: int, text: str) -> None:
    for listener in _listeners:
        listener.say(exporter, level, text)
