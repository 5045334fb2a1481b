"""Masks to polygons, exactly: outlines run along the borders of pixels, corner to corner.

Painting the polygon (`masks.rasterize`) gives back the same mask, bit for bit. Pixels that touch at a corner
only belong to separate parts, and no ring passes twice through one point; so two holes, or a hole and its outline, may
touch at a point. Outlines run clockwise on the screen, holes the other way; each ring begins at the leftmost of its
topmost points, and parts and holes are in the order of these.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from exporters.arrays import np
from exporters.model import Mask, Part, Point, Polygon
from exporters.shapes import masks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Indices = NDArray[np.int64]


class _Corners(NamedTuple):
    """The points where outlines turn, row by row from the top, by index.

    Where two painted pixels touch at a corner, two corners lie on one point: each is that of one of the pixels.
    """

    x: Indices
    y: Indices
    leaves_sideways: NDArray[np.bool_]
    """Whether the edge that begins here is horizontal. Edges have the painted side on their right."""
    following: Indices
    """The corner at the other end of that edge."""
    columns: Indices
    """The same corners column by column from the left: each two of them are the ends of one vertical edge."""


def trace(mask: Mask) -> Polygon | None:
    """The polygon of a mask's pixels, one part for each 4-connected group; None for an empty mask.

    Raises:
        ValueError: the mask is not sound (see `masks.is_sound`).
    """
    padded = np.pad(masks.to_pixels(mask), 1)
    corners = _corners(padded)
    if not corners.x.size:
        return None
    rings = sorted(_rings(corners))
    outlines = corners.leaves_sideways[[ring[0] for ring in rings]].tolist()
    xs, ys = corners.x.astype(float).tolist(), corners.y.astype(float).tolist()
    parts: dict[int, tuple[tuple[Point, ...], list[tuple[Point, ...]]]] = {}
    # A ring's left neighbour begins above it or to its left, so that its part is known before.
    part_of: list[int] = []
    neighbours = iter(_left_neighbours(padded, corners, rings, outlines))
    for index, (ring, is_outline) in enumerate(zip(rings, outlines, strict=True)):
        points = tuple((xs[corner], ys[corner]) for corner in ring)
        part_of.append(index if is_outline else part_of[next(neighbours)])
        if is_outline:
            parts[index] = (points, [])
        else:
            parts[part_of[index]][1].append(points)
    return Polygon(tuple(Part(outline, tuple(holes)) for outline, holes in parts.values()))


def _corners(padded: masks.Pixels) -> _Corners:
    """All corners of the pixels, which have an unpainted border of one pixel around them."""
    above_left, above_right = padded[:-1, :-1], padded[:-1, 1:]
    below_left, below_right = padded[1:, :-1], padded[1:, 1:]
    touches = (above_left == below_right) & (above_right == below_left) & (above_left != above_right)
    turns = above_left ^ above_right ^ below_left ^ below_right
    places = np.flatnonzero(turns | touches)
    is_touch = touches.ravel()[places]
    places = np.repeat(places, 1 + is_touch)
    is_second = np.zeros(len(places), dtype=np.bool_)
    is_second[1:] = places[1:] == places[:-1]
    y, x = np.divmod(places, above_left.shape[1])
    falls = padded[y, x].astype(np.int8) + padded[y + 1, x + 1]
    rises = padded[y, x + 1].astype(np.int8) + padded[y + 1, x]
    leaves_sideways = falls > rises
    # Of two corners on one point, the first is that of the pixel on the left; it is the upper one if they fall.
    is_lower = is_second == leaves_sideways
    columns = np.lexsort((is_lower, y, x))
    # Along each row and each column, every other stretch between two corners is an edge.
    down = np.empty(len(places), dtype=np.int64)
    down[columns[0::2]], down[columns[1::2]] = columns[1::2], columns[0::2]
    following = np.where(leaves_sideways, np.arange(len(places)) ^ 1, down)
    return _Corners(x, y, leaves_sideways, following, columns)


def _rings(corners: _Corners) -> Iterator[list[int]]:
    """Each ring as indices of corners, the first of them first."""
    following = corners.following.tolist()
    places = list(zip(corners.x.tolist(), corners.y.tolist(), strict=True))
    is_seen = bytearray(len(following))
    for start in range(len(following)):
        walk = []
        corner = start
        while not is_seen[corner]:
            is_seen[corner] = True
            walk.append(corner)
            corner = following[corner]
        if walk:
            yield from _simple(walk, places)


def _simple(walk: list[int], places: list[tuple[int, int]]) -> Iterator[list[int]]:
    """The rings of a walk that may pass twice through one point: there it is cut."""
    ring: list[int] = []
    position: dict[tuple[int, int], int] = {}
    for corner in walk:
        place = places[corner]
        if place in position:
            closed = ring[position[place] :]
            del ring[position[place] :]
            for one in closed:
                del position[places[one]]
            yield _from_first(closed)
        position[place] = len(ring)
        ring.append(corner)
    yield _from_first(ring)


def _from_first(ring: list[int]) -> list[int]:
    first = ring.index(min(ring))
    return ring[first:] + ring[:first]


def _left_neighbours(
    padded: masks.Pixels, corners: _Corners, rings: list[list[int]], outlines: list[bool]
) -> list[int]:
    """For each hole, the index of the ring that one meets when one goes left from its topmost, leftmost point.

    All pixels on the way are painted, so that both rings belong to one part.
    """
    starts = np.array([ring[0] for ring, is_outline in zip(rings, outlines, strict=True) if not is_outline], np.int64)
    if not starts.size:
        return []
    ring_of = np.empty(len(corners.x), dtype=np.int64)
    for index, ring in enumerate(rings):
        ring_of[ring] = index
    height, width = padded.shape
    borders = np.flatnonzero(padded[1:-1, 1:] != padded[1:-1, :-1])  # between pixels of one row, row by row
    own = np.searchsorted(borders, corners.y[starts] * (width - 1) + corners.x[starts])
    row, column = np.divmod(borders[own - 1], width - 1)
    upper, lower = corners.columns[0::2], corners.columns[1::2]
    edge = np.searchsorted(corners.x[upper] * height + corners.y[upper], column * height + row, side="right") - 1
    # It has painted pixels on its right, so it runs upwards, and belongs to the ring of its lower end.
    return [int(ring) for ring in ring_of[lower[edge]]]
