"""Rows of the fault matrix, sections of them, and the cells that they are carried out as."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults.injectors import Alone, Injector
from tests.faults.moments import STEPS, Step
from tests.faults.promises import Promise
from tests.faults.world import Kind


@dataclass(frozen=True)
class Row:
    """A fault, and what is promised for each step that it can meet.

    `kinds` are the packages and targets that it is tried out with. `parameters` are the export's.
    """

    fault: str
    inject: Injector | Alone
    at: Mapping[Step, Promise]
    kinds: Sequence[Kind] = ("zip",)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    leaves: str = ""
    """What may stay until a later run, as a regular expression; empty: nothing."""
    needs_engine: bool = False
    """It is about Prefect, so Prefect runs it."""
    is_dear: bool = False
    """It takes long: by default its first cell is carried out, and the others where all are asked for."""


@dataclass(frozen=True)
class Section:
    """Faults of one kind; `never` says of the steps that none of them can meet why that is so."""

    title: str
    rows: Sequence[Row]
    never: Mapping[Step, str]
    about: str = ""

    def __post_init__(self) -> None:
        met = {step for row in self.rows for step in row.at}
        assert met.isdisjoint(self.never), f"{self.title}: a step cannot both meet faults and meet none"
        assert met | set(self.never) == set(STEPS), f"{self.title}: a step is forgotten"


@dataclass(frozen=True)
class Cell:
    """A row at a step, with a kind of package and target."""

    section: str
    row: Row
    step: Step
    kind: Kind

    @property
    def promise(self) -> Promise:
        return self.row.at[self.step]

    @property
    def name(self) -> str:
        words = re.sub(r"[^a-z0-9]+", "-", f"{self.section} {self.row.fault}".lower()).strip("-")
        return f"{self.step}/{words}/{self.kind.replace(' ', '-')}"


def cells_of(sections: Sequence[Section]) -> Iterator[Cell]:
    for section in sections:
        for row in section.rows:
            for step in row.at:
                for kind in row.kinds:
                    yield Cell(section.title, row, step, kind)
