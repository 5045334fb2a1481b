"""What `exporters.shapes.hull` promises: convex hulls, and rectangles that are said in another way."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.model import Point, RotatedBox
from exporters.shapes import geometry, hull
from tests import strategies

GRID = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=30)


@given(GRID)
def test_hull_is_convex_and_holds_all_points(points: list[Point]) -> None:
    """Its corners are some of the points, it turns clockwise at each of them, and no point lies outside."""
    corners = hull.convex_hull(points)
    assert set(corners) <= set(points)
    if len(corners) < 3:
        return
    assert geometry.signed_area(corners) > 0
    for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        sides = [(x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) for x, y in points]
        assert min(sides) >= 0
        assert {point for point, side in zip(points, sides, strict=True) if side == 0} & set(corners) == {
            (x0, y0),
            (x1, y1),
        }


@given(GRID)
def test_hull_does_not_depend_on_the_order(points: list[Point]) -> None:
    """The same points in another order have the same hull, beginning at the same corner."""
    assert hull.convex_hull(points) == hull.convex_hull(points[::-1]) == hull.convex_hull(sorted(points))


def test_hull_of_points_on_a_line_is_its_ends() -> None:
    """Points on a line have two corners, one point has itself, none has none."""
    assert hull.convex_hull([(1, 1), (3, 3), (2, 2), (3, 3)]) == ((1, 1), (3, 3))
    assert hull.convex_hull([(1, 1), (1, 1)]) == ((1, 1),)
    assert hull.convex_hull([]) == ()
    assert hull.smallest_rectangle([(1, 1), (3, 3), (2, 2)]) is None


@given(strategies.rotated_boxes(), strategies.coordinates(-20, 20))
def test_rectangle_at_a_near_angle_is_the_same_rectangle(box: RotatedBox, angle: float) -> None:
    """It has the same corners, and is turned from the angle by an eighth of a turn at most."""
    turned = hull.turned_near(box, angle)
    assert abs(turned.angle - angle) <= math.pi / 4 + 1e-9
    for corner in geometry.corners(box):
        assert min(math.dist(corner, other) for other in geometry.corners(turned)) < 1e-6


def test_upright_square_is_not_turned() -> None:
    """Of rectangles that are as good, the first is taken, and an upright one has the angle 0."""
    corners = ((10.0, 10.0), (20.0, 10.0), (20.0, 20.0), (10.0, 20.0))
    for order in itertools.permutations(corners):
        assert hull.smallest_rectangle(order) == RotatedBox(15, 15, 10, 10, pytest.approx(0))
