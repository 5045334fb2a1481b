"""A Prefect worker as a process of its own, that carries out runs of the project's deployments."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.flows.harness import of_the_tests

POOL = "outhaul"
DEPLOYMENTS = Path(__file__).parents[2] / "deployments" / "prefect.yaml"
PREFECT = str(Path(sys.executable).with_name("prefect"))


def prefect(*arguments: str, folder: Path) -> None:
    done = subprocess.run(
        [PREFECT, "--no-prompt", *arguments], env=of_the_tests(folder), cwd=folder, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


@contextmanager
def worker(folder: Path) -> Iterator[None]:
    """A pool with every deployment of the project, and who carries their runs out."""
    prefect("work-pool", "create", POOL, "--type", "process", "--overwrite", folder=folder)
    prefect("deploy", "--all", "--prefect-file", str(DEPLOYMENTS), folder=folder)
    command = [PREFECT, "worker", "start", "--pool", POOL]
    often = {**of_the_tests(folder), "PREFECT_WORKER_QUERY_SECONDS": "1"}
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(command, env=often, cwd=folder, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)
