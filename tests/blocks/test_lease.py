"""Leases: of two at once one works; who is gone is replaced; who works alone is left alone. On disks and in buckets."""

from __future__ import annotations

import contextvars
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import fsspec
import msgspec
import pytest

from blocks import lease, stopping
from blocks.lease import Lease, exclusive, holding, leases
from blocks.store import Store
from blocks.workspace import Workspace
from exporters.errors import BusyError, FatalError
from exporters.temporary import this_process

_ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["local", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A fresh workspace in each kind of place."""
    name = os.urandom(6).hex()
    if request.param == "s3":
        yield Workspace(url=request.getfixturevalue("s3")).open()
    else:
        yield Workspace(url=str(tmp_path / name) if request.param == "local" else f"memory://{name}").open()
        if request.param == "memory":
            with suppress(FileNotFoundError):
                fsspec.filesystem("memory").rm(f"/{name}", recursive=True)


@pytest.fixture
def local(tmp_path: Path) -> Store:
    return Workspace(url=str(tmp_path / "workspace")).open()


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules are the product's, the seconds are not the tests'."""
    monkeypatch.setattr(lease, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.1)


def put(store: Store, **changes: Any) -> Lease:
    """A lease of a process that this one knows nothing of, on another machine."""
    facts: dict[str, Any] = {
        "key": "k", "token": "0123", "host": "elsewhere", "place": "0" * 12, "pid": 7, "began": 1,
        "since": "yesterday", "is_held": True,
    }  # fmt: skip
    one = Lease(**(facts | changes))
    store.storage.write(one.name, [msgspec.json.encode(one)])
    return one


@contextmanager
def beating(store: Store, one: Lease) -> Iterator[None]:
    """Its owner lives, and renews it."""
    ended = threading.Event()

    def beat() -> None:
        for number in range(1, 10_000):
            if ended.wait(0.05):
                return
            put(store, **(msgspec.structs.asdict(one) | {"beat": number}))

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_lease_is_there_while_it_is_held(store: Store) -> None:
    """Whoever looks sees who works, since when; afterwards nothing is left of it."""
    assert leases(store) == []
    with holding(store, "k"):
        (one,) = leases(store)
        assert (one.key, one.owner) == ("k", this_process())
        assert str(one).startswith(f"process {os.getpid()} on ")
        assert one.since.endswith(" UTC")
    assert leases(store) == []
    assert store.storage.files() == {}


def test_it_is_given_back_whatever_happens(local: Store) -> None:
    """Also when the run fails, or is interrupted."""
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), holding(local, "k"):
            raise error
    assert local.storage.files() == {}


def test_of_several_at_once_one_works(store: Store) -> None:
    """They come to it one after the other, each exactly once, and each that waits says so once."""
    inside: list[int] = []
    most: list[int] = []
    told: list[str] = []

    def work(number: int) -> None:
        with holding(store, "k", tell=told.append):
            inside.append(number)
            most.append(len(inside))
            time.sleep(0.15)
            inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]
    assert 1 <= len(told) <= 3
    assert told[0].startswith(f"Waiting for another run of this export, at work in process {os.getpid()} on ")


def test_two_that_begin_at_the_same_time_do_not_both_refuse(local: Store) -> None:
    """Of two that would rather refuse than wait, one works."""
    for _ in range(5):
        outcomes: list[str] = []
        start, end = threading.Barrier(2), threading.Event()

        def work(start: threading.Barrier, end: threading.Event, outcomes: list[str]) -> None:
            start.wait()
            try:
                with holding(local, "k", "refuse"):
                    outcomes.append("worked")
                    end.wait()
            except BusyError:
                outcomes.append("refused")
                end.set()

        threads = [threading.Thread(target=work, args=(start, end, outcomes)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["refused", "worked"]


def test_another_export_is_not_in_the_way(store: Store) -> None:
    """Only runs of one export wait for each other."""
    with holding(store, "a", "refuse"), holding(store, "b", "refuse"):
        assert [one.key for one in sorted(leases(store), key=lambda one: one.key)] == ["a", "b"]


def test_a_refusal_says_who_works_since_when(store: Store) -> None:
    """In one sentence, with what can be done; and the lease of who works is untouched."""
    with holding(store, "k"):
        with (
            pytest.raises(
                BusyError, match=rf"in use by another run of this export, process {os.getpid()} on .* since "
            ),
            holding(store, "k", "refuse"),
        ):
            pass
        assert len(leases(store)) == 1


_HOLD = """
import sys, time
from blocks.lease import holding
from blocks.workspace import Workspace
with holding(Workspace(url=sys.argv[1]).open(), "k"):
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def holder(url: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", _HOLD, url], stdout=subprocess.PIPE, text=True, cwd=_ROOT)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("store", ["local", "s3"], indirect=True)  # no other process sees into memory
def test_a_process_that_was_killed_is_replaced_at_once(store: Store) -> None:
    """On its own machine nobody waits for a run that is gone, nor is refused because of it."""
    with holder(store.storage.url) as process:
        with pytest.raises(BusyError, match=f"process {process.pid} on "), holding(store, "k", "refuse"):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert leases(store) == []
        with holding(store, "k", "refuse"):
            (one,) = leases(store)
            assert one.owner == this_process()
    assert store.storage.files() == {}


def test_a_process_that_stands_still_is_replaced_later(local: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that lives, but renews nothing for the length of a lease, does not hold others up for ever."""
    monkeypatch.setattr(lease, "LEASE_SECONDS", 1.0)
    with holder(local.storage.url) as process:
        process.send_signal(signal.SIGSTOP)
        with holding(local, "k"):
            assert [one.owner for one in leases(local)] == [this_process()]


def test_another_machine_is_waited_for_as_long_as_it_renews(local: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its clock is never looked at, only whether its lease changes while we watch."""
    monkeypatch.setattr(lease, "LEASE_SECONDS", 0.5)
    other, done = put(local, since="in the year 3000"), threading.Event()

    def work() -> None:
        with holding(local, "k"):
            done.set()

    with beating(local, other):
        thread = threading.Thread(target=work)
        thread.start()
        assert not done.wait(1.5)
    assert done.wait(20)  # its last renewal ran out
    thread.join()
    assert local.storage.files() == {}


def test_another_machine_is_a_reason_to_refuse_once_it_renews(local: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until then it may be a machine that was lost: whose lease is taken when it has run out."""
    monkeypatch.setattr(lease, "LEASE_SECONDS", 0.5)
    other = put(local)
    said = "process 7 on elsewhere since yesterday"
    with beating(local, other), pytest.raises(BusyError, match=said), holding(local, "k", "refuse"):
        pass
    with holding(local, "k", "refuse"):
        assert [one.host for one in leases(local)] != ["elsewhere"]


def test_waiting_can_be_interrupted(local: Store) -> None:
    """A run that is stopped while it waits leaves nothing of itself."""
    failures: list[str] = []

    def work() -> None:
        try:
            with holding(local, "k"):
                pass
        except FatalError as error:
            failures.append(str(error))

    def start_and_interrupt() -> None:
        with stopping.on_interrupt():
            thread = threading.Thread(target=contextvars.copy_context().run, args=(work,))
            threads.append(thread)
            thread.start()
            time.sleep(0.3)
            raise KeyboardInterrupt

    threads: list[threading.Thread] = []
    with holding(local, "k"):
        with pytest.raises(KeyboardInterrupt):
            start_and_interrupt()
        threads[0].join(10)
        assert failures == ["The run was stopped; run it again, and it goes on from what is done."]
        assert len(local.storage.files()) == 1


def test_a_lost_lease_is_said_and_harms_nobody(local: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Who was taken for dead goes on, says so, and does not put its lease back."""
    with caplog.at_level(logging.WARNING, "blocks.lease"), holding(local, "k"):
        local.storage.remove(leases(local)[0].name)
        wait_until(lambda: "took this one for dead" in caplog.text)
        time.sleep(0.3)
        assert leases(local) == []


def test_a_lease_is_renewed(store: Store) -> None:
    """So that those who watch from elsewhere see that its owner lives."""
    with holding(store, "k"):
        wait_until(lambda: any(one.beat > 1 for one in leases(store)))


def test_a_clean_up_works_alone(store: Store) -> None:
    """It is refused while anything runs, and what begins meanwhile waits for it."""
    said = r"in use by an export, process .* run again when it has ended"
    with holding(store, "k"), pytest.raises(BusyError, match=said), exclusive(store):
        pass
    with exclusive(store):
        with pytest.raises(BusyError, match="in use by a clean-up"), holding(store, "k", "refuse"):
            pass
        with pytest.raises(BusyError, match="in use by a clean-up"), exclusive(store):
            pass
    with exclusive(store):
        pass


def test_a_damaged_lease_holds_nobody_up(local: Store) -> None:
    """What cannot be read is nobody's."""
    local.storage.write("running/k.0123", [b"{"])
    with holding(local, "k", "refuse"):
        assert len(leases(local)) == 1


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(400):
        if is_so():
            return
        time.sleep(0.05)
    raise AssertionError("It did not happen.")
