"""Polygons of several rings as one ring, for formats that have room for one: joined by seams of no width.

A seam runs from one ring to the next and back along the same line, so it encloses nothing: painted by the even-odd or
by the non-zero rule, what was a hole stays one and parts stay apart. Seams begin and end at points that lie near each
other, because some readers paint the line itself one pixel wide. Parts that overlap cannot be joined so: by the
even-odd rule, what they share would be left unpainted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from exporters.model import Part, Point
from exporters.shapes.rings import Ring, signed_area


def one_ring(parts: Sequence[Part]) -> Ring:
    """The ring of one part without holes as it is; otherwise all rings joined, outlines clockwise, holes the other way.

    Each part is joined to the one before it, each hole to the outline that it lies in.
    """
    if len(parts) == 1 and not parts[0].holes:
        return parts[0].ring
    outlines = [_turned(part.ring, clockwise=True) for part in parts]
    joined = _with_holes(outlines[-1], parts[-1].holes)
    for index in range(len(parts) - 2, -1, -1):
        seam = _seam(outlines[index], outlines[index + 1])
        joined = _joined(_with_holes(outlines[index], parts[index].holes), joined, *seam)
    return joined


def _with_holes(outline: Ring, holes: Sequence[Ring]) -> Ring:
    joined = outline
    for hole in holes:
        joined = _joined(joined, _turned(hole, clockwise=False), *_seam(outline, hole))
    return joined


def _joined(ring: Ring, other: Ring, start: Point, end: Point) -> Ring:
    """Along `ring` to `start`, over to `end`, once around `other`, back to `start`, and on along `ring`."""
    leave, enter = ring.index(start), other.index(end)
    return [*ring[: leave + 1], *other[enter:], *other[: enter + 1], *ring[leave:]]


def _seam(ring: Ring, other: Ring) -> tuple[Point, Point]:
    """A point of each that lie near each other; to find the two nearest would take the product of their lengths."""
    start = min(ring, key=lambda point: math.dist(point, other[0]))
    end = min(other, key=lambda point: math.dist(point, start))
    return min(ring, key=lambda point: math.dist(point, end)), end


def _turned(ring: Ring, *, clockwise: bool) -> Ring:
    return ring if (signed_area(ring) > 0) is clockwise else ring[::-1]
