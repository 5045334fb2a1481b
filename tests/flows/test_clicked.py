"""Exports set up by clicking alone: blocks made in the forms of the Prefect UI, and a run started from its form."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from blocks.sandbox.idah import DEMO_API_KEY
from blocks.storage import Storage
from flows.verify import verify
from tests.flows.browser import chromium, person
from tests.flows.harness import Platform, of_the_tests
from tests.flows.worker import PREFECT, worker
from tests.s3_server import free_ports

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
        with temporary_settings({PREFECT_API_URL: f"{url}/api"}):
            yield url
    finally:
        process.terminate()
        process.wait(60)


def test_a_run_from_blocks_that_were_clicked_together(platform: Platform, tmp_path: Path) -> None:
    """Somebody makes a platform and a target in the forms, picks both in the form of a run, and gets the export."""
    chromium()
    outhaul = str(Path(sys.executable).with_name("outhaul"))
    with prefect_server(tmp_path) as url, worker(tmp_path):
        environment = of_the_tests(tmp_path)
        subprocess.run([outhaul, "blocks", "register"], env=environment, check=True, capture_output=True)
        with person(url, tmp_path) as somebody:
            somebody.makes_block("IDAH", "production", {"URL": platform.source.url, "API key": DEMO_API_KEY})
            somebody.makes_block("Outhaul Target", "nightly", {"URL": str(tmp_path / "out")})
            somebody.runs("on-demand", {"IdahSource": "production", "Target": "nightly"}, {"name": "street"})
            ended = somebody.waits_for_the_end()
            somebody.page.get_by_role("tab", name="Artifacts").click()
            somebody.page.get_by_text("export-summary").first.wait_for()
            somebody.looks("ended")
            shown = somebody.page.content()
        checked = subprocess.run(
            [outhaul, "blocks", "check", "production", "nightly", "--json"],
            env=environment, check=True, capture_output=True,
        )  # fmt: skip
    assert ended == "Completed", (tmp_path / "worker.log").read_text()
    assert DEMO_API_KEY not in shown
    assert [one["works"] for one in json.loads(checked.stdout)["blocks"]] == [True, True]
    verdict = verify(Storage(str(tmp_path / "out" / "street")))
    assert (verdict.problems, verdict.files > 20) == ((), True)
