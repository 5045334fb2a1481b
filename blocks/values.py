"""Values of somebody else's JSON made fit for the record model: what is of another type than promised stops nothing."""

from __future__ import annotations

import math
from typing import Any


def text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def identifier(value: Any) -> str | None:
    """A text; a number stands for its digits."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else text(value)


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def finite(value: Any) -> float:
    """A number.

    Raises:
        ValueError, TypeError: it is none, or infinite.
    """
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number
