"""What joining rings by seams promises: one ring that encloses the same pixels."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exporters.model import Part, Polygon
from exporters.shapes import contours, masks, seams
from exporters.shapes.rings import signed_area
from tests import strategies
from tests.fakes.datasets import HEIGHT, PAIR, RING, SQUARE, WIDTH


def painted(polygon: Polygon) -> bytes:
    return masks.rasterize(polygon.parts, WIDTH, HEIGHT).tobytes()


def joined(polygon: Polygon) -> Polygon:
    return Polygon((Part(tuple(seams.one_ring(polygon.parts))),))


def test_ring_of_one_part_is_left_as_it_is() -> None:
    """A polygon of one part without holes keeps its points, their order and their direction."""
    for ring in (SQUARE.parts[0].ring, SQUARE.parts[0].ring[::-1]):
        assert seams.one_ring((Part(ring),)) == ring


def test_hole_and_parts_stay() -> None:
    """A hole is not filled, two parts are not connected, and their areas add up."""
    for polygon, area in ((RING, 400 - 64), (PAIR, 100 + 70)):
        assert painted(joined(polygon)) == painted(polygon)
        assert signed_area(joined(polygon).parts[0].ring) == area


@given(strategies.pixels(), st.booleans())
def test_joined_outlines_of_a_mask_paint_the_mask(pixels: masks.Pixels, is_reversed: bool) -> None:
    """Any number of parts and holes, in any direction, is one ring that paints the same pixels."""
    traced = contours.trace(masks.from_pixels(pixels))
    if traced is None:
        return
    if is_reversed:
        traced = Polygon(tuple(Part(part.ring[::-1], part.holes) for part in traced.parts))
    height, width = pixels.shape
    assert (masks.rasterize(joined(traced).parts, width, height) == pixels).all()


@given(strategies.pixels())
def test_no_point_is_lost_or_made(pixels: masks.Pixels) -> None:
    """The ring passes through the points of all rings, and through no others."""
    traced = contours.trace(masks.from_pixels(pixels))
    if traced is None:
        return
    given_points = {point for part in traced.parts for ring in (part.ring, *part.holes) for point in ring}
    assert set(seams.one_ring(traced.parts)) == given_points
