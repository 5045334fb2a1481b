"""Convex hulls and the smallest rectangles around points, in the model's coordinates (float pixels, y down)."""

from __future__ import annotations

import math
from collections.abc import Iterable

from msgspec.structs import replace

from exporters.arrays import np
from exporters.model import Point, RotatedBox

QUARTER = math.pi / 2


def convex_hull(points: Iterable[Point]) -> tuple[Point, ...]:
    """The corners of the convex hull, clockwise on the screen from the leftmost; points along its edges are no corners.

    One point where all are one, two where all lie on a line.
    """
    ordered = sorted(set(points))
    if len(ordered) <= 2:
        return tuple(ordered)
    upper, lower = _chain(ordered), _chain(reversed(ordered))
    return tuple(upper[:-1] + lower[:-1])


def _chain(points: Iterable[Point]) -> list[Point]:
    """Andrew's monotone chain: the half of the hull that turns clockwise from the first point to the last."""
    chain: list[Point] = []
    for point in points:
        while len(chain) >= 2 and _turn(chain[-2], chain[-1], point) <= 0:
            chain.pop()
        chain.append(point)
    return chain


def _turn(start: Point, middle: Point, end: Point) -> float:
    """Positive where the way turns clockwise on the screen."""
    return (middle[0] - start[0]) * (end[1] - middle[1]) - (middle[1] - start[1]) * (end[0] - middle[0])


def smallest_rectangle(points: Iterable[Point]) -> RotatedBox | None:
    """The rectangle of least area around the points, at an angle of at most 45 degrees; None where that has no area.

    One of its sides lies along an edge of the convex hull, so that these are all that need to be tried.
    """
    hull = np.array(convex_hull(points), dtype=np.float64)
    if len(hull) < 3:
        return None
    edges = np.roll(hull, -1, axis=0) - hull
    best: RotatedBox | None = None
    for along_x, along_y in (edges / np.hypot(edges[:, :1], edges[:, 1:])).tolist():
        along = hull @ (along_x, along_y)
        across = hull @ (-along_y, along_x)
        width, height = float(np.ptp(along)), float(np.ptp(across))
        if best is None or width * height < best.width * best.height:
            middle, depth = (along.max() + along.min()) / 2, (across.max() + across.min()) / 2
            x, y = along_x * middle - along_y * depth, along_y * middle + along_x * depth
            best = RotatedBox(float(x), float(y), width, height, math.atan2(along_y, along_x))
    return best and turned_near(best, 0.0)


def turned_near(box: RotatedBox, angle: float) -> RotatedBox:
    """The same rectangle, said with the one of its sides as width that is nearest to `angle` (radians)."""
    quarters = round((angle - box.angle) / QUARTER)
    sides = (box.width, box.height) if quarters % 2 == 0 else (box.height, box.width)
    return replace(box, width=sides[0], height=sides[1], angle=box.angle + quarters * QUARTER)
