"""Processes that live as long as this one: started, watched, and ended with all that they have started themselves."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from exporters.errors import FatalError, first_line

LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 8.0
"""For a process that was asked to end, and again for what it has started itself."""


@dataclass
class Child:
    name: str
    process: subprocess.Popen[bytes]
    log: Path | None

    def refuse_end(self) -> None:
        """Raise FatalError when it has ended."""
        status = self.process.poll()
        if status is None:
            return
        last = first_line(_last_line(self.log)) if self.log else ""
        where = f"{self.log} says why" if self.log else "look at what it printed"
        raise FatalError(f"The {self.name} has ended with status {status}{f' ({last})' if last else ''}; {where}.")


class Children:
    """Ends what was started, the last one first, when the block is left, however it is left."""

    def __init__(self, logs: Path | None) -> None:
        self._logs, self._children = logs, list[Child]()

    def __enter__(self) -> Self:
        return self

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Child:
        """Start one; what it prints goes to a file of its own, or, without a folder for those, to standard error.

        It is in a session of its own: Ctrl-C reaches this process alone, which ends the others in order.
        """
        log = self._logs / f"{name}.log" if self._logs else None
        output = log.open("wb") if log else None
        try:
            process = subprocess.Popen(  # noqa: S603 - our own commands
                command, env=dict(environment), start_new_session=True, stdin=subprocess.DEVNULL,
                stdout=output or 2, stderr=output or 2,
            )  # fmt: skip
        finally:
            if output:
                output.close()
        child = Child(name, process, log)
        self._children.append(child)
        return child

    def watch(self) -> None:
        """Until one of them ends, which is a failure."""
        while True:
            for child in self._children:
                child.refuse_end()
            time.sleep(LOOK_SECONDS)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        patience = PATIENCE_SECONDS
        while self._children:
            child = self._children[-1]
            try:
                end_tree(child.process, patience)
            except KeyboardInterrupt:  # asked a second time
                patience = 0.0
            else:
                self._children.pop()


def end_tree(process: subprocess.Popen[bytes], patience_seconds: float) -> None:
    """Ask a process to end. When it does not, ask those that it has started, and kill what is left of them all."""
    if patience_seconds:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience_seconds)
    if process.poll() is None:
        left = descendants(process.pid)
        _signal(left, signal.SIGTERM)
        until = time.monotonic() + patience_seconds
        while any(map(_lives, left)) and time.monotonic() < until:
            time.sleep(LOOK_SECONDS)
        _signal(left | descendants(process.pid), signal.SIGKILL)
        process.kill()
    process.wait()


def descendants(pid: int) -> set[int]:
    """The processes that one has started, and those that they have."""
    of_parent: defaultdict[int, list[int]] = defaultdict(list)
    for child, parent in _parents():
        of_parent[parent].append(child)
    found: set[int] = set()
    todo = [pid]
    while todo:
        children = of_parent[todo.pop()]
        found.update(children)
        todo += children
    return found


def _parents() -> Iterator[tuple[int, int]]:
    """Each process that runs here, and its parent."""
    if not Path("/proc/self/stat").exists():  # macOS
        listed = subprocess.run(["/bin/ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True)
        for line in listed.stdout.splitlines():
            pid, parent = line.split()
            yield int(pid), int(parent)
        return
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):  # it has ended meanwhile
                # Behind the name, which may hold anything, brackets too: state, parent.
                yield int(entry.name), int((entry / "stat").read_text().rpartition(")")[2].split()[1])


def _signal(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""
