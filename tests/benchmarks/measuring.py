"""What a whole process costs, its children included."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def measured(command: list[str], environment: dict[str, str]) -> dict[str, float]:
    """Wall seconds, CPU seconds and peak megabytes of a whole process with its children."""
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
            lines = status.read_text().splitlines()
            peak = max([peak, *(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM"))])
        except (OSError, ValueError):
            break
        time.sleep(0.05)
    process.wait()
    return peak
