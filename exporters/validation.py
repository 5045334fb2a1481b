"""What pydantic found wrong, in the words of our refusals."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError


def wrong_values(error: ValidationError) -> str:
    """`name=value: what it should be`, for each value that was refused; a missing one has no value to show."""
    return "; ".join(f"{_given(detail)}: {detail['msg'][:1].lower()}{detail['msg'][1:]}" for detail in error.errors())


def _given(detail: Any) -> str:
    name = ".".join(map(str, detail["loc"]))
    if detail["type"] == "missing" or not name:  # the value would be all of what was given
        return name or "as a whole"
    return f"{name}={detail['input']!r}"
