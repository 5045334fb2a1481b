"""What an export promises when something goes wrong: how the run ends, what is seen then, and what is to be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

How = Literal["delivers", "fails", "refuses", "is interrupted", "dies", "leaves out"]
STATUS: dict[How, int] = {"delivers": 0, "fails": 1, "refuses": 2, "is interrupted": 130, "leaves out": 3}
Then = Literal["", "run again", "remove the workspace, run again"]

HAPPENS: dict[How, str] = {
    "delivers": "The run delivers all the same.",
    "fails": "The run ends with 1 and one sentence; nothing is at the target that looks like an export.",
    "refuses": "The run ends with 2 and one sentence, before anything is fetched; the target is as it was.",
    "is interrupted": "The run ends with 130 and gives back what it held; no half file and no open upload is left.",
    "dies": "What it was writing stays hidden, and is swept by the next run.",
    "leaves out": "The run delivers the others, ends with 3, and counts what is missing with its reason.",
}


@dataclass(frozen=True)
class Promise:
    """How the run ends, and what its sentence says, as a regular expression.

    `do` is for people. Whatever is done, the next run delivers what a quiet day would have delivered, byte for byte.
    """

    how: How
    says: str = ""
    do: str = ""
    then: Then = "run again"


def delivers(do: str = "Nothing.") -> Promise:
    return Promise("delivers", do=do, then="")


def fails(says: str, do: str) -> Promise:
    return Promise("fails", says, do)


def refuses(says: str, do: str) -> Promise:
    return Promise("refuses", says, do)


def leaves_out(says: str) -> Promise:
    return Promise("leaves out", says, "Run again when the file can be had; the entry is in that export.")


def needs_a_new_workspace(says: str) -> Promise:
    return Promise("fails", says, "Remove the workspace, and run again.", then="remove the workspace, run again")
