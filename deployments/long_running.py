"""Prefect's command line in a process that may run for months: `python -m deployments.long_running worker start ...`.

Two things that would have it grow for as long as it runs are kept small.

- A worker asks the Prefect API through one client after the other, and each leaves its certificates, a megabyte outside
  of Python, in a cycle of references. Python looks through old objects only once a quarter of all are new, which in a
  process that mostly waits takes months: its memory would grow by 0.4 MB a run.
- A server lets SQLite hold 80 MB of the database for each connection, and opens up to fifteen.
"""

from __future__ import annotations

import gc
import runpy
import sqlite3
import sys
import threading

EVERY_SECONDS = 300.0
SQLITE_BYTES = 64_000_000
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


def _limit_sqlite() -> None:
    """For the whole process, whichever connection says it: https://www.sqlite.org/pragma.html#pragma_soft_heap_limit."""
    connection = sqlite3.connect(":memory:")
    connection.execute(f"PRAGMA soft_heap_limit = {SQLITE_BYTES}")
    connection.close()


if __name__ == "__main__":
    main()
