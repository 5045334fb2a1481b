"""What is looked at again and again: processes, temporary files, the workspace, the database; from /proc and the disk.

A sample is flat: names such as `worker.rss_mb`, and numbers.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from deployments.children import descendants
from tests.soak.house import House
from tests.soak.jobs import JOBS, KEEP

Sample = dict[str, float]
TICK = os.sysconf("SC_CLK_TCK")
DATABASE = "prefect.db"


def command_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return ""


def weigh(pids: Iterable[int]) -> tuple[float, int, int]:
    """Megabytes of memory, threads and open file descriptors of some processes together."""
    kilobytes = threads = files = 0
    for pid in pids:
        with suppress(OSError, ValueError):
            said = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            kilobytes += int(said.get("VmRSS", "0").split()[0])
            threads += int(said["Threads"])
            files += len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - names are enough
    return kilobytes / 1000, threads, files


def cpu_seconds(pid: int) -> float:
    """Of a process and all that came from it, also those that have ended."""
    ticks = 0
    for one in {pid, *descendants(pid)}:
        with suppress(OSError):
            words = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, words[11:15]))  # its own, and of those it has waited for
    return ticks / TICK


def disk(*folders: Path, but: Path | None = None) -> tuple[int, float]:
    """How many files lie below some folders, and their megabytes."""
    files, size = 0, 0
    for folder in folders:
        for parent, names, found in os.walk(folder):
            names[:] = [name for name in names if Path(parent, name) != but]
            for name in found:
                with suppress(OSError):  # gone meanwhile
                    size += Path(parent, name).lstat().st_size
                    files += 1
    return files, size / 1e6


class Sampler:
    """Looks every `seconds`, and whenever it is asked to, and writes each sample down at once."""

    def __init__(self, house: House, samples: IO[str], seconds: float) -> None:
        self._house, self._samples, self._seconds = house, samples, seconds
        self._lock, self._over = threading.Lock(), threading.Event()
        self._began = time.monotonic()
        self._outcomes: Counter[str] = Counter()
        self._kept: Counter[str] = Counter()
        self.is_busy = False

    def count(self, job: str, outcome: str) -> None:
        """A run is over."""
        self._outcomes[outcome] += 1
        self._kept[job] += outcome == "Completed"

    @property
    def _is_full(self) -> bool:
        """Whether each job has delivered often enough for its older exports to be removed."""
        return all(self._kept[job.name] > KEEP for job in JOBS)

    @contextmanager
    def sampling(self) -> Iterator[None]:
        def work() -> None:
            while not self._over.wait(self._seconds):
                self.look()

        thread = threading.Thread(target=work, name="sampler")
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def look(self, *, swept: bool = False) -> Sample:
        """`swept`: the workspace was, right before."""
        house = self._house
        with self._lock:
            sample: Sample = {
                "at": round(time.monotonic() - self._began, 1), "busy": self.is_busy, "swept": swept,
                "full": self._is_full, "runs": self._outcomes.total(), "cpu_seconds": cpu_seconds(os.getpid()),
            }  # fmt: skip
            for name, pids in self._groups().items():
                memory, threads, files = weigh(pids)
                sample |= {f"{name}.rss_mb": memory, f"{name}.threads": threads, f"{name}.fds": files}
            logs, database = house.workspace / "serve", list(house.home.glob(f"{DATABASE}*"))
            for name, (files, size) in {
                "temporary": disk(house.temporary),
                "workspace": disk(house.workspace, but=logs),
                "logs": disk(logs),
                "home": disk(house.home),
                "target": disk(house.folder / "out"),
            }.items():
                sample |= {f"{name}.files": files, f"{name}.mb": size}
            sample["database.mb"] = sum(path.stat().st_size for path in database) / 1e6
            sample |= {f"ended.{outcome}": count for outcome, count in self._outcomes.items()}
            self._samples.write(json.dumps(sample) + "\n")
            self._samples.flush()
        return sample

    def _groups(self) -> dict[str, list[int]]:
        """The processes that live as long as the soak, by what they are, and those of runs."""
        house, serve = self._house, self._house.served.process.pid
        groups: dict[str, list[int]] = {"serve": [serve], "server": [], "worker": [], "runs": []}
        for pid in descendants(serve):
            command = command_of(pid)
            if " server start " in command:
                groups["server"] = [pid, *descendants(pid)]
            elif " worker start " in command:
                groups["worker"] = [pid]
                groups["runs"] = [*descendants(pid)]
        groups["platform"] = [house.far.pid]
        groups["store"] = [pid for pid in descendants(os.getpid()) if command_of(pid).startswith(house.weed)]
        return groups
