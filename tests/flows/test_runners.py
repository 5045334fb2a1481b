"""Which runner a text names, and what a cluster is told of a run."""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import SecretStr

from blocks.by_name import by_name, has_secrets
from blocks.idah import IdahSource
from blocks.sandbox.idah import DEMO_API_KEY
from blocks.target import Target
from blocks.workspace import Workspace
from exporters.errors import FatalError, RequestError
from flows import headway, runners
from flows.headway import Headway, kept_for_others, open_shared
from flows.planned import Plan
from flows.request import Request
from flows.results import FetchedMedia
from flows.runners import Runner, read_runner
from tests.flows.harness import Platform, Run


@pytest.mark.parametrize(
    ("text", "runner"),
    [
        ("threads", Runner("threads")),
        ("dask=4", Runner("dask", processes=4)),
        ("dask=tls://h:8786", Runner("dask", "tls://h:8786")),
        ("ray=ray://h:10001", Runner("ray", "ray://h:10001")),
    ],
)
def test_runners(text: str, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """One text says what runs, and where or in how many processes."""
    monkeypatch.setattr(runners, "find_spec", lambda _: True)
    with temporary_settings({PREFECT_API_URL: "http://h:4200/api"}):
        assert read_runner(text) == runner
    assert read_runner("ray").processes >= 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dsk", "There is no runner 'dsk'; did you mean 'dask'"),
        ("threads=8", "takes no value"),
        ("dask=0", "number of processes, or an address"),
        ("dask=ray://h:1", "begins with tcp:// or tls://, not 'ray://h:1'"),
        ("dask=", "not ''"),
    ],
)
def test_what_is_no_runner(text: str, said: str) -> None:
    """Is refused in a sentence that says what there is."""
    with pytest.raises(RequestError, match=said):
        read_runner(text)


def test_what_is_not_installed(outhaul: Run, monkeypatch: pytest.MonkeyPatch, platform: Platform) -> None:
    """The refusal names the extra, before the platform is asked for anything."""
    monkeypatch.setattr(runners, "find_spec", lambda name: importlib.util.find_spec(f"no_{name}"))
    status, _, said = outhaul("export", f"idah+{platform.source.url}", "--to", "out", "--runner", "ray=2")
    assert (status, said) == (
        2,
        "outhaul: The runner ray needs the package prefect-ray; install it with: pip install 'outhaul[ray]'.\n",
    )
    assert not platform.sandbox.requests


def test_workers_elsewhere_need_a_server() -> None:
    """They could not reach one that lives in this process, for as long as the run."""
    with (
        temporary_settings(restore_defaults={PREFECT_API_URL}),
        pytest.raises(RequestError, match=r"Workers at tcp://192\.0\.2\.1:8786 report to a Prefect server; start one"),
    ):
        read_runner("dask=tcp://192.0.2.1:8786")


def make_plan(headway: str) -> Plan:
    return Plan(
        request=Request(), name="n", source={}, datasets="", options={}, where={}, shards=(), headway=headway
    )  # fmt: skip


def test_what_is_done_is_kept_for_others(tmp_path: Path) -> None:
    """Whoever has the batch next finds what was made of its first shards; nothing of it stays when the run ends."""
    workspace = Workspace(url=str(tmp_path))
    made = [FetchedMedia(path=f"p{number}", sha256="0") for number in range(3)]
    task = "6f1c1f8e-0f3b-4d5c-9d0e-0d9b6a1f2c3d"
    with kept_for_others(workspace.open()) as name:
        store = open_shared(workspace, make_plan(name))
        first = Headway(name, UUID(task), store, FetchedMedia)
        for number, one in enumerate(made):
            first.check()
            first.note(number, one)
        assert list(Headway(name, UUID(task), store, FetchedMedia).done()) == made
        assert list(Headway(name, UUID(int=1), store, FetchedMedia).done()) == []
    assert not list((tmp_path / "incoming").iterdir())
    with pytest.raises(FatalError, match="was stopped"):
        first.check()


def test_a_workspace_that_is_not_shared(tmp_path: Path) -> None:
    """A worker that has another folder of the same name says so, rather than working there."""
    with (
        kept_for_others(Workspace(url=str(tmp_path / "here")).open()) as name,
        pytest.raises(FatalError, match="choose one that all workers reach"),
    ):
        open_shared(Workspace(url=str(tmp_path / "there")), make_plan(name))


def test_a_worker_of_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Does not work on a run whose files it may take for others."""
    workspace = Workspace(url=str(tmp_path))
    with kept_for_others(workspace.open()) as name:
        monkeypatch.setattr(headway, "version_of", lambda _: "9.9")
        with pytest.raises(FatalError, match=r"A worker has outhaul 9\.9, but the run .*; install the same"):
            open_shared(workspace, make_plan(name))


def test_blocks_by_name(prefect_api: None) -> None:
    """A saved block may go by its name as long as it is what was saved, with changes that are made to it there."""
    source = IdahSource(url="https://idah.example.org", api_key=SecretStr(DEMO_API_KEY))
    assert has_secrets(source)
    assert not has_secrets(source.model_copy(update={"api_key": SecretStr("")}))
    assert not has_secrets(Workspace(url="here"))
    assert has_secrets(Target(url="there", options={"password": "p"}))
    assert by_name(source, {}) is None
    source.save("by-name", overwrite=True)
    found: Any = by_name(source, {})
    assert found.identity() == source.identity()
    assert DEMO_API_KEY.encode() not in pickle.dumps(found)
    there: Any = pickle.loads(pickle.dumps(by_name(source, {"connections": 1})))
    assert (there.connections, there.api_key.get_secret_value()) == (1, DEMO_API_KEY)
    source.email = "changed@example.org"
    assert by_name(source, {}) is None
