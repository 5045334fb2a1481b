"""The fault matrix: the process that exports, its memory, its clock, its machine."""

from __future__ import annotations

import signal
from datetime import timedelta

from tests.faults.injectors import Starved, Struck, clock_jump, out_of_memory, server_away
from tests.faults.moments import STEPS, WHENS
from tests.faults.promises import Promise, delivers
from tests.faults.rows import Row, Section
from tests.faults.world import Kind

FOLDERS: tuple[Kind, ...] = ("zip", "directory")
DIES = Promise("dies", do="Run again.")
INTERRUPTED = Promise("is interrupted", "interrupted.*the next run goes on", "Run again.")
NO_MEMORY = Promise("fails", "not enough memory.*the next run goes on", "Give it more memory; run again.")
LOST = Promise("dies", do="Run again, anywhere: it begins when nothing has been heard of the lost one for a minute.")
MOMENTS = {"begins": "when the step begins", "midway": "when a file of it is all but there", "ends": "when it ends"}

KILLED = tuple(
    Row(
        f"killed {MOMENTS[when]} (kill -9, out-of-memory killer)",
        Struck(signal.SIGKILL, when),
        dict.fromkeys(STEPS, DIES),
        FOLDERS,
    )
    for when in WHENS
)
OTHERS = (
    Row("Ctrl-C", Struck(signal.SIGINT, "midway"), dict.fromkeys(STEPS, INTERRUPTED)),
    Row("cancelled (SIGTERM)", Struck(signal.SIGTERM, "begins"), dict.fromkeys(STEPS, INTERRUPTED)),
    Row(
        "the worker's machine is lost",
        Struck(signal.SIGKILL, "midway", is_elsewhere=True),
        dict.fromkeys(STEPS, LOST),
        leaves=r"outhaul-|/running/",
    ),
    Row("Python gets no memory", out_of_memory("midway"), dict.fromkeys(STEPS, NO_MEMORY)),
    Row(
        "the process may take no more memory (a limit of it)",
        Starved(),
        {step: NO_MEMORY for step in STEPS if step != "receipt"},  # which needs none
    ),
    Row("the clock jumps two days ahead", clock_jump(timedelta(days=2)), dict.fromkeys(STEPS, delivers())),
    Row("the clock jumps two days back", clock_jump(timedelta(days=-2)), dict.fromkeys(STEPS, delivers())),
)

SERVER = (
    Row(
        "the Prefect server is away for two seconds",
        server_away(2.0),
        dict.fromkeys(("fetch", *STEPS), delivers()),
        needs_engine=True,
        is_dear=True,
    ),
)

SECTIONS = (Section("The process", (*KILLED, *OTHERS), {}), Section("Prefect", SERVER, {}))
