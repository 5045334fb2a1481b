"""Python's garbage collector, told what a run is like: much is loaded and stays, and what a run makes comes and goes.

Without it a fifth of a run's time goes by with looking through the hundreds of thousands of objects of what is loaded.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

OBJECTS = 10_000
"""So many more than have gone, and the young ones are looked through: some megabytes, once for a page of records."""


@contextmanager
def spared() -> Iterator[None]:
    """Meanwhile what was there before is not looked through, and what is new not as often; nothing else changes."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
