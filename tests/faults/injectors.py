"""What goes wrong, as contexts around a run: each is given the cell and the step, and tells afterwards whether it met.

Nothing here is a mock: platforms, buckets and APIs are servers that answer as told, disks are mounted and run full,
processes are killed. When the context ends the fault is over, and the next run has a quiet day.
"""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, Protocol, runtime_checkable
from unittest.mock import patch

import psutil
import time_machine
from prefect.settings import PREFECT_API_URL

from blocks.sandbox.faults import Fault
from exporters.temporary import this_process
from tests.fakes.gate import gate_to
from tests.fakes.receiver import Trouble
from tests.fakes.s3_proxy import S3Trouble
from tests.faults.apart import Blow, run_apart
from tests.faults.bench import Bench, Ended, told
from tests.faults.moments import Step, When, at
from tests.faults.world import SILENCE_SECONDS
from tests.prefect_server import speaking_to

Met = Callable[[], bool]
Injector = Callable[[Bench, Step], AbstractContextManager[Met]]

ASKED_BY: dict[Step, str] = {
    "plan": r"dataset/(datasets\?|entries)",
    "fetch": r"dataset/annotations",
    "media": r"medias/files/",
}
"""What of a platform each step asks for."""


def source(
    kind: str, times: int | None = None, *, asks: str = "", is_one_file: bool = False, **fields: Any
) -> Injector:
    """A fault of the sandbox, by its word, in what a step asks for; `is_one_file`: in one file, for ever."""

    @contextmanager
    def inject(bench: Bench, step: Step) -> Iterator[Met]:
        pattern = asks or ASKED_BY[step]
        if is_one_file:
            pattern += bench.one_entry.resource
        fault = Fault.named(kind, pattern, times=times, **{"stall_seconds": 4 * SILENCE_SECONDS, **fields})
        bench.sandbox.faults.append(fault)
        try:
            yield lambda: fault.hits > 0
        finally:
            bench.sandbox.faults.remove(fault)

    return inject


def s3(trouble: S3Trouble) -> Injector:
    @contextmanager
    def inject(bench: Bench, step: Step) -> Iterator[Met]:
        ours = replace(trouble)
        bench.proxy.troubles.append(ours)
        try:
            yield lambda: ours.hits > 0
        finally:
            bench.proxy.troubles.remove(ours)

    return inject


def api(trouble: Trouble) -> Injector:
    @contextmanager
    def inject(bench: Bench, step: Step) -> Iterator[Met]:
        ours = replace(trouble)
        troubles = bench.world.receiver.troubles
        troubles.append(ours)
        try:
            yield lambda: ours.hits > 0
        finally:
            troubles.remove(ours)

    return inject


@runtime_checkable
class Alone(Protocol):
    """What happens to a process in which an export runs alone."""

    def strike(self, bench: Bench, step: Step) -> Ended:
        """Have it happen, and tell how the run ended."""


@dataclass(frozen=True)
class Struck(Alone):
    """A signal to the process; `is_elsewhere`: on a machine that is gone now."""

    number: int
    when: When
    is_elsewhere: bool = False

    def strike(self, bench: Bench, step: Step) -> Ended:
        blow = Blow(partial(signal_self, self.number), step, self.when)
        word, code = run_apart(bench.asked(), blow, str(bench.temporary))
        if self.is_elsewhere:
            _move_elsewhere(bench)
        if word == "interrupted":
            return _ended_by(KeyboardInterrupt())
        assert (word, code) == ("", -self.number)
        return Ended(signal=self.number)


def signal_self(number: int) -> None:
    os.kill(os.getpid(), number)


class Starved(Alone):
    """The process gets no more memory than it has when the step begins, as in a container with a limit."""

    def strike(self, bench: Bench, step: Step) -> Ended:
        word, code = run_apart(bench.asked(), Blow(take_no_more_memory, step, "begins"), str(bench.temporary))
        assert (word, code) == ("MemoryError()", 0)
        return _ended_by(MemoryError())


def _ended_by(error: BaseException) -> Ended:
    status, said = told(error)
    return Ended(error=error, status=status, said=said)


def take_no_more_memory() -> None:
    has = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (has, resource.RLIM_INFINITY))


def _move_elsewhere(bench: Bench) -> None:
    """Have what the process left say that it ran on another machine."""
    here, there = this_process().place, "0123456789ab"
    for top in (bench.workspace, bench.out, bench.temporary):
        for path in sorted(top.rglob("*"), reverse=True):
            if path.parent.name == "running":
                path.write_text(path.read_text().replace(here, there))
            if here in path.name:
                path.rename(path.with_name(path.name.replace(here, there)))


def out_of_memory(when: When) -> Injector:
    """Python has no memory to give."""

    def fail() -> None:
        raise MemoryError

    @contextmanager
    def inject(bench: Bench, step: Step) -> Iterator[Met]:
        with at(step, when, fail) as once:
            yield lambda: once.has_acted

    return inject


def clock_jump(by: timedelta) -> Injector:
    """The machine's clock is set, in the middle of a step, and stays so until the run has ended."""

    @contextmanager
    def inject(bench: Bench, step: Step) -> Iterator[Met]:
        travel = time_machine.travel(time.time() + by.total_seconds(), tick=True)
        with at(step, "begins", travel.start) as once:
            try:
                yield lambda: once.has_acted
            finally:
                if once.has_acted:
                    travel.stop()

    return inject


def server_away(seconds: float) -> Injector:
    """The Prefect server answers nobody for a while, from the middle of a run on."""

    @contextmanager
    def inject(bench: Bench, step: Step) -> Iterator[Met]:
        with gate_to(str(PREFECT_API_URL.value())) as gate:

            def go_away() -> None:
                gate.shut()
                threading.Timer(seconds, gate.open).start()

            with speaking_to(f"http://127.0.0.1:{gate.port}/api"), at(step, "begins", go_away) as once:
                yield lambda: once.has_acted

    return inject


@contextmanager
def two_days_later() -> Iterator[None]:
    """Leases of lost machines are waited for, though not for a minute; what they left is older than a day."""
    later = time_machine.travel(time.time() + timedelta(days=2).total_seconds(), tick=True)
    with patch("blocks.lease.LEASE_SECONDS", 0.2), patch("blocks.lease.LOOK_SECONDS", 0.1), later:
        yield
