"""What all tests share: a home of their own for Prefect, a real S3 server, sandbox platforms over real HTTP.

Nothing here is automatic but the environment: a test that asks for no server waits for none.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.s3_server import S3Server, serving_s3
from tests.servers import FileServer, serving

_HOME = tempfile.mkdtemp(prefix="outhaul-tests-")
os.environ.update(
    {
        # Read when Prefect is imported, so set before any test module is.
        "PREFECT_HOME": f"{_HOME}/prefect",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "DO_NOT_TRACK": "1",
        "OUTHAUL_WORKSPACE": f"{_HOME}/workspace",
    }
)
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background, where shells ignore Ctrl-C: what the tests start and interrupt would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionfinish() -> None:
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[None]:
    """A Prefect API of the tests' own. Takes ten seconds to start; only tests that run a flow ask for it."""
    from prefect.settings import (  # noqa: PLC0415 - pure tests do without
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        PREFECT_LOGGING_TO_API_ENABLED,
        temporary_settings,
    )
    from prefect.testing.utilities import prefect_test_harness  # noqa: PLC0415

    settings: dict[Any, Any] = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None, PREFECT_LOGGING_TO_API_ENABLED: False}
    with prefect_test_harness(server_startup_timeout=120), temporary_settings(settings):
        yield


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """SeaweedFS, from a wheel: a real S3 server on this machine."""
    with serving_s3(Path(tempfile.mkdtemp(prefix="weed-", dir=_HOME))) as server:
        yield server


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a fresh folder in the S3 server's bucket, credentials in the environment."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{s3_server.bucket}/{os.urandom(6).hex()}"


@pytest.fixture(scope="session")
def sftp_server() -> Iterator[FileServer]:
    with serving("sftp", Path(tempfile.mkdtemp(prefix="sftp-", dir=_HOME))) as server:
        yield server


@pytest.fixture(scope="session")
def webdav_server() -> Iterator[FileServer]:
    with serving("webdav", Path(tempfile.mkdtemp(prefix="webdav-", dir=_HOME))) as server:
        yield server


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    disk = tmp_path / "tiny"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("mounting a file system takes rights that these tests do not have here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)
