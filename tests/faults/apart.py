"""An export in a process of its own, to which something happens in the middle of a step."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from flows.cli import _interruptible
from tests.faults.moments import Step, When, at
from tests.faults.steps import Asked, run_in_steps
from tests.flows.recovery import FORKS


@dataclass(frozen=True)
class Blow:
    """What happens to the process, and when."""

    strike: Callable[[], None]
    step: Step
    when: When


def run_apart(asked: Asked, blow: Blow, temporary: str) -> tuple[str, int | None]:
    """Returns its last word (`delivered`, `interrupted`, an error, nothing), and the process's exit code."""
    ours, theirs = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=_run, args=(asked, blow, temporary, theirs))
    process.start()
    theirs.close()
    word = ""
    try:
        with ours:
            word = ours.recv()
    except EOFError:
        pass
    finally:
        process.join()
    return word, process.exitcode


def _run(asked: Asked, blow: Blow, temporary: str, wire: Connection) -> None:
    os.environ["TMPDIR"] = temporary
    tempfile.tempdir = None  # it was looked up before the fork

    said: Any = "delivered"
    with _interruptible(), at(blow.step, blow.when, blow.strike):
        try:
            run_in_steps(asked)
        except KeyboardInterrupt:
            said = "interrupted"
        except Exception as error:  # noqa: BLE001 - the test will say so
            said = repr(error)
    wire.send(said)
