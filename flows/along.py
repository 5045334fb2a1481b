"""Sequences that are read once, from place to place, never back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Along(Generic[T]):
    """Lines of an earlier shard, of which some are wanted."""

    def __init__(self, lines: Iterable[T]) -> None:
        self._lines = enumerate(lines)

    def at(self, place: int) -> T | None:
        """The line at this place, counted from 0, which lies behind those asked for before; None beyond the end."""
        return next((line for number, line in self._lines if number == place), None)

    def finish(self) -> None:
        """Read what is left: only at the end is it known to be what was saved."""
        for _ in self._lines:
            pass
