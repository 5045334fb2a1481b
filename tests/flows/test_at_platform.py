"""Turns at a platform, by a limit of the Prefect server."""

from __future__ import annotations

import threading
import time

import pytest
from prefect.client.orchestration import get_client

from blocks.folder import FolderSource
from flows import progress
from flows.at_platform import limit_name, make_limit
from flows.display import Lines
from tests.flows.harness import Exports, Platform


class Heard(Lines):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def say(self, exporter: str, level: int, text: str) -> None:
        self.texts.append(text)


def release_later(name: str, seconds: float) -> threading.Timer:
    def release() -> None:
        with get_client(sync_client=True) as client:
            client.release_concurrency_slots([name], slots=2, occupancy_seconds=1.0)

    timer = threading.Timer(seconds, release)
    timer.start()
    return timer


def test_a_run_waits_until_another_has_read(
    platform: Platform, exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the limit is full a run of a deployment fetches nothing, and says what it waits for; one in a terminal
    does not wait. The limit is made once, and stays as it was set.
    """
    with get_client(sync_client=True) as client:
        name = make_limit(client, platform.source)
        assert name == limit_name(platform.source)
        client.upsert_global_concurrency_limit_by_name(name, 2)
        make_limit(client, platform.source)
        client.increment_concurrency_slots([name], slots=2, mode="concurrency")
    exports.run(platform.source, "at-once", "workspace-1", media="none")

    heard, began = Heard(), time.monotonic()
    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", "one")
    timer = release_later(name, 8)
    with progress.listening(heard):
        exports.run(platform.source, "later", "workspace-2", media="none")
    timer.join()
    assert time.monotonic() - began > 8
    assert sum(name in text for text in heard.texts) == 1
    assert exports.delivered("later") == exports.delivered("at-once")


def test_files_are_nobody_s_platform() -> None:
    assert not limit_name(FolderSource(url="somewhere"))
