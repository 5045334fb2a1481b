"""What goes wrong with the disks of workspace, target and temporary files: full, read-only, damaged, or gone."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from blocks.target import Target
from tests.faults.bench import Bench
from tests.faults.injectors import Injector, Met
from tests.faults.moments import Step, When, at
from tests.faults.steps import run_in_steps

How = Literal["changed", "cut short", "gone"]
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
