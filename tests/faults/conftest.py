"""What the cells of the fault matrix share: platforms, servers, a small disk."""

from __future__ import annotations

import multiprocessing.util
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from blocks import http
from blocks.sandbox.idah import IdahSandbox
from flows import download
from tests.fakes.receiver import receiving
from tests.fakes.s3_proxy import S3Proxy, proxying
from tests.faults.world import ENTRIES, HEAVY_BYTES, Served, World
from tests.s3_server import S3Server

DISK_BYTES = "16m"


@pytest.fixture(scope="session")
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, prefect_api: None
) -> Iterator[World]:
    with ExitStack() as stack:
        served = []
        for size in (0, HEAVY_BYTES):
            sandbox = IdahSandbox(entries=ENTRIES, seed=7, media_bytes=size)
            served.append(Served(sandbox, stack.enter_context(sandbox.serve())))

        @cache
        def s3_server() -> tuple[S3Server, S3Proxy]:
            server: S3Server = request.getfixturevalue("s3_server")
            return server, stack.enter_context(proxying(server.endpoint_url))

        @cache
        def mounted() -> Path:
            folder = tmp_path_factory.mktemp("disk")
            command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
            if subprocess.run(command, check=False, capture_output=True).returncode:
                pytest.skip("mounting a file system takes rights that these tests do not have here")
            stack.callback(subprocess.run, ["umount", str(folder)], check=True)
            return folder

        def disk() -> Path:
            for path in mounted().iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            return mounted()

        multiprocessing.util.get_temp_dir()  # where it is to stay, not in the folder of a cell
        receiver = stack.enter_context(receiving())
        yield World(*served, receiver, s3_server, disk)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries are the product's, their waits are not the tests'."""
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(http, "LONGEST_WAIT_SECONDS", 1.0)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.01)
    monkeypatch.setattr(http, "LONGEST_ANSWER_BYTES", 1 << 20)
    monkeypatch.setattr(download, "SURPLUS_BYTES", 1 << 20)
