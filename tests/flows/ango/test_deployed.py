"""`outhaul ango-plugin --deployment`: runs of a deployment, carried out by a worker, answered by the plug-in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks.ango import AngoSource
from blocks.sandbox.ango import DEMO_API_KEY, AngoSandbox
from tests.flows.ango.plugin import images, images_of, last_words, own_plugin, plugin, prefect_database

pytestmark = [
    pytest.mark.usefixtures("prefect_api"),
    pytest.mark.xdist_group("ango-plugin"),
    pytest.mark.timeout(600),
]

POOL = "outhaul"
DEPLOYMENTS = Path(__file__).parents[3] / "deployments" / "prefect.yaml"
PREFECT = str(Path(sys.executable).with_name("prefect"))


def prefect(*arguments: str, folder: Path) -> None:
    done = subprocess.run(
        [PREFECT, "--no-prompt", *arguments], env=environment(folder), cwd=folder, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def environment(folder: Path) -> dict[str, str]:
    from prefect.settings import PREFECT_API_URL  # noqa: PLC0415

    url = PREFECT_API_URL.value()
    return {**os.environ, "PREFECT_API_URL": url, "OUTHAUL_WORKSPACE": str(folder / "workspace")}


@contextmanager
def worker(folder: Path) -> Iterator[None]:
    """A pool with every deployment of the project, and who carries their runs out."""
    prefect("work-pool", "create", POOL, "--type", "process", "--overwrite", folder=folder)
    prefect("deploy", "--all", "--prefect-file", str(DEPLOYMENTS), folder=folder)
    command = [PREFECT, "worker", "start", "--pool", POOL]
    often = {**environment(folder), "PREFECT_WORKER_QUERY_SECONDS": "1"}
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(command, env=often, cwd=folder, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def test_a_worker_carries_runs_out(tmp_path: Path) -> None:
    """Two runs end with their own zips, a wrong one with the reason; the user's key is nowhere, and no run twice."""
    sandbox = AngoSandbox(tasks=12, video_tasks=0, document_tasks=0)
    with sandbox.serve(), worker(tmp_path):
        AngoSource(url=sandbox.links.base, api_key=SecretStr(DEMO_API_KEY)).save("hub", overwrite=True)
        hub, project = sandbox.hub, sandbox.project()
        command = (
            *own_plugin(sandbox),
            *("--deployment", "export/on-demand", "--source", "ango/hub", "--to", str(tmp_path / "out")),
        )
        with plugin(sandbox, tmp_path, *command):
            hub.wait_green(120)
            asked = [hub.run(project.id, '{"media": "none"}', stage=stage) for stage in (None, [])]
            wrong = hub.run(project.id, '{"classes": ["Car"]}')
            done = [hub.wait(session, 240) for session in asked]
            refused = hub.wait(wrong, 240)
        truth = [images_of(sandbox, stages) for stages in (("Complete",), None)]
        assert [len(images(session)) for session in done] == truth
        assert last_words(refused).startswith("There is no option 'classes' in the format coco")
        assert DEMO_API_KEY not in prefect_database()
