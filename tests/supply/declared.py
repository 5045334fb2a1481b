"""What `pyproject.toml` declares and why, and what `constraints.txt` pins: the reasons are the comments beside it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
_PYPROJECT = ROOT / "pyproject.toml"

_LINE = re.compile(r'^(?:(?P<extra>[\w-]+) = \[)?"(?P<requirement>[^"]+)"\]?,?(?:\s+# (?P<beside>.+))?$')


@dataclass(frozen=True)
class Declared:
    """A package that is asked for by name; `extra` is empty where everybody needs it."""

    requirement: Requirement
    extra: str
    reason: str

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)


def declared() -> list[Declared]:
    """What an installation may ask for, in the order of the file, each with the comment above it, or beside it.

    A comment is of all that follow it.
    """
    text = _PYPROJECT.read_text()
    found = [*_of(_section(text, "dependencies = [", "]")), *_of(_section(text, "[project.optional-dependencies]", ""))]
    project = tomllib.loads(text)["project"]
    whole = [("", one) for one in project["dependencies"]]
    whole += [(extra, one) for extra, several in project["optional-dependencies"].items() for one in several]
    assert [(one.extra, one.requirement) for one in found] == [(extra, Requirement(one)) for extra, one in whole], (
        f"{__name__} reads other requirements than there are: write one a line"
    )
    return found


def pinned() -> dict[str, str]:
    """The version of each package that `constraints.txt` names: the one for this machine, where it has several."""
    lines = [Requirement(line) for line in CONSTRAINTS.read_text().splitlines() if not line.startswith("#")]
    lines.sort(key=lambda one: one.marker is None or one.marker.evaluate())  # the last word counts
    return {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in lines}


def _section(text: str, head: str, end: str) -> Iterator[str]:
    lines = iter(text.splitlines())
    next(line for line in lines if line == head)
    for line in lines:
        if line == end:
            return
        yield line.strip()


def _of(lines: Iterator[str]) -> Iterator[Declared]:
    above: list[str] = []
    is_new = True
    for line in lines:
        if line.startswith("#"):
            above = [line[1:].strip()] if is_new else [*above, line[1:].strip()]
            is_new = False
        elif found := _LINE.match(line):
            is_new = True
            yield Declared(Requirement(found["requirement"]), found["extra"] or "", found["beside"] or " ".join(above))
