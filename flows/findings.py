"""What `outhaul doctor` finds, and how it is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    OK = "ok"
    NOTE = "note"
    """Worth knowing; nothing that is asked for fails by it."""
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    about: str
    state: State
    said: str
    """What was found, and what to do about it."""

    def document(self) -> dict[str, str]:
        return {"about": self.about, "state": self.state.value, "said": self.said}

    def line(self) -> str:
        mark = self.state.upper() if self.state is State.BROKEN else self.state
        return f"{mark:<6}  {self.about}: {self.said}"


def is_broken(findings: Sequence[Finding]) -> bool:
    return any(one.state is State.BROKEN for one in findings)


def text(findings: Sequence[Finding]) -> str:
    """For people: a line a finding, and at the end whether there is something to be done."""
    count = sum(one.state is State.BROKEN for one in findings)
    end = "Nothing is broken." if not count else f"{count} {'thing is' if count == 1 else 'things are'} broken."
    return "\n".join([*(one.line() for one in findings), "", end])
