"""What all tests share: a home of their own for Prefect, a real S3 server, sandbox platforms over real HTTP.

Nothing here is automatic but the environment: a test that asks for no server waits for none.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

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


@dataclass(frozen=True)
class S3Server:
    endpoint_url: str
    access_key_id: str = "testkey"
    secret_access_key: str = "testsecret"
    bucket: str = "test"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
        }


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """SeaweedFS, from a wheel: a real S3 server on this machine."""
    folder = Path(tempfile.mkdtemp(prefix="weed-", dir=_HOME))
    ports = dict(zip(("s3", "master", "volume", "filer", "admin"), free_ports(5), strict=True))
    server = S3Server(f"http://127.0.0.1:{ports['s3']}")
    command = [
        *(str(Path(sys.executable).with_name("weed")), "mini", f"-dir={folder}", f"-bucket={server.bucket}"),
        *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", "-webdav=false", "-admin.ui=false"),
        *("-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.localSocket={folder}/s3.sock"),
        *(f"-filer.localSocket={folder}/filer.sock", *(f"-{name}.port={port}" for name, port in ports.items())),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **server.environment}, stdout=log, stderr=log)
    try:
        _wait_until_it_stores(server, folder / "log")
        yield server
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a fresh folder in the S3 server's bucket, credentials in the environment."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{s3_server.bucket}/{os.urandom(6).hex()}"


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


def free_ports(count: int) -> list[int]:
    """Ports that are free now, and whose neighbours 10,000 above (where SeaweedFS speaks gRPC) are too."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as low, socket.socket() as high:
            low.bind(("127.0.0.1", 0))
            port = low.getsockname()[1]
            try:
                high.bind(("127.0.0.1", port + 10_000 if port < 55_000 else port - 10_000))
            except OSError:
                continue
        if port < 55_000 and port not in found:
            found.append(port)
    return found


def _wait_until_it_stores(server: S3Server, log: Path) -> None:
    import s3fs  # noqa: PLC0415

    store = s3fs.S3FileSystem(
        key=server.access_key_id, secret=server.secret_access_key, endpoint_url=server.endpoint_url,
        client_kwargs={"region_name": "us-east-1"}, skip_instance_cache=True,
    )  # fmt: skip
    for _ in range(150):
        try:
            store.pipe_file(f"{server.bucket}/.ready", b"ready")
        except Exception:  # noqa: BLE001 - whatever it is, it is not ready
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"The S3 server did not start:\n{log.read_text()[-2000:]}")
