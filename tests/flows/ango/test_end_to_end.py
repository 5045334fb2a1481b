"""`outhaul ango-plugin` and scripts with callbacks, as they are started, against a hub that calls them for real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blocks.sandbox.ango import DEMO_API_KEY, DEMO_PLUGIN_SECRET, AngoSandbox
from blocks.sandbox.faults import Fault
from tests.flows.ango.plugin import images, images_of, last_words, own_plugin, plugin, prefect_database, product
from tests.s3_server import free_ports

pytestmark = [pytest.mark.usefixtures("prefect_api"), pytest.mark.xdist_group("ango-plugin")]

SAMPLE = """
import json
import os
from io import BytesIO

from flows.ango import ExportPlugin, ExportResponse, run


def sample_callback(data):
    logger = data.get("logger")
    logger.info("Plugin session is starting for %s!", data.get("projectId"))
    config = json.loads(data.get("configJSON"))
    file_list = []
    for image in data.get("jsonExport"):
        file_list.append({"name": image["externalId"], "asset": image["asset"], "tools": image["task"]["tools"]})
    if config.get("fails"):
        raise ValueError("no such bucket")
    content = json.dumps({"count": data["numTasks"], "files": file_list}).encode()
    return ExportResponse(file=BytesIO(content), file_name="my & export.json")


if __name__ == "__main__":
    plugin = ExportPlugin(id=os.environ["PLUGIN_ID"], secret=os.environ["PLUGIN_SECRET"],
                          callback=sample_callback, host=os.environ["HOST"])
    run(plugin, host=os.environ["HOST"])
"""


@pytest.fixture
def sandbox() -> Iterator[AngoSandbox]:
    sandbox = AngoSandbox(tasks=12, video_tasks=0, document_tasks=0)
    with sandbox.serve():
        yield sandbox


def test_runs_of_one_project_at_once(sandbox: AngoSandbox, tmp_path: Path) -> None:
    """Each of five holds its own rows, passing faults of every call are got over, the key is nowhere afterwards."""
    for pattern, kind in (("/v2/export", "status"), ("/exports/.*zip", "truncate"), ("getUploadUrl", "status")):
        sandbox.faults.append(Fault(pattern, 503, kind=kind))  # type: ignore[arg-type]
    sandbox.faults.extend([Fault("PUT /media/", 500), Fault("getSignedUrl", 500)])
    hub, project = sandbox.hub, sandbox.project()
    notes = "clips & notes"
    filters: list[tuple[list[str] | None, list[str] | None]] = [
        (None, None), ([], None), (["Review A"], None), ([], [notes]), (["Review A", "Complete"], None),
    ]  # fmt: skip
    truth = [
        images_of(sandbox, ("Complete",)),
        images_of(sandbox, None),
        images_of(sandbox, ("Review A",)),
        images_of(sandbox, None, (notes,)),
        images_of(sandbox, ("Review A", "Complete")),
    ]
    with plugin(sandbox, tmp_path):
        hub.wait_green(120)
        config = json.dumps({"media": "none"})
        asked = [hub.run(project.id, config, stage=stage, batches=batches) for stage, batches in filters]
        wrong = hub.run(project.id, json.dumps({"nonsense": 1}))
        sessions = [hub.wait(session, 240) for session in asked]
        refused = hub.wait(wrong, 240)
    assert [len(images(session)) for session in sessions] == truth
    assert len({*truth}) == 5
    assert "There is no option 'nonsense' in the format coco" in last_words(refused)
    assert all(len(session.responses) == 1 for session in hub.sessions.values())
    assert any("of" in line["msg"] and "entries" in line["msg"] for line in sessions[0].logs)
    assert DEMO_API_KEY not in prefect_database()
    kept = [path.read_bytes() for path in (tmp_path / "workspace").rglob("*") if path.is_file()]
    assert not any(DEMO_API_KEY.encode() in data for data in kept)
    beats = [later[0] - earlier[0] for earlier, later in zip(hub.heartbeats, hub.heartbeats[1:], strict=False)]
    assert max(beats, default=0) < 60


def test_a_killed_service_finishes_what_it_had_accepted(sandbox: AngoSandbox, tmp_path: Path) -> None:
    """After SIGKILL while a run uploads, the next one answers it, once, and tells whom it should; a fence is named."""
    hub = sandbox.hub
    with plugin(sandbox, tmp_path) as process:
        hub.wait_green(120)
        fault = Fault("getUploadUrl", kind="stall", times=None)
        sandbox.faults.append(fault)
        session = hub.run(sandbox.project().id, '{"media": "none"}')
        hub.wait_for(lambda: bool(fault.hits), 120)
        process.send_signal(signal.SIGKILL)
        process.wait()
    sandbox.faults.clear()
    with plugin(sandbox, tmp_path, *own_plugin(sandbox), "--notify", "lead@example.org"):
        answered = hub.wait(session, 240)
        sandbox.is_fenced = True
        fenced = hub.wait(hub.run(sandbox.project().id), 240)
    assert len(answered.responses) == 1
    assert images(answered)
    assert [notice["receivers"] for notice in sandbox.handlers.notices] == [["lead@example.org"]]
    assert "does not let this address in (451)" in last_words(fenced)


def test_the_documented_sample_runs(sandbox: AngoSandbox, tmp_path: Path) -> None:
    """With its import changed and nothing else: rows as the hub sent them, logger, file; what it raises is told."""
    (tmp_path / "plugin.py").write_text(SAMPLE)
    hub, project = sandbox.hub, sandbox.project()
    with plugin(sandbox, tmp_path, sys.executable, "plugin.py"):
        hub.wait_green(120)
        good = hub.run(project.id, "{}", stage=[])
        bad = hub.run(project.id, '{"fails": true}')
        made, failed = hub.wait(good, 240), hub.wait(bad, 240)
    document = json.loads(product(made))
    assert document["count"] == len(document["files"]) == sum(1 for _ in sandbox.rows(stages=None))
    assert "X-Amz-Signature" in document["files"][0]["asset"]
    assert f"Plugin session is starting for {project.id}!" in [line["msg"] for line in made.logs]
    assert "The callback failed: ValueError: no such bucket (plugin.py, line " in last_words(failed)
    assert failed.responses == [{"error": True, "session": bad}]
    assert not list(Path("/tmp").glob(f"*{project.id}*"))


@pytest.mark.parametrize(
    ("host", "secret", "said"),
    [
        ("nonsense", "s", "The hub's address is not one"),
        ("https://me:pw@hub", "s", "The hub's address is not one"),
        (
            "https://hub",
            "",
            "which plug-in this is; set OUTHAUL_ANGO_PLUGIN_ID and OUTHAUL_ANGO_PLUGIN_SECRET",
        ),
    ],
)
def test_what_cannot_be_right_is_refused_at_once(tmp_path: Path, host: str, secret: str, said: str) -> None:
    """In a sentence, with exit status 2, before anything is connected."""
    environment = {"OUTHAUL_ANGO_PLUGIN_ID": "p", "OUTHAUL_ANGO_PLUGIN_SECRET": secret}
    outhaul = str(Path(sys.executable).with_name("outhaul"))
    done = subprocess.run(
        [outhaul, "ango-plugin", "--exporter", "coco", "--host", host],
        env={**os.environ, **environment, "OUTHAUL_WORKSPACE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, said in done.stderr, "pw" in done.stderr) == (2, True, False)


def test_by_rest(sandbox: AngoSandbox, tmp_path: Path) -> None:
    """The hub calls us, waits, and is told lines and answer over its REST interface, tried again until it takes it."""
    (tmp_path / "plugin.py").write_text(SAMPLE)
    (port,) = free_ports(1)
    hub = sandbox.hub
    hub.rest_url = f"http://127.0.0.1:{port}"
    with plugin(sandbox, tmp_path, sys.executable, "plugin.py", CONNECTOR="REST", PORT=str(port)):
        assert _heartbeat(hub.rest_url, DEMO_PLUGIN_SECRET) == (200, "ok")
        assert _heartbeat(hub.rest_url, "another")[0] == 401
        sandbox.faults.append(Fault("pluginResponse", 500, times=2))
        session = hub.wait(hub.run(sandbox.project().id), 240)
        hub.wait_for(lambda: session.rest_status is not None, 60)
    assert session.rest_status == 200
    assert len(session.responses) == 1
    assert json.loads(product(session))["files"]
    assert [line["msg"] for line in session.logs if "starting" in line["msg"]]


def _heartbeat(url: str, secret: str) -> tuple[int, Any]:
    request = urllib.request.Request(f"{url}/heartbeat", headers={"Secret": secret})
    for _ in range(600):
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, None
        except urllib.error.URLError:
            time.sleep(0.1)
    raise TimeoutError("the plug-in does not listen")
