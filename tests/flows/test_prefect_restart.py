"""A Prefect server that goes away in the middle, and comes back on the same database."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from blocks.sandbox.faults import Fault
from tests.flows.harness import Exports, Platform
from tests.flows.recovery import Job, running
from tests.prefect_server import serving_prefect
from tests.s3_server import free_ports

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        int(os.environ.get("OUTHAUL_TEST_KILLS", "0")) < 20,
        reason="two Prefect servers take a minute to start: ask for it with OUTHAUL_TEST_KILLS=20",
    ),
]


def test_a_server_that_is_restarted(platform: Platform, prefect_api: None, exports: Exports, tmp_path: Path) -> None:
    """A run during which the server is killed and started again ends by itself, or the next one goes on where it
    stood: the same bytes are delivered, and nothing is fetched twice.
    """
    exports.run(platform.source, "quiet", "quiet-workspace")
    platform.sandbox.requests.clear()
    (port,) = free_ports(1)
    job = Job(platform.source.url, str(tmp_path / "out"), str(tmp_path / "workspace"), f"http://127.0.0.1:{port}/api")
    platform.sandbox.faults.append(Fault(r"medias/files/", kind="slow", times=None, drip_bytes=1000, drip_seconds=0.1))
    with serving_prefect(tmp_path / "home", port) as first, running(job) as run:
        run.wait_for("media")
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        platform.sandbox.faults.clear()
        with serving_prefect(tmp_path / "home", port):
            word, _ = run.end()
            if word != "delivered":
                with running(replace(job)) as again:
                    word, what = again.end()
                assert word == "delivered", what
    assert exports.delivered("out") == exports.delivered("quiet")
    assert platform.sandbox.requests["media/medias/files"] == 24
