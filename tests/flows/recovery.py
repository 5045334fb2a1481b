"""Exports in processes of their own, to be killed: forked from one that has everything loaded, which is quick."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from pydantic import SecretStr

from blocks.http_target import HttpTarget
from blocks.idah import IdahSource
from blocks.sandbox.idah import DEMO_API_KEY
from blocks.target import Target
from blocks.workspace import Workspace
from flows import progress
from flows.export import export

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.flows.recovery", "s3fs"])


@dataclass(frozen=True)
class Job:
    """An export: of which platform, where to, and what else it is asked for."""

    source: str
    target: str
    workspace: str
    prefect_api: str
    environment: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    api: HttpTarget | None = None
    """In place of `target`."""


@dataclass(frozen=True)
class Interrupt:
    """A signal that a process sends to itself when it has delivered so many bytes."""

    signal: int
    after_bytes: int


class Telling:
    """Tells the test how far an export is, and interrupts it."""

    def __init__(self, wire: Connection, interrupt: Interrupt | None) -> None:
        self._wire, self._interrupt, self._bytes = wire, interrupt, 0

    def expect(self, step: str, total: int) -> None:
        self._wire.send((step, total))

    def advance(self, step: str, count: int, size_bytes: int = 0) -> None:
        if step == "deliver" and self._interrupt:
            self._bytes += size_bytes
            if self._bytes > self._interrupt.after_bytes:
                number, self._interrupt = self._interrupt.signal, None
                os.kill(os.getpid(), number)

    def say(self, exporter: str, level: int, text: str) -> None:
        self._wire.send(("said", text))


def run(job: Job, wire: Connection, interrupt: Interrupt | None) -> None:
    """The process: a real run of the flow, which tells when it begins and how it ended."""
    from prefect.settings import (  # noqa: PLC0415 - read when the process is there
        PREFECT_API_URL,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        PREFECT_LOGGING_TO_API_ENABLED,
        temporary_settings,
    )

    os.environ.update(job.environment)
    tempfile.tempdir = None  # it was looked up before the fork
    settings: dict[Any, Any] = {
        PREFECT_API_URL: job.prefect_api,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        PREFECT_LOGGING_TO_API_ENABLED: False,
    }
    with temporary_settings(settings), progress.listening(Telling(wire, interrupt)):
        wire.send(("begun", ""))
        try:
            summary = export(
                source=IdahSource(url=job.source, api_key=SecretStr(DEMO_API_KEY)),
                target=job.api or Target(url=job.target),
                workspace=Workspace(url=job.workspace),
                **{"exporter": "coco", **job.parameters},
            )
        except KeyboardInterrupt:
            wire.send(("interrupted", ""))
        except Exception as error:  # noqa: BLE001 - the test will say so
            wire.send(("failed", repr(error)))
        else:
            wire.send(("delivered", summary.delivery.export_id))


@dataclass
class Run:
    """A process that exports."""

    process: BaseProcess
    _wire: Connection

    def events(self) -> Iterator[tuple[str, Any]]:
        """What it says, until it has nothing more to say."""
        with contextlib.suppress(EOFError, ConnectionResetError):
            while True:
                yield self._wire.recv()

    def end(self) -> tuple[str, Any]:
        """Its last word, when it is gone."""
        said = [("nothing", ""), *self.events()]
        self.process.join()
        return said[-1]

    def wait_for(self, step: str) -> None:
        """Until it tells of a step."""
        for word, _ in self.events():
            if word == step:
                break

    def kill_after(self, seconds: float, step: str = "begun") -> bool:
        """Kill it so long after it began a step; returns whether it was still at work."""
        self.wait_for(step)
        until = time.monotonic() + seconds
        while self.process.is_alive() and time.monotonic() < until:
            self.process.join(min(0.01, max(0.0, until - time.monotonic())))
        was_at_work = self.process.is_alive()
        self.process.kill()
        self.process.join()
        return was_at_work


@contextlib.contextmanager
def running(job: Job, interrupt: Interrupt | None = None) -> Iterator[Run]:
    ours, theirs = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=run, args=(job, theirs, interrupt))
    process.start()
    theirs.close()
    try:
        with ours:
            yield Run(process, ours)
    finally:
        process.kill()
        process.join()
