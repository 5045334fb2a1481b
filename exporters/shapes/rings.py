"""Rings measured in one plain loop: with a handful of points, that is faster than any call for a whole column."""

from __future__ import annotations

import math
from collections.abc import Sequence

from exporters.model import Box, Point

Ring = Sequence[Point]
"""Open: the first point is not repeated."""


def extent(ring: Ring) -> Box | None:
    """The box around a ring of at least one point; None where a coordinate is no finite number."""
    left, top = right, bottom = ring[0]
    total = 0.0
    for x, y in ring:
        total += x + y  # a comparison passes over NaN, a sum does not
        if x < left:
            left = x
        elif x > right:
            right = x
        if y < top:
            top = y
        elif y > bottom:
            bottom = y
    return Box(left, top, right - left, bottom - top) if math.isfinite(total) else None


def signed_area(ring: Ring) -> float:
    """In square pixels, by the shoelace formula; positive when the ring runs clockwise on the screen (y down)."""
    if not ring:
        return 0.0
    twice = 0.0
    first_x, first_y = x0, y0 = ring[0]
    for x1, y1 in ring[1:]:
        twice += x0 * y1 - x1 * y0
        x0, y0 = x1, y1
    return (twice + (x0 * first_y - first_x * y0)) / 2
