"""What a run asks of Python's garbage collector ends with the run."""

from __future__ import annotations

import gc
import weakref

from flows.collector import spared


class Knot:
    """Refers to itself, so that only the collector can let go of it."""

    def __init__(self) -> None:
        self.itself = self


def test_a_run_leaves_the_collector_as_it_was() -> None:
    """Its settings are what they were, and what was set aside is looked through again."""
    before = gc.get_threshold(), gc.get_freeze_count()
    with spared():
        assert gc.get_freeze_count() > before[1]
    assert (gc.get_threshold(), gc.get_freeze_count()) == before


def test_what_a_run_makes_is_still_let_go_of() -> None:
    """Garbage does not add up while a run lasts."""
    with spared():
        knots = [weakref.ref(Knot()) for _ in range(100_000)]
        assert sum(one() is not None for one in knots) < 20_000
