"""An export over several processes by Dask: the same bytes, and a worker that is lost costs the shard it was at."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cloudpickle
import dask
import distributed
import pytest
from pydantic import SecretStr

from blocks.idah import IdahSource
from blocks.sandbox.idah import DEMO_API_KEY, IdahSandbox
from blocks.target import Target
from blocks.workspace import Workspace
from exporters.errors import FatalError, RequestError
from flows import batches, progress, spread
from flows.delivered import Summary
from flows.export import export
from flows.progress_shown import Steps
from tests.flows.harness import Exports, Platform, newest_tasks
from tests.s3_server import S3Server, free_ports

pytestmark = pytest.mark.xdist_group("spread")

ENTRIES, SHARD = 40, 5
GUIDE = Path(__file__).parents[2] / "deployments" / "scaling.md"
FILES = "media/medias/files"
TARGET_SECRET = "of-the-target-alone"
PARAMETERS: dict[str, Any] = {"exporter": "coco", "package": "directory", "shard_entries": SHARD, "report": False}


@pytest.fixture(scope="module")
def scheduler(prefect_api: None) -> Iterator[str]:
    """The address of a cluster that was started as the guide says: a scheduler, and two workers that are processes."""
    (port,) = free_ports(1)
    commands = re.findall(r"^\$ (dask .*) &$", GUIDE.read_text(), re.MULTILINE)
    assert [command.split()[1] for command in commands] == ["scheduler", "worker"]
    with ExitStack() as stack:
        for command in commands:
            started = [str(Path(sys.executable).with_name("dask")), *command.replace("8786", str(port)).split()[1:]]
            more = ["--dashboard-address", "127.0.0.1:0"]  # others run here that may have the usual one
            process = subprocess.Popen([*started, *more], stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        yield f"tcp://127.0.0.1:{port}"


@pytest.fixture
def workers(scheduler: str) -> str:
    """The runner that has these workers, once they are there."""
    with distributed.Client(scheduler, set_as_default=False) as client:
        client.wait_for_workers(2)
    return f"dask={scheduler}"


@pytest.fixture
def many() -> Iterator[Platform]:
    """A platform of some ten shards, which lets us have two connections."""
    sandbox = IdahSandbox(entries=ENTRIES, seed=5)
    with sandbox.serve() as url:
        yield Platform(sandbox, IdahSource(url=url, api_key=SecretStr(DEMO_API_KEY), connections=2))


@pytest.fixture
def quiet(exports: Exports, many: Platform) -> Counter[str]:
    """What threads deliver lies in `quiet`; what they asked the platform for."""
    exports.run(many.source, to="quiet", workspace="quiet-workspace", **PARAMETERS)
    asked = Counter(many.sandbox.requests)
    many.sandbox.requests.clear()
    many.sandbox.peaks.clear()
    return asked


def test_the_same_bytes(exports: Exports, many: Platform, quiet: Counter[str], workers: str) -> None:
    """Two processes deliver what threads do, and ask for as much, over no more connections between them."""
    steps = Steps(takes_media=True)
    with progress.listening(steps):
        summary = exports.run(many.source, runner=workers, **PARAMETERS)
    assert exports.delivered() == exports.delivered("quiet")
    logins = "iam/auth/api/login"
    assert {**many.sandbox.requests, logins: 0} == {**quiet, logins: 0}
    assert max(many.sandbox.peaks.values()) <= many.source.connections
    assert [line.partition(":")[0] for line in steps.lines(0) if line.endswith("done")] == list(steps._steps)
    assert not list((exports.folder / "workspace" / "incoming").iterdir())
    shards = len(summary.plan.shards)
    tasks = newest_tasks(3 * shards + 6)
    assert {task.state_name for task in tasks} == {"Completed"}
    counted = Counter(task.name.partition(" ")[0] for task in tasks)
    assert counted["fetch"] == counted["media"] == counted["transform"] == shards


def test_a_lost_worker_costs_its_shard(
    exports: Exports,
    many: Platform,
    quiet: Counter[str],
    scheduler: str,
    workers: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed amid the media of a batch of five shards, with all that it held: at most one shard is asked for again."""
    monkeypatch.setattr(batches, "MOST_TASKS", 2)
    with distributed.Client(scheduler, set_as_default=False) as client:
        victim = min(client.run(os.getpid).values())
    many.sandbox.on_request(FILES, lambda _: os.kill(victim, signal.SIGKILL), nth=SHARD * 5)
    summary = exports.run(many.source, runner=workers, **PARAMETERS)
    assert not Path(f"/proc/{victim}").exists()
    assert exports.delivered() == exports.delivered("quiet")
    again = many.sandbox.requests - quiet
    assert again[FILES] <= max(shard.entries for shard in summary.plan.shards)
    assert again["dataset/annotations"] <= 1


def test_secrets_stay(
    exports: Exports,
    many: Platform,
    quiet: Counter[str],
    workers: str,
    s3_server: S3Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To another machine go names of saved blocks: no key of the platform, of a shared workspace, or of the target."""
    monkeypatch.setattr(spread, "LOCAL_HOSTS", ())
    sent: list[bytes] = []
    submit = distributed.Client.submit

    def watched(client: Any, function: Any, *inputs: Any, **named: Any) -> Any:
        plain = {name: value for name, value in named["parameters"].items() if name not in ("fetched", "files")}
        sent.append(cloudpickle.dumps((plain, named["context"])))
        return submit(client, function, *inputs, **named)

    monkeypatch.setattr(distributed.Client, "submit", watched)
    options = {
        "key": s3_server.access_key_id, "secret": s3_server.secret_access_key, "endpoint_url": s3_server.endpoint_url,
    }  # fmt: skip
    workspace = Workspace(url=f"s3://{s3_server.bucket}/{exports.folder.name}", options=options)
    target = Target(url=str(exports.folder / "out"), options={"unused": TARGET_SECRET})

    def run() -> Summary:
        return export(source=many.source, target=target, workspace=workspace, runner=workers, **PARAMETERS)

    with pytest.raises(RequestError, match=r"secrets of this idah .* in clear; save it"):
        run()
    many.source.save("spread", overwrite=True)
    with pytest.raises(RequestError, match="secrets of this outhaul-workspace"):
        run()
    assert not sent
    workspace.save("spread", overwrite=True)
    summary = run()
    assert exports.delivered() == exports.delivered("quiet")
    assert len(sent) == 3 * len(summary.plan.shards)
    for secret in (DEMO_API_KEY, s3_server.secret_access_key, TARGET_SECRET):
        assert not [one for one in sent if secret.encode() in one]


def test_a_cluster_that_is_not_there(exports: Exports, many: Platform) -> None:
    """Is told of in a sentence."""
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "0.2s"}),
        pytest.raises(FatalError, match=r"The dask cluster at tcp://127\.0\.0\.1:1 failed"),
    ):
        exports.run(many.source, runner="dask=tcp://127.0.0.1:1", **PARAMETERS)


@pytest.mark.skipif("OUTHAUL_TEST_RAY" not in os.environ, reason="outhaul[ray] is large; set OUTHAUL_TEST_RAY=1")
@pytest.mark.filterwarnings("default")  # raised amid Ray's own C code they end in a SystemError
def test_ray(exports: Exports, many: Platform, quiet: Counter[str]) -> None:
    """By Ray, in two processes: the same bytes, for as many requests."""
    exports.run(many.source, runner="ray=2", **PARAMETERS)
    assert exports.delivered() == exports.delivered("quiet")
    assert many.sandbox.requests[FILES] == quiet[FILES]
