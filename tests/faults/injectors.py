"""What goes wrong, as contexts around a run: each is given the cell and the step, and tells afterwards whether it met.

Nothing here is a mock: platforms, buckets and APIs are servers that answer as told, disks are mounted and run full,
processes are killed. When the context ends the fault is over, and the next run has a quiet day.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

import time_machine
from prefect.settings import PREFECT_API_URL

from blocks.sandbox.faults import Fault
from blocks.target import Target
from exporters.temporary import this_process
from tests.fakes.gate import gate_to
from tests.fakes.receiver import Trouble
from tests.fakes.s3_proxy import S3Trouble
from tests.faults.apart import Blow, run_apart
from tests.faults.bench import SILENCE_SECONDS, Bench, Ended, told
from tests.faults.moments import Step, When, at
from tests.faults.steps import run_in_steps
from tests.prefect_server import speaking_to

Met = Callable[[], bool]
Injector = Callable[[Bench, Step], AbstractContextManager[Met]]
How = Literal["changed", "cut short", "gone"]

ASKED_BY: dict[Step, str] = {
    "plan": r"dataset/(datasets\?|entries)",
    "fetch": r"dataset/annotations",
    "media": r"medias/files/",
}
"""What of a platform each step asks for."""


# The source


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


# The workspace, and a folder as target


Place = Literal["workspace", "target", "temporary files"]


def full(what: Place, when: When = "begins") -> Injector:
    """Its disk has not a byte left."""
    return _on_a_disk(what, when, _fill, lambda disk: (disk / "ballast").unlink())


def read_only(what: Place, when: When = "begins") -> Injector:
    """Its disk takes nothing any more."""
    return _on_a_disk(what, when, lambda disk: _remount(disk, "ro"), lambda disk: _remount(disk, "rw"))


def vanishing(what: Place, when: When = "begins") -> Injector:
    """All that lies there is gone at once."""

    @contextmanager
    def inject(bench: Bench, step: Step) -> Iterator[Met]:
        place = bench.workspace if what == "workspace" else bench.out
        with at(step, when, lambda: shutil.rmtree(place, ignore_errors=True)) as once:
            yield lambda: once.has_acted

    return inject


def damaged(folder: str, how: How) -> Injector:
    """Files of the workspace are not what was put there: before a second run begins, or when a step does."""

    @contextmanager
    def inject(bench: Bench, step: Step) -> Iterator[Met]:
        met: list[Path] = []

        def damage() -> None:
            top = bench.workspace / folder
            met.extend([top] if top.is_file() else [path for path in sorted(top.rglob("*")) if path.is_file()])
            for path in met:
                _damage(path, how)

        if step == "plan":
            run_in_steps(replace(bench.asked(), target=Target(url=str(bench.folder / "first"))))
            damage()
            yield lambda: bool(met)
        else:
            with at(step, "begins", damage):
                yield lambda: bool(met)

    return inject


def _damage(path: Path, how: How) -> None:
    path.chmod(0o644)
    data = path.read_bytes()
    if how == "gone":
        path.unlink()
    elif how == "cut short":
        path.write_bytes(data[: len(data) // 2])
    else:
        middle = len(data) // 2
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])


def _on_a_disk(what: Place, when: When, begin: Callable[[Path], object], end: Callable[[Path], object]) -> Injector:
    @contextmanager
    def inject(bench: Bench, step: Step) -> Iterator[Met]:
        disk = bench.world.disk()
        if what == "workspace":
            bench.workspace = disk / "workspace"
        elif what == "target":
            bench.out = disk / "out"
            bench.target = Target(url=str(bench.out))
        else:
            bench.temporary = disk / "tmp"
            bench.temporary.mkdir()
            tempfile.tempdir = str(bench.temporary)
        if step == "plan" and what == "target":  # which the checks are to find
            begin(disk)
            try:
                yield lambda: True
            finally:
                end(disk)
            return
        with at(step, when, lambda: begin(disk)) as once:
            try:
                yield lambda: once.has_acted
            finally:
                if once.has_acted:
                    end(disk)

    return inject


def _fill(disk: Path) -> None:
    free = os.statvfs(disk)
    with (disk / "ballast").open("wb") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, free.f_bavail * free.f_frsize)


def _remount(disk: Path, how: str) -> None:
    command = ["mount", "-o", f"remount,{how}", str(disk)]
    while subprocess.run(command, check=False, capture_output=True).returncode:  # somebody was just writing
        time.sleep(0.01)


# Targets beyond this machine


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


# The process, and what surrounds it


@dataclass(frozen=True)
class Struck:
    """A signal to the process that exports, in which it runs alone; `is_elsewhere`: on a machine that is gone now."""

    number: int
    when: When
    is_elsewhere: bool = False

    def strike(self, bench: Bench, step: Step) -> Ended:
        word, code = run_apart(bench.asked(), Blow(self.number, step, self.when), str(bench.temporary))
        if self.is_elsewhere:
            _move_elsewhere(bench)
        if word == "interrupted":
            interrupted = KeyboardInterrupt()
            status, said = told(interrupted)
            return Ended(error=interrupted, status=status, said=said)
        assert (word, code) == ("", -self.number)
        return Ended(signal=self.number)


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
