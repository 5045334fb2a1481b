"""The numbers of YOLO's rows, shares of a picture's width and height, as shapes in pixels. Sizes are width, height."""

from __future__ import annotations

import math
from collections.abc import Sequence

from exporters.model import Box, Point, RotatedBox


def visibility(group: Sequence[float]) -> int:
    """Of a point: its third number, or without one whether it lies on the picture."""
    if len(group) == 3:
        return min(max(int(group[2]), 0), 2)
    return 2 if min(group) >= 0 else 0


def box(values: Sequence[float], size: tuple[int, int]) -> Box:
    x, y, width, height = values
    return Box((x - width / 2) * size[0], (y - height / 2) * size[1], width * size[0], height * size[1])


def point(x: float, y: float, size: tuple[int, int]) -> Point:
    return x * size[0], y * size[1]


def rotated(ring: Sequence[Point]) -> RotatedBox:
    """The rotated box with these corners in order."""
    (x0, y0), (x1, y1), (x2, y2), _ = ring
    center = sum(x for x, _ in ring) / 4, sum(y for _, y in ring) / 4
    return RotatedBox(
        *center, math.dist((x0, y0), (x1, y1)), math.dist((x1, y1), (x2, y2)), math.atan2(y1 - y0, x1 - x0)
    )
