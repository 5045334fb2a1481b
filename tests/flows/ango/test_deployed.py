"""`outhaul ango-plugin --deployment`: runs of a deployment, carried out by a worker, answered by the plug-in."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks.ango import AngoSource
from blocks.sandbox.ango import DEMO_API_KEY, AngoSandbox
from tests.flows.ango.plugin import images, images_of, last_words, own_plugin, plugin, prefect_database
from tests.flows.worker import worker

pytestmark = [
    pytest.mark.usefixtures("prefect_api"),
    pytest.mark.xdist_group("ango-plugin"),
    pytest.mark.timeout(600),
]


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
