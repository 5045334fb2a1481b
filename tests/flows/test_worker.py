"""Runs of a deployment that a worker carries out: cancelled and retried, as people do, or for the Ango plug-in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.deployments import run_deployment
from prefect.states import Cancelling
from pydantic import SecretStr

from blocks.ango import AngoSource
from blocks.catalog import AnyTarget
from blocks.http_target import HttpTarget
from blocks.sandbox.ango import DEMO_API_KEY as ANGO_API_KEY
from blocks.sandbox.ango import AngoSandbox
from blocks.sandbox.faults import Fault
from blocks.target import Target
from tests.fakes.receiver import receiving
from tests.flows.ango.plugin import images, images_of, last_words, own_plugin, plugin, prefect_database
from tests.flows.harness import Exports, Platform
from tests.flows.worker import prefect, worker

pytestmark = [pytest.mark.xdist_group("ango-plugin"), pytest.mark.timeout(600)]

FILES = "media/medias/files"


@pytest.fixture(scope="module")
def folder(prefect_api: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the worker works."""
    folder = tmp_path_factory.mktemp("worker")
    with worker(folder):
        yield folder


def start(platform: Platform, folder: Path, name: str, more: Sequence[AnyTarget] = (), **asked: Any) -> FlowRun:
    """As the UI does: with saved blocks, by their ids."""

    def saved(kind: str, block: Block) -> dict[str, Any]:
        return {"$ref": {"block_document_id": str(block.save(f"{kind}-{name}", overwrite=True))}}

    parameters = {
        "source": saved("source", platform.source),
        "target": saved("target", Target(url=str(folder / name))),
        "more_targets": [saved(f"more-{number}", one) for number, one in enumerate(more)],
        "exporter": "coco",
        "package": "directory",
    }
    run = run_deployment("export/on-demand", parameters={**parameters, **asked}, timeout=0, as_subflow=False)
    assert isinstance(run, FlowRun)
    return run


def wait_for(condition: Callable[[], Any]) -> None:
    until = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def ended(run_id: UUID) -> State[Any]:
    """What a run came to."""
    with get_client(sync_client=True) as client:

        def state() -> State[Any]:
            return client.read_flow_run(run_id).state or State(type="PENDING")

        wait_for(lambda: state().is_final())
        return state()


def test_a_cancelled_run(platform: Platform, folder: Path, exports: Exports) -> None:
    """It ends, without a receipt; the next one delivers what an undisturbed one does, and fetches no file twice but
    those that were on their way.
    """
    exports.run(platform.source, "quiet", "quiet-workspace", package="directory")
    platform.sandbox.requests.clear()
    slow = Fault("medias/files/", kind="slow", after=12, times=None, drip_bytes=100, drip_seconds=0.5)
    platform.sandbox.faults.append(slow)
    run = start(platform, folder, "cancelled")
    wait_for(lambda: slow.hits)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, Cancelling())
    assert ended(run.id).name == "Cancelled"
    assert not list((folder / "cancelled").rglob("receipt.json"))
    under_way = slow.hits
    platform.sandbox.faults.clear()
    assert ended(start(platform, folder, "cancelled").id).name == "Completed"
    assert Exports(folder).delivered("cancelled") == exports.delivered("quiet")
    assert platform.sandbox.requests[FILES] <= 24 + under_way


def test_a_failed_run_is_retried(platform: Platform, folder: Path, exports: Exports) -> None:
    """By the button of the UI, once its cause is mended: it goes on where it stood."""
    exports.run(platform.source, "quiet", "quiet-workspace", package="directory")
    platform.sandbox.requests.clear()
    gone = Fault("medias/files/", status=404, after=20, times=None)
    platform.sandbox.faults.append(gone)
    run = start(platform, folder, "retried")
    assert "cannot be exported" in (ended(run.id).message or "")
    platform.sandbox.faults.clear()
    prefect("flow-run", "retry", str(run.id), folder=folder)
    wait_for(lambda: list((folder / "retried").rglob("receipt.json")))
    assert ended(run.id).name == "Completed"
    assert Exports(folder).delivered("retried") == exports.delivered("quiet")
    assert platform.sandbox.requests[FILES] <= 24 + gone.hits


@pytest.mark.parametrize(
    "asked", [{"target": {"url": "out", "block_type_slug": "outhaul-target"}}, {"workspace": {"url": "work"}}], ids=str
)
def test_places_that_would_go_with_the_run(platform: Platform, folder: Path, asked: Any) -> None:
    """A path that begins in the folder of the run is refused before anything is read: all there goes when it ends."""
    platform.sandbox.requests.clear()
    end = ended(start(platform, folder, "passing", **asked).id)
    assert end.name == "Failed"
    assert "give a whole one, such as /data/exports" in (end.message or "")
    assert not platform.sandbox.requests


def test_several_saved_targets(platform: Platform, folder: Path) -> None:
    """Saved blocks of either kind in the list of further targets are what they were saved as, secrets too."""
    with receiving() as receiver:
        api = HttpTarget(url=f"{receiver.url}/{{entry}}", auth="bearer", secret=SecretStr("c4n4ry"))
        more = [Target(url=str(folder / "second")), api]
        run = start(platform, folder, "first", more, exporter="jsonl", media="none")
        state = ended(run.id)
        assert state.name == "Completed", state.message
        assert {headers["Authorization"] for _, headers in receiver.asked} == {"Bearer c4n4ry"}
        assert len(receiver.taken) == 24
    assert all(list((folder / to).rglob("receipt.json")) for to in ("first", "second"))
    with get_client(sync_client=True) as client:
        assert "c4n4ry" not in str(client.read_flow_run(run.id).parameters)


def test_runs_of_the_ango_plugin(folder: Path, tmp_path: Path) -> None:
    """Of `--deployment`: two end with their own zips, a wrong one with the reason; the user's key is nowhere, and no
    run twice.
    """
    sandbox = AngoSandbox(tasks=12, video_tasks=0, document_tasks=0)
    with sandbox.serve():
        AngoSource(url=sandbox.links.base, api_key=SecretStr(ANGO_API_KEY)).save("hub", overwrite=True)
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
        assert ANGO_API_KEY not in prefect_database()
