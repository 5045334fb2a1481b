"""Killed at any moment, the next run goes on where it stood, delivers the same bytes, and leaves nothing behind."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import fsspec
import pytest

from blocks.lease import leases
from blocks.sandbox.idah import IdahSandbox
from blocks.storage import Storage
from blocks.workspace import Workspace
from flows.verify import verify
from tests.flows.recovery import Interrupt, Job, running
from tests.s3_server import S3Server

KILLS = int(os.environ.get("OUTHAUL_TEST_KILLS", "6"))
"""More of them find more: 100 take some minutes."""
ENTRIES = int(os.environ.get("OUTHAUL_TEST_ENTRIES", "150"))
CONNECTIONS = 8
"""Files under way at once: the block's default."""

pytestmark = [pytest.mark.timeout(3600), pytest.mark.xdist_group("recovery")]


@dataclass
class Bench:
    """A platform, an export of it that nobody disturbed, and others in processes of their own, below `folder`."""

    sandbox: IdahSandbox
    url: str
    api: str
    folder: Path
    quiet: Path
    """Where the undisturbed export lies, with the workspace it was made in."""

    def job(self, to: str, workspace: str = "workspace", **parameters: Any) -> Job:
        return Job(
            source=self.url,
            target=to if "://" in to else str(self.folder / to),
            workspace=str(self.folder / workspace),
            prefect_api=self.api,
            environment={**_aws(), "TMPDIR": str(self.folder / "tmp")},
            parameters={"shard_entries": 40, **parameters},
        )

    def have_fetched(self) -> None:
        """Begin with a workspace in which all files are there."""
        shutil.copytree(self.quiet / "workspace", self.folder / "workspace")

    def run(self, job: Job, step: str = "begun") -> float:
        """Run it undisturbed; returns the seconds it took from this step on."""
        with running(job) as run:
            run.wait_for(step)
            begun = time.monotonic()
            word, what = run.end()
        assert word == "delivered", what
        return time.monotonic() - begun

    def kill(self, job: Job, kills: int, seed: int, durations: tuple[float, float]) -> None:
        """Kill it that often at random moments, then let it end.

        `durations` are those of a whole run, and of one that finds all files fetched: moments are spread over what is
        left of the export, so that half of the kills meet the fetching and half what comes behind it.
        """
        chance, (whole, rest), met = random.Random(seed), durations, 0
        while met < kills:
            longest = rest + 4 * (whole - rest) / kills if met < kills / 2 else rest
            with running(job) as run:
                was_met = run.kill_after(chance.uniform(0, longest))
            met += was_met
            if not was_met:  # it got through too early: what it delivered has to be delivered again
                shutil.rmtree(job.target)
        self.run(job)


@pytest.fixture(scope="module")
def platform(prefect_api: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    from prefect.settings import PREFECT_API_URL  # noqa: PLC0415 - of the API that was started for the tests

    quiet = tmp_path_factory.mktemp("quiet")
    (quiet / "tmp").mkdir()
    sandbox = IdahSandbox(entries=ENTRIES, seed=5, latency_seconds=0.02, media_bytes=150_000)
    with sandbox.serve() as url:
        yield Bench(sandbox, url, str(PREFECT_API_URL.value()), quiet, quiet)


@pytest.fixture(scope="module")
def durations(platform: Bench) -> tuple[float, float]:
    """Seconds of a whole undisturbed run, and of one that finds all files fetched."""
    whole = platform.run(platform.job("out", package="directory"))
    return whole, platform.run(platform.job("again", package="directory"))


@pytest.fixture
def bench(platform: Bench, durations: tuple[float, float], tmp_path: Path) -> Bench:
    (tmp_path / "tmp").mkdir()
    platform.sandbox.requests.clear()
    return replace(platform, folder=tmp_path)


def _aws() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


def delivered(url: str) -> dict[str, bytes]:
    """Every file at a target, but for what names the run and the hour."""
    fs, top = fsspec.core.url_to_fs(url, **({"use_listings_cache": False} if "://" in url else {}))
    files = {path[len(top) :].lstrip("/"): fs.cat_file(path) for path in fs.find(top)}
    return {
        name: data for name, data in files.items() if name.rpartition("/")[2] not in ("receipt.json", "latest.json")
    }


def check_places(bench: Bench, job: Job) -> None:
    """Nothing torn, hidden or temporary is left, nobody is said to work there, and the export verifies."""
    names = [path.rpartition("/")[2] for path in Storage(job.target).files()]
    assert [name for name in names if name.startswith(".")] == []
    store = Workspace(url=job.workspace).open()
    assert [path for path in store.storage.files() if path.startswith(("incoming/", "running/"))] == []
    assert leases(store) == []
    assert [path.name for path in (bench.folder / "tmp").iterdir()] == []
    (name,) = {path.partition("/")[0] for path in Storage(job.target).files()}
    assert verify(Storage(f"{job.target}/{name}")).problems == ()


def test_killed_again_and_again(bench: Bench, durations: tuple[float, float]) -> None:
    """However often and whenever it is killed, one export is delivered, the same as an undisturbed one's to the last
    byte; no file is fetched twice but those under way; neither target, workspace nor temporary folder keeps remains.
    """
    job = bench.job("out", package="directory")
    bench.kill(job, KILLS, 7, durations)

    assert delivered(job.target) == delivered(str(bench.quiet / "out"))
    assert ENTRIES <= bench.sandbox.requests["media/medias/files"] <= ENTRIES + KILLS * CONNECTIONS
    check_places(bench, job)


# S3


def uploads(s3: str) -> list[str]:
    """What is open there, in the store's own words."""
    storage = Storage(s3)
    page = storage.fs.call_s3("list_multipart_uploads", Bucket=storage.root.partition("/")[0])
    prefix = storage.root.partition("/")[2]
    return [one["Key"] for one in page.get("Uploads", ()) if one["Key"].startswith(f"{prefix}/")]


def test_killed_while_it_uploads(bench: Bench, s3: str) -> None:
    """Killed at random moments of the delivery, the next one aborts what is left open, and delivers the same bytes."""
    bench.have_fetched()
    quiet = bench.job(f"{s3}/quiet")
    duration = bench.run(quiet, "deliver")
    job, left = replace(quiet, target=f"{s3}/out"), 0
    chance = random.Random(7)
    for _ in range(max(KILLS // 2, 1)):
        with running(job) as run:
            run.kill_after(chance.uniform(0, duration), "deliver")
        left += len(uploads(job.target))
    bench.run(job)

    assert delivered(job.target) == delivered(quiet.target)
    assert uploads(job.target) == []
    check_places(bench, job)


@pytest.mark.parametrize(
    ("number", "package"),
    [(signal.SIGINT, "zip"), (signal.SIGTERM, "zip"), (signal.SIGINT, "directory")],
    ids=["ctrl-c", "cancelled", "ctrl-c in a directory"],
)
def test_interrupted_while_it_uploads(bench: Bench, s3: str, number: int, package: str) -> None:
    """Ctrl-C, and the signal by which a worker cancels a run, abort the upload and give the workspace back."""
    bench.have_fetched()
    job = bench.job(f"{s3}/out", package=package)
    with running(job, Interrupt(number, after_bytes=17 << 20)) as run:
        word, _ = run.end()
    assert (word, run.process.exitcode) in (("interrupted", 0), ("deliver", -signal.SIGTERM))
    assert uploads(job.target) == []
    assert "receipt.json" not in {name.rpartition("/")[2] for name in Storage(job.target).files()}
    assert list((bench.folder / "workspace" / "running").iterdir()) == []
    assert list((bench.folder / "workspace" / "incoming").iterdir()) == []

    bench.run(job)
    assert bench.sandbox.requests["media/medias/files"] == 0
    check_places(bench, job)


# Of a directory each of 32 connections has its share: the one that has most has more than this.
@pytest.mark.parametrize(("package", "after_bytes"), [("zip", 6 << 20), ("directory", 1 << 18)])
def test_interrupted_while_the_store_says_nothing(
    bench: Bench, s3: str, s3_server: S3Server, package: str, after_bytes: int
) -> None:
    """Ctrl-C need not wait for a store that has stopped taking what is sent; an upload in parts is aborted."""
    with stuck_proxy(s3_server.endpoint_url, after_bytes) as (endpoint, is_stuck):
        bench.have_fetched()
        job = bench.job(f"{s3}/out", package=package)
        slow = replace(job, environment={**job.environment, "AWS_ENDPOINT_URL": endpoint})
        with running(slow) as run:
            run.wait_for("deliver")
            assert is_stuck.wait(60)
            assert run.process.pid
            os.kill(run.process.pid, signal.SIGINT)
            run.process.join(20)
            assert run.process.exitcode == 0
    assert uploads(job.target) == []
    bench.run(job)
    check_places(bench, job)


@contextmanager
def stuck_proxy(endpoint: str, after_bytes: int) -> Iterator[tuple[str, threading.Event]]:
    """A way to a server on which a connection stands still after so many bytes from the client."""
    host, _, port = endpoint.rpartition("/")[2].partition(":")
    is_stuck, ended = threading.Event(), threading.Event()

    def forward(come: socket.socket, go: socket.socket, allowed: float) -> None:
        with suppress(OSError):
            while data := come.recv(1 << 16):
                allowed -= len(data)
                if allowed < 0:
                    is_stuck.set()
                    ended.wait()
                    break
                go.sendall(data)
            go.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((host, int(port)))
                opened.extend((client, server))
                threading.Thread(target=forward, args=(client, server, after_bytes), daemon=True).start()
                threading.Thread(target=forward, args=(server, client, float("inf")), daemon=True).start()

    opened: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", is_stuck
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            for one in opened:
                one.close()
