"""`faults.md`: the fault matrix of `tests/faults/table.py`, in which each cell is carried out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.faults.promises import HAPPENS, STATUS, Promise
from tests.faults.rows import Row, Section, cells_of
from tests.faults.table import SECTIONS
from tests.faults.world import KINDS
from tests.reference.tables import code, table

HEAD = ("what goes wrong", "at", "what happens", "what to do")


def page() -> Iterator[str]:
    count = sum(1 for _ in cells_of(SECTIONS))
    yield from (
        "# When something goes wrong",
        "",
        "What can go wrong, at which step of an export, what becomes of it, and what to do. Each line is carried out",
        f"by `tests/faults/`: {count} cells, a fault at a step with a package and a target. In all of them, once the",
        "fault is over and what stands under *what to do* is done, the next run delivers the same bytes as on a quiet",
        "day, `outhaul verify` finds nothing, and no half file, open upload or lease is left.",
        "",
        "Steps: `plan`, `fetch`, `media`, `transform`, `package`, `deliver`, and the `receipt`, which is the end of a",
        "delivery. *Twice* and *once* are what the retries of one request get over; *for ever* is longer than all",
        "attempts of a task.",
        "",
    )
    rows = ((how, str(STATUS.get(how, "")), happens) for how, happens in HAPPENS.items())
    yield from table(("the run", "exit status", "what that means"), rows)
    for section in SECTIONS:
        yield from _section(section)


def _section(section: Section) -> Iterator[str]:
    kinds = dict.fromkeys(kind for row in section.rows for kind in row.kinds)
    yield from (f"## {section.title}", "", f"Tried with {', '.join(KINDS[kind] for kind in kinds)}.", "")
    yield from table(HEAD, (line for row in section.rows for line in _lines(row)))
    reasons: dict[str, list[str]] = {}
    for step, reason in section.never.items():
        reasons.setdefault(reason, []).append(code(step))
    for reason, steps in reasons.items():
        yield from (f"Not at {', '.join(steps)}: {reason}.", "")


def _lines(row: Row) -> Iterator[tuple[str, ...]]:
    """One for all steps at which the same is promised."""
    by_promise: dict[Promise, list[str]] = {}
    for step, promise in row.at.items():
        by_promise.setdefault(promise, []).append(code(step))
    for promise, steps in by_promise.items():
        said = f": “{_shown(promise.says)}”" if promise.says else ""
        yield row.fault, ", ".join(steps), promise.how + said, promise.do


def _shown(says: str) -> str:
    """A regular expression as people may read it."""
    return re.sub(r"\\(.)", r"\1", says.replace(".*", " … "))
