"""Exports by clicking alone: blocks made in the forms of the Prefect UI, a run from its form, and its file fetched."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from pydantic import SecretStr

from blocks.documents import manifest_head
from blocks.s3_target import S3Target
from blocks.sandbox.faults import Fault
from blocks.sandbox.idah import DEMO_API_KEY
from flows.verify import verify
from tests.flows.browser import chromium, person
from tests.flows.harness import Platform, of_the_tests
from tests.flows.worker import PREFECT, worker
from tests.prefect_server import speaking_to
from tests.s3_server import S3Server, free_ports

pytestmark = pytest.mark.timeout(600)


@contextmanager
def prefect_server(folder: Path) -> Iterator[str]:
    """A Prefect server as people start it, with its UI; its address."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "PREFECT_HOME": str(folder / "home"), "PREFECT_UI_API_URL": f"{url}/api"}
    environment.pop("PREFECT_API_URL", None)
    command = [PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        for _ in range(1200):
            try:
                with urllib.request.urlopen(f"{url}/api/health"):
                    break
            except OSError:
                assert process.poll() is None, (folder / "server.log").read_text()
                time.sleep(0.1)
        with speaking_to(f"{url}/api"):
            yield url
    finally:
        process.terminate()
        process.wait(60)


def test_a_run_that_was_clicked_together(platform: Platform, s3_server: S3Server, tmp_path: Path) -> None:
    """Somebody makes a platform and a bucket in the forms, picks both in the form of a run with a format and an option
    of its own, sees how far it is, follows the link in its summary, and has the file.
    """
    chromium()
    outhaul = str(Path(sys.executable).with_name("outhaul"))
    bucket = S3Target(
        bucket=s3_server.bucket, folder=f"{os.urandom(6).hex()}/street", endpoint_url=s3_server.endpoint_url,
        access_key_id=s3_server.access_key_id, secret_access_key=SecretStr(s3_server.secret_access_key),
    )  # fmt: skip
    fields = {
        "Bucket": bucket.bucket, "Folder": bucket.folder.removesuffix("/street"), "Endpoint URL": bucket.endpoint_url,
        "Access key id": bucket.access_key_id, "Secret access key": s3_server.secret_access_key, "Link hours": "1",
    }  # fmt: skip
    slow = Fault("medias/files/", kind="slow", times=None, drip_bytes=400, drip_seconds=0.5)
    platform.sandbox.faults.append(slow)
    with prefect_server(tmp_path) as url, worker(tmp_path):
        environment = of_the_tests(tmp_path)
        subprocess.run([outhaul, "blocks", "register"], env=environment, check=True, capture_output=True)
        with person(url, tmp_path) as somebody:
            somebody.makes_block("IDAH", "production", {"URL": platform.source.url, "API key": DEMO_API_KEY})
            somebody.makes_block("Outhaul S3 Target", "nightly", fields)
            somebody.runs(
                "on-demand", blocks={"IDAH": "production", "S3": "nightly"}, tabs=["yolo_segment"],
                choices={"parts": "rows"}, fields={"Name": "street"},
            )  # fmt: skip
            somebody.sees_artifact("export-progress")
            platform.sandbox.faults.clear()
            ended = somebody.waits_for_the_end()
            named = somebody.page.get_by_text("idah/production → yolo_segment").count()
            somebody.sees_artifact("export-summary")
            shown = somebody.page.content()
            file, summary = somebody.downloads("export-summary") if ended == "Completed" else (tmp_path, "")
            data = file.read_bytes() if file.is_file() else b""
        checked = subprocess.run(
            [outhaul, "blocks", "check", "production", "nightly", "--json"],
            env=environment, check=True, capture_output=True,
        )  # fmt: skip
    assert ended == "Completed", (tmp_path / "worker.log").read_text()
    assert named
    assert not [secret for secret in (DEMO_API_KEY, s3_server.secret_access_key) if secret in shown + summary]
    assert [one["works"] for one in json.loads(checked.stdout)["blocks"]] == [True, True]
    verdict = verify(bucket.storage())
    assert verdict.problems == ()
    assert hashlib.sha256(data).hexdigest() in summary
    head = manifest_head(bucket.storage(), f"{verdict.export_id}/")
    assert (head["exporter"]["name"], head["exporter"]["options"]["parts"]) == ("yolo_segment", "rows")
    with ZipFile(BytesIO(data)) as package:
        assert package.testzip() is None
        assert len([name for name in package.namelist() if name.endswith(".txt")]) > 20
