"""Rings: measured quickly, and as going from point to point would measure them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given

from exporters.model import Box, Part, Point, Polygon
from exporters.shapes import geometry, rings
from tests import strategies

UNIT = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


@given(strategies.rings(margin=20))
def test_extent_is_that_of_the_polygon(ring: tuple[Point, ...]) -> None:
    """The box around a ring is the bounds of the polygon of this ring, to the last bit."""
    assert rings.extent(ring) == geometry.bounds(Polygon((Part(ring),)))


@given(strategies.rings(margin=20))
def test_area_is_that_of_the_polygon(ring: tuple[Point, ...]) -> None:
    """Its area is that of the polygon, to the last bit, and changes its sign when the ring runs the other way round."""
    area = rings.signed_area(ring)
    assert abs(area) == geometry.area(Polygon((Part(ring),)))
    assert rings.signed_area(ring[::-1]) == pytest.approx(-area)


def test_area_of_what_has_none() -> None:
    """A square of one pixel has an area of one; a line, a point and nothing have none."""
    assert [rings.signed_area(UNIT[:count]) for count in (4, 2, 1, 0)] == [1.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", range(4))
def test_a_coordinate_that_is_no_number_is_found(wrong: float, place: int) -> None:
    """Wherever it stands in a ring, a coordinate that is no finite number makes that there is no extent."""
    ring = list(UNIT)
    ring[place] = (0.5, wrong)
    assert rings.extent(ring) is None
    assert rings.extent(UNIT) == Box(0.0, 0.0, 1.0, 1.0)
