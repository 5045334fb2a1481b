"""IDAH's coordinates, which are shares of a picture's width and height, as pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from blocks.values import finite
from exporters.model import Box, Point, RotatedBox

DECIMALS = 6
"""Pixels are rounded to a millionth: it undoes the division by the picture's size, so that 37 comes back as 37."""

Size = tuple[int, int]


def pixels(share: Any, extent: int) -> float:
    """Raises ValueError, TypeError: it is no finite number."""
    return round(finite(finite(share) * extent), DECIMALS)


def to_points(shares: Any, size: Size) -> tuple[Point, ...]:
    """Raises ValueError, TypeError: they are no pairs of finite numbers."""
    width, height = size
    return tuple((pixels(x, width), pixels(y, height)) for x, y in shares)


def to_rotated_box(corners: Sequence[Point], angle: float) -> RotatedBox:
    """From the corners before the turn; after edits they come in any order."""
    box = to_box(corners)
    return RotatedBox(box.left + box.width / 2, box.top + box.height / 2, box.width, box.height, angle)


def to_box(corners: Sequence[Point]) -> Box:
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    left, top = min(xs), min(ys)
    return Box(left, top, finite(round(max(xs) - left, DECIMALS)), finite(round(max(ys) - top, DECIMALS)))


def is_upright(angle: float) -> bool:
    """Whether a box turned by so many radians is a box again."""
    return math.isclose(math.remainder(angle, math.pi), 0.0, abs_tol=1e-9)
