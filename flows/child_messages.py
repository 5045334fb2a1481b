"""What any process that works for us says while it does: a line of JSON each, over its standard output."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct


class Began(Struct, frozen=True, tag="began"):
    """It is ready, and does now what it was started for: its time runs from here."""


class Moved(Struct, frozen=True, tag="moved"):
    """It has come this far, from 0 to 1."""

    fraction: float


class Said(Struct, frozen=True, tag="said"):
    """A line of its log. `level` as in `logging`; `extra`, what it says beside the text."""

    level: int
    text: str
    extra: dict[str, Any] = {}


class Broke(Struct, frozen=True, tag="broke"):
    """It cannot go on. `is_passing`: another attempt may help, after `delay_seconds` if it said so."""

    message: str
    trace: str = ""
    is_passing: bool = False
    delay_seconds: float | None = None


def in_one_line(error: Exception) -> str:
    """What our own errors say, as `Broke` has it; a refusal of several things has a line for each."""
    return " ".join(str(error).splitlines())


encode = msgspec.json.Encoder().encode
