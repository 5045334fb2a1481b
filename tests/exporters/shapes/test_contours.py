"""What `exporters.shapes.contours` promises: outlines along the borders of pixels that paint the same mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given

from exporters.model import Part, Point, Polygon
from exporters.shapes import contours, geometry, masks
from tests import strategies

if TYPE_CHECKING:
    from exporters.shapes.masks import Pixels


def traced(*rows: str) -> Polygon:
    polygon = contours.trace(masks.from_pixels(drawn(*rows)))
    assert polygon is not None
    return polygon


def drawn(*rows: str) -> Pixels:
    return np.array([[character == "#" for character in row] for row in rows])


def groups(pixels: Pixels) -> list[Pixels]:
    """The 4-connected groups of pixels, each as a raster, in the order of their first pixels."""
    found = []
    rest = {(int(row), int(column)) for row, column in np.argwhere(pixels)}
    while rest:
        group = np.zeros_like(pixels)
        reached = [min(rest)]
        while reached:
            row, column = reached.pop()
            if (row, column) in rest:
                rest.remove((row, column))
                group[row, column] = True
                reached += [(row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)]
        found.append(group)
    return found


@given(strategies.pixels())
def test_painting_the_outlines_gives_the_mask(pixels: Pixels) -> None:
    """The polygon of a mask covers the pixels of the mask, all of them and no others."""
    polygon = contours.trace(masks.from_pixels(pixels))
    parts = polygon.parts if polygon else ()
    assert (masks.rasterize(parts, *pixels.shape[::-1]) == pixels).all()


@given(strategies.pixels())
def test_each_group_of_pixels_is_a_part_with_its_own_holes(pixels: Pixels) -> None:
    """Each part covers one 4-connected group of pixels; holes are in the part that they are holes of."""
    polygon = contours.trace(masks.from_pixels(pixels))
    parts = polygon.parts if polygon else ()
    painted = [masks.rasterize([part], *pixels.shape[::-1]) for part in parts]
    expected = groups(pixels)
    assert len(painted) == len(expected)
    assert all((one == other).all() for one, other in zip(painted, expected, strict=True))


@given(strategies.pixels())
def test_rings_are_simple_and_short(pixels: Pixels) -> None:
    """A ring passes through no point twice, and has a point only where it turns."""
    polygon = contours.trace(masks.from_pixels(pixels))
    for part in polygon.parts if polygon else ():
        for ring in (part.ring, *part.holes):
            assert len(set(ring)) == len(ring)
            for before, (x, y), after in zip((ring[-1], *ring), ring, (*ring[1:], ring[0]), strict=False):
                assert (before[0] == x) != (before[1] == y)
                assert (before[0] == x) != (after[0] == x)


@given(strategies.pixels())
def test_rings_have_a_direction_and_a_beginning(pixels: Pixels) -> None:
    """Outlines run clockwise on the screen, holes the other way; each begins at the leftmost of its topmost points."""
    polygon = contours.trace(masks.from_pixels(pixels))
    for part in polygon.parts if polygon else ():
        assert geometry.signed_area(part.ring) > 0
        assert all(geometry.signed_area(hole) < 0 for hole in part.holes)
        for ring in (part.ring, *part.holes):
            assert ring[0] == min(ring, key=by_row)
        assert list(part.holes) == sorted(part.holes, key=lambda hole: by_row(hole[0]))


def by_row(point: Point) -> Point:
    return point[1], point[0]


@given(strategies.pixels())
def test_area_is_the_number_of_pixels(pixels: Pixels) -> None:
    """The polygon has the area of the mask, holes taken off."""
    polygon = contours.trace(masks.from_pixels(pixels))
    assert (geometry.area(polygon) if polygon else 0) == pixels.sum()


def test_one_pixel_is_a_square() -> None:
    """The outline of one pixel goes round it along its borders."""
    assert traced("...", ".#.") == Polygon((Part(((1, 1), (2, 1), (2, 2), (1, 2))),))


def test_pixels_that_touch_at_a_corner_are_two_parts() -> None:
    """Two pixels with one corner in common are two parts, whichever way they lie."""
    first, second = Part(((0, 0), (1, 0), (1, 1), (0, 1))), Part(((1, 1), (2, 1), (2, 2), (1, 2)))
    assert traced("#.", ".#") == Polygon((first, second))
    assert len(traced(".#", "#.").parts) == 2


def test_holes_that_touch_at_a_corner_are_two_holes() -> None:
    """Two holes with one corner in common are two rings."""
    (part,) = traced("####", "#.##", "##.#", "####").parts
    assert part.holes == (((1, 1), (1, 2), (2, 2), (2, 1)), ((2, 2), (2, 3), (3, 3), (3, 2)))


def test_bay_that_is_closed_by_a_corner_is_a_hole() -> None:
    """Where an outline touches itself at a corner, what it encloses is a hole and the outline goes on."""
    (part,) = traced(".###", "##.#", "####").parts
    assert part.ring == ((1, 0), (4, 0), (4, 3), (0, 3), (0, 1), (1, 1))
    assert part.holes == (((2, 1), (2, 2), (3, 2), (3, 1)),)
    (open_bay,) = traced("##.", "#.#", "###").parts
    assert len(open_bay.holes) == 1


def test_island_in_a_hole_is_a_part_of_its_own() -> None:
    """Rings in rings: each hole belongs to the outline around it, not to one further out."""
    outer, inner = traced("#######", "#.....#", "#.###.#", "#.#.#.#", "#.###.#", "#.....#", "#######").parts
    assert [len(outer.holes), len(inner.holes)] == [1, 1]
    assert inner.holes[0][0] == (3, 3)


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (4, 0), (4, 4)])
def test_empty_mask_has_no_outline(shape: tuple[int, int]) -> None:
    """A mask without painted pixels is no polygon."""
    assert contours.trace(masks.from_pixels(np.zeros(shape, dtype=bool))) is None


def test_a_thousand_holes_and_parts() -> None:
    """A raster of holes is one part with all of them; a checkerboard is as many parts as it has pixels."""
    raster = np.ones((65, 65), dtype=bool)
    raster[1::2, 1::2] = False
    polygon = contours.trace(masks.from_pixels(raster))
    assert polygon is not None
    assert [len(part.holes) for part in polygon.parts] == [32 * 32]
    checkerboard = np.indices((64, 64)).sum(axis=0) % 2 == 0
    polygon = contours.trace(masks.from_pixels(checkerboard))
    assert polygon is not None
    assert len(polygon.parts) == 64 * 32
