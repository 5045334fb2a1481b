"""The fault matrix: folders and APIs that exports are delivered to."""

from __future__ import annotations

from typing import Any

from tests.fakes.receiver import Trouble
from tests.faults.disks import full, read_only, vanishing
from tests.faults.injectors import api
from tests.faults.moments import Step
from tests.faults.promises import Promise, delivers, fails, refuses
from tests.faults.rows import Row, Section
from tests.faults.world import Kind

SPACE = "Free some space; run again."
RIGHTS = "Give the right to write; run again."
LATER = "Run again when the target is well."
NO_SPACE = fails("There is no space left for", SPACE)
FOLDERS: tuple[Kind, ...] = ("zip", "directory")
BEFORE: dict[Step, str] = dict.fromkeys(
    ("fetch", "media", "transform", "package"), "nothing is asked of the target between the checks and the delivery"
)

FOLDER = (
    Row("its disk is full", full("target"), {"deliver": NO_SPACE, "receipt": NO_SPACE}, FOLDERS),
    Row("its disk is full when a file is all but there", full("target", "midway"), {"deliver": NO_SPACE}, FOLDERS),
    Row(
        "its disk can only be read",
        read_only("target"),
        {
            "plan": refuses("Nothing can be delivered there.*Read-only file system", RIGHTS),
            "deliver": fails("Read-only file system", RIGHTS),
            "receipt": fails("Read-only file system", RIGHTS),
        },
        FOLDERS,
    ),
    Row("all of it vanishes", vanishing("target"), {"deliver": delivers()}, FOLDERS),
    Row(
        "all of it vanishes when a file is all but there",
        vanishing("target", "midway"),
        {"deliver": fails("does not exist", "Run again.")},
        FOLDERS,
    ),
)


def api_row(fault: str, trouble: Trouble, promise: Promise, step: Step = "deliver", **parameters: Any) -> Row:
    return Row(fault, api(trouble), {step: promise}, ("API",), parameters)


API = (
    api_row("503, twice", Trouble(times=2), delivers()),
    api_row("500, twice", Trouble(status=500, times=2), delivers()),
    api_row("429 with Retry-After, twice", Trouble(status=429, headers={"Retry-After": "0"}, times=2), delivers()),
    api_row("the connection is reset, twice", Trouble("reset", times=2), delivers()),
    api_row("a record is taken and the connection reset, twice", Trouble("reset", times=2, takes=True), delivers()),
    api_row("a record is taken in silence, once", Trouble("stall", takes=True), delivers()),
    api_row("a record is taken and the answer cut off, once", Trouble("truncate", status=200, takes=True), delivers()),
    api_row("a record is taken, and the answer has no end", Trouble("huge", status=200, takes=True), delivers()),
    api_row("503, for ever", Trouble(times=None), fails("answered 503.*try again later", LATER)),
    api_row(
        "the connection is reset, for ever", Trouble("reset", times=None), fails("broke off the connection", LATER)
    ),
    api_row(
        "down after the second record", Trouble(after=2, times=None), fails("answered 503.*try again later", LATER)
    ),
    api_row(
        "401, for ever", Trouble(status=401, times=None), fails("refused the credentials", "Mend the key; run again.")
    ),
    api_row("403, for ever", Trouble(status=403, times=None), fails("may not write there", RIGHTS)),
    api_row(
        "a record is refused (422)",
        Trouble(status=422, times=None),
        fails("refused entry.*422.*run again", "Mend the cause; run again."),
    ),
    api_row(
        "a look at it: 401",
        Trouble(status=401, times=None, heads=True),
        refuses("refused the credentials", "Mend the key; run again."),
        "plan",
    ),
    api_row(
        "a look at it: the connection is reset, for ever",
        Trouble("reset", times=None, heads=True),
        refuses("broke off", LATER),
        "plan",
    ),
    api_row("a look at it: the connection is reset, once", Trouble("reset", heads=True), delivers(), "plan"),
)

SECTIONS = (
    Section("A folder as target", FOLDER, BEFORE),
    Section("An API as target", API, {**BEFORE, "receipt": "it lies in the workspace"}),
)
