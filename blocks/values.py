"""Values of somebody else's JSON made fit for the record model: what is of another type than promised stops nothing."""

from __future__ import annotations

from typing import Any


def text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def identifier(value: Any) -> str | None:
    """A text; a number stands for its digits."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else text(value)


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


MOST = 1e15
"""No place on a picture, and no second of a film, is further away; and what is made of such numbers is finite."""


def finite(value: Any) -> float:
    """A number.

    Raises:
        ValueError, TypeError: it is none, infinite, or beyond `MOST`.
    """
    number = float(value)
    if not abs(number) <= MOST:
        raise ValueError(value)
    return number
