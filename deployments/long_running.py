"""Prefect's command line in a process that may run for months: `python -m deployments.long_running worker start ...`.

What would have it grow for as long as it runs is kept small.

- A worker asks the Prefect API through one client after the other, and each leaves its certificates, a megabyte outside
  of Python, in a cycle of references. Python looks through old objects only once a quarter of all are new, which in a
  process that mostly waits takes months: its memory would grow by 0.4 MB a run.
- A server lets SQLite hold 80 MB of the database for each connection, and opens up to fifteen.
- What many threads ask for and give back leaves holes, and the system gets none of it before it is told to.
"""

from __future__ import annotations

import ctypes
import gc
import runpy
import sqlite3
import sys
import threading

EVERY_SECONDS = 300.0
SQLITE_BYTES = 24_000_000
"""What SQLite holds of its databases in all. At the limit it gives up its oldest pages instead of asking for more."""


def main() -> None:
    threading.Thread(target=_collect, name="collecting", daemon=True).start()
    _limit_sqlite()
    sys.argv[0] = "prefect"  # what it calls itself in its help
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


def _collect() -> None:
    waiting = threading.Event()
    while not waiting.wait(EVERY_SECONDS):
        gc.collect()
        _give_back()


def _give_back() -> None:
    """Free memory to the system, where its C library can (that of most Linux systems)."""
    if trim := getattr(ctypes.CDLL(None) if sys.platform == "linux" else None, "malloc_trim", None):
        trim(0)


def _limit_sqlite() -> None:
    """For the whole process, whichever connection says it: https://www.sqlite.org/pragma.html#pragma_soft_heap_limit."""
    connection = sqlite3.connect(":memory:")
    connection.execute(f"PRAGMA soft_heap_limit = {SQLITE_BYTES}")
    connection.close()


if __name__ == "__main__":
    main()
