"""Files that were made once and are still there, within a limit of memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

LIMIT_BYTES = 64 << 20


class Kept:
    """Keeps up to ``limit_bytes`` of files; those that were not asked for the longest are forgotten first."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self.size = 0
        self._limit_bytes = limit_bytes
        self._files: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """May be called from any thread; of two that make the same file at once, the first is kept."""
        with self._lock:
            if key in self._files:
                self._files.move_to_end(key)
                return self._files[key]
        made = make()
        with self._lock:
            if key not in self._files:
                self._files[key] = made
                self.size += len(made)
            while self.size > self._limit_bytes:
                self.size -= len(self._files.popitem(last=False)[1])
        return made
