"""How a polygon changes into another between two key frames, as video editors draw it.

It is the algorithm of the npm package [flubber](https://github.com/veltman/flubber) 0.4.2 without a greatest segment
length: both rings get as many points, the first ring begins where it lies nearest to the second, and then each point
moves in a straight line. What is drawn may so have more points than the key frame, and begin at another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from exporters.arrays import np
from exporters.model import Point
from exporters.shapes.rings import signed_area

Ring = Sequence[Point]


def morph(start: Ring, end: Ring, unit: Point = (1.0, 1.0)) -> Callable[[float, float], tuple[Point, ...]]:
    """The way from one ring to another, each of one point or more.

    Args:
        start: an open ring in pixels; a last point that repeats the first is left out.
        end: the same.
        unit: width and height in pixels of what distances are measured in. Editors that keep coordinates as shares of
            the picture measure in those, and then it is the picture's size.

    Returns:
        A function that gives the ring after `step` of `steps`, in pixels.
    """
    first, second = _measured(start, unit), _measured(end, unit)
    count = max(len(first), len(second))
    from_ring, to_ring = np.array(_filled_up(first, count)), np.array(_filled_up(second, count))
    from_ring = _rotated_to(from_ring, to_ring)

    def after(step: float, steps: float) -> tuple[Point, ...]:
        ring = (from_ring + (to_ring - from_ring) * step / steps) * unit
        return tuple(map(tuple, ring.tolist()))

    return after


def _measured(ring: Ring, unit: Point) -> list[Point]:
    """The ring in units, clockwise on the screen."""
    points = [(x / unit[0], y / unit[1]) for x, y in ring]
    if len(points) > 1 and math.dist(points[0], points[-1]) < 1e-9:
        points.pop()
    return points[::-1] if signed_area(points) < 0 else points


def _filled_up(ring: list[Point], count: int) -> list[Point]:
    """The ring with new points at even distances along its edges, until it has `count`."""
    missing = count - len(ring)
    if not missing:
        return ring
    distance = sum(map(math.dist, ring, [*ring[1:], ring[0]])) / missing
    walked, following = 0.0, distance / 2
    filled: list[Point] = []
    for start, end in zip(ring, [*ring[1:], ring[0]], strict=True):
        filled.append(start)
        length = math.dist(start, end)
        while missing and following <= walked + length:
            share = (following - walked) / length if length else 0.0
            filled.append((start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share))
            missing -= 1
            following += distance
        walked += length
    return filled


def _rotated_to(ring: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The ring begun at the point from which its points lie nearest to the target's, the first such point on a tie."""
    twice = np.concatenate((ring, ring))
    count = len(ring)
    apart = [((twice[offset : offset + count] - target) ** 2).sum() for offset in range(count)]
    offset = int(np.argmin(apart))
    return twice[offset : offset + count]
