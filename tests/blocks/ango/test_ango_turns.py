"""Turns at a project's export: among threads, among runs of Prefect, and when a run is stopped while it waits."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from prefect import flow
from prefect.client.orchestration import get_client

from blocks import stopping
from blocks.ango import turns
from exporters.errors import FatalError

URL, PROJECT = "https://ango.example.org:8443", "65"


def test_threads_take_turns() -> None:
    """Two threads never hold the turn of one project at once; other projects are free."""
    inside: list[int] = []
    most: list[int] = []

    def hold(number: int) -> None:
        with turns.turn(URL, PROJECT), turns.turn(URL, f"other {number}"):
            inside.append(number)
            most.append(len(inside))
            inside.remove(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hold, range(40)))
    assert max(most) == 1


def test_stopping_ends_a_wait() -> None:
    """A run that is stopped while it waits for its turn ends, and the turn is free for others."""

    def wait() -> None:
        with stopping.on_interrupt():
            stop = stopping._run.get()
            assert isinstance(stop, threading.Event)
            stop.set()
            with turns.turn(URL, PROJECT):
                raise AssertionError

    with turns.turn(URL, PROJECT), pytest.raises(FatalError, match="stopped"):
        wait()
    with turns.turn(URL, PROJECT):
        pass


def test_runs_of_prefect_take_turns(prefect_api: None) -> None:
    """Inside a run, turns are kept by the Prefect server, under a limit of one that is made when it is needed."""
    name = turns.limit_name(f"{URL}/", PROJECT)
    assert name == "outhaul-ango-ango.example.org-8443-65"
    seen: list[tuple[int, int]] = []

    @flow
    def held() -> None:
        with turns.turn(URL, PROJECT), get_client(sync_client=True) as client:
            limit = client.read_global_concurrency_limit_by_name(name)
            seen.append((limit.limit, limit.active_slots))

    held()
    held()
    assert seen == [(1, 1), (1, 1)]
    with get_client(sync_client=True) as client:
        assert client.read_global_concurrency_limit_by_name(name).active_slots == 0
