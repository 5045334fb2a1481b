"""Prefect's command line in a process that collects its garbage: `python -m deployments.collecting worker start ...`.

A worker asks the Prefect API through one client after the other, and each leaves its certificates, a megabyte outside
of Python, in a cycle of references. Python looks through old objects only once a quarter of all are new, which in a
process that mostly waits takes months: its memory would grow by 0.4 MB a run.
"""

from __future__ import annotations

import gc
import runpy
import sys
import threading

EVERY_SECONDS = 300.0


def main() -> None:
    threading.Thread(target=_collect, name="collecting", daemon=True).start()
    sys.argv[0] = "prefect"  # what it calls itself in its help
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


def _collect() -> None:
    waiting = threading.Event()
    while not waiting.wait(EVERY_SECONDS):
        gc.collect()


if __name__ == "__main__":
    main()
