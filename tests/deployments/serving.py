"""`outhaul serve` as people start it: a process of its own, with a home and ports of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployments.children import descendants
from tests.s3_server import free_ports

OUTHAUL = str(Path(sys.executable).with_name("outhaul"))
STARTED = "Ctrl-C ends it."
START_SECONDS = 600
OFTEN = {
    "PREFECT_WORKER_QUERY_SECONDS": "1",
    "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",
    "PREFECT_SERVER_SERVICES_SCHEDULER_DEPLOYMENT_BATCH_SIZE": "100",
}
"""So that tests need not wait for what is looked at every now and then."""


def of_its_own(folder: Path, **more: str) -> dict[str, str]:
    """An environment that shares nothing with other tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return {**kept, **OFTEN, "PREFECT_HOME": str(folder / "home"), "OUTHAUL_WORKSPACE": str(folder / "work"), **more}


@dataclass
class Served:
    """A process that serves; `output` is what it has printed so far, from both streams."""

    process: subprocess.Popen[str]
    port: int
    webhooks_port: int
    output: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        return "".join(self.output)

    def read(self) -> None:
        assert self.process.stdout
        self.output.extend(iter(self.process.stdout.readline, ""))

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit status, once it has ended of this signal, with all that it had started."""
        started = descendants(self.process.pid)
        self.process.send_signal(number)
        status = self.process.wait(60)
        wait_for(lambda: not [pid for pid in started if Path(f"/proc/{pid}").exists()], 5)
        return status


@contextmanager
def serving(folder: Path, *arguments: str, **environment: str) -> Iterator[Served]:
    """From the line that says how to end it."""
    port, webhooks_port = free_ports(2)
    command = [OUTHAUL, "serve", "--port", str(port), "--webhooks-port", str(webhooks_port), *arguments]
    process = subprocess.Popen(
        command, env=of_its_own(folder, **environment), cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    served = Served(process, port, webhooks_port)
    reader = threading.Thread(target=served.read)
    reader.start()
    try:
        wait_for(lambda: STARTED in served.said or process.poll() is not None, START_SECONDS)
        assert process.poll() is None, served.said
        yield served
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(60)
        reader.join()
        assert process.stdout
        process.stdout.close()


def wait_for(condition: Callable[[], Any], seconds: float) -> Any:
    """What it comes to be."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until
        time.sleep(0.2)
    return found
