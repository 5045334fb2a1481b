"""What a whole process costs, its children included."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def measured(command: list[str], environment: dict[str, str], most_megabytes: int = 0) -> dict[str, float]:
    """Wall seconds, CPU seconds and peak megabytes of a whole process with its children.

    With `most_megabytes` it gets no more memory than that: what it may write to, used or not.
    """
    if most_megabytes:  # a thread's stack counts in full; a megabyte does, of the usual eight
        command = ["sh", "-c", f'ulimit -s 1024; ulimit -d {most_megabytes << 10}; exec "$@"', "sh", *command]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=said)
        peak = _watch(process)
        said.seek(0)
        errors = said.read().decode()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        sys.exit(f"{' '.join(command[:3])} failed with status {process.returncode}:\n{errors}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": time.monotonic() - begun, "cpu_seconds": cpu, "peak_megabytes": peak}


def _watch(process: subprocess.Popen[bytes]) -> float:
    """Wait for a process; its own peak, without the Prefect server it starts as a child."""
    peak = 0.0
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        try:
            peak = max(peak, _peak(status))
        except (OSError, ValueError):
            break
        time.sleep(0.05)
    process.wait()
    return peak


def _peak(status: Path) -> float:
    """Of a process that still lives, in megabytes."""
    lines = status.read_text().splitlines()
    return max([0.0, *(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM"))])


class Tree:
    """A process and all that come from it, watched; `peaks` has the highest memory of each kind, in megabytes."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.peaks: dict[str, float] = {}

    @contextmanager
    def watched(self) -> Iterator[Tree]:
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.2):
                self._look()

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield self
        finally:
            over.set()
            thread.join()

    def _look(self) -> None:
        parents: dict[int, int] = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError, ValueError):
                parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        ours = {self._pid}
        while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
            ours |= more
        for pid in ours:
            with suppress(OSError, ValueError):
                peak = _peak(Path(f"/proc/{pid}/status"))
                label = self._label(pid)
                self.peaks[label] = max(peak, self.peaks.get(label, 0.0))

    def _label(self, pid: int) -> str:
        command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        if pid == self._pid:
            return "service"
        return "Prefect's server" if any("uvicorn" in word for word in command) else "run"
