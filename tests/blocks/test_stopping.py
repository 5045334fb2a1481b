"""Threads that stop with their run: nobody waits for what a store that fell silent was asked."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from blocks import stopping
from blocks.stopping import Threads
from exporters.errors import FatalError

_ROOT = Path(__file__).parents[2]


def test_results_come_in_order() -> None:
    """Of several arguments, whoever is ready first, and for more things than there are threads."""
    with Threads(4) as threads:
        made = threads.stream(
            lambda given: (time.sleep(0.01 * (given[0] % 3)), given[1] * given[0])[1],
            zip(range(20), "ab" * 10, strict=True),
            ahead=20,
        )
        assert list(made) == [word * number for number, word in zip(range(20), "ab" * 10, strict=True)]


def test_a_stream_takes_no_more_than_it_is_asked_for() -> None:
    """Results come in order, and of an endless list only so much is begun as is said; none waits for the slowest."""
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in count():
            taken.append(number)
            yield number

    with Threads(3) as pool:
        for expected, found in enumerate(pool.stream(lambda number: number * 2, numbers(), ahead=5)):
            assert found == expected * 2
            assert len(taken) == expected + 6
            if expected == 20:
                break
        assert list(pool.stream(str, range(3), ahead=5)) == ["0", "1", "2"]


def test_work_is_done_by_several_at_once() -> None:
    """Each waits until all are there."""
    meeting = threading.Barrier(4, timeout=30)
    with Threads(4) as threads:
        assert sorted(threads.stream(lambda _: meeting.wait(), range(4), ahead=4)) == [0, 1, 2, 3]


def test_what_one_raises_is_raised_and_stops_the_others() -> None:
    """What has not begun is not begun any more."""
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        if number == 3:
            raise ValueError("three")
        time.sleep(0.01)

    with pytest.raises(ValueError, match="three"), Threads(2) as threads:
        list(threads.stream(work, range(1000), ahead=1000))
    assert len(begun) < 1000


def test_long_work_stops_at_its_next_check() -> None:
    """The check of the threads, which otherwise know nothing of the run's end."""
    stopped, begun = threading.Event(), threading.Event()

    def work(_: int) -> None:
        begun.set()
        try:
            while True:
                stopping.check()
                time.sleep(0.01)
        except FatalError:
            stopped.set()

    def start_and_interrupt() -> None:
        with Threads(1) as threads:
            threading.Thread(target=lambda: next(threads.stream(work, [1], ahead=1)), daemon=True).start()
            begun.wait(30)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start_and_interrupt()
    assert stopped.wait(10)


def test_a_thread_that_hangs_holds_nobody_up() -> None:
    """Neither the run nor the end of the process."""
    script = (
        "import threading\nfrom blocks import stopping\nstopping.FAREWELL_SECONDS = 0.1\n"
        "begun = threading.Event()\n"
        "def hang(_): begun.set(); threading.Event().wait()\n"
        "with stopping.Threads(2) as threads:\n"
        "    threading.Thread(target=lambda: next(threads.stream(hang, [1], ahead=1)), daemon=True).start()\n"
        "    begun.wait()\n"
        "    raise SystemExit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=_ROOT, timeout=60, check=False).returncode == 7
