"""What `exporters.shapes.convert` promises: shapes as others, each in a sense that is said, or nothing."""

from __future__ import annotations

import itertools
import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.model import (
    SHAPES,
    Box,
    Ellipse,
    Keyframe,
    Mask,
    Part,
    Point,
    Polygon,
    RotatedBox,
    Shape,
    Skeleton,
    Track,
    shape_name,
)
from exporters.options import Conversion
from exporters.shapes import convert, geometry, masks
from tests import strategies
from tests.fakes.datasets import BLOB, HEIGHT, PAIR, RING, SQUARE, WIDTH

SIZE = (WIDTH, HEIGHT)
CONVERSIONS: tuple[Conversion, ...] = get_args(Conversion)
EMPTY = Mask(WIDTH, HEIGHT, (WIDTH * HEIGHT,))


def converted(shape: Shape, *conversions: Conversion) -> Shape | None:
    """The shape after conversions that all apply."""
    result, applied = convert.convert(shape, conversions, SIZE)
    assert applied == conversions
    return result


# -- which, and in which order ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("conversion", CONVERSIONS)
@given(data=st.data())
def test_every_conversion_makes_what_its_name_says(conversion: Conversion, data: st.DataObject) -> None:
    """Each conversion that an option can name takes the one shape and makes the other."""
    shape = data.draw(strategies.MOVING[convert.source(conversion)])
    result = converted(shape, conversion)
    assert result is None or shape_name(result) == convert.result(conversion)


@given(strategies.shapes(), st.permutations(CONVERSIONS), st.integers(0, len(CONVERSIONS)))
def test_what_a_format_can_be_given_is_known_before(shape: Shape, order: list[Conversion], count: int) -> None:
    """`held_after` says of each shape whether it will be one that the format holds, once it is converted."""
    conversions = order[:count]
    result, _ = convert.convert(shape, conversions, SIZE)
    for held in SHAPES:
        if result is not None:
            expected = shape_name(result) == held
            assert (shape_name(shape) in convert.held_after(frozenset({held}), conversions)) == expected


def test_conversions_are_applied_in_their_order() -> None:
    """An ellipse becomes a mask by way of a polygon; asked for the other way round, it stays a polygon."""
    ellipse = Ellipse(30, 20, 9, 4)
    assert isinstance(converted(ellipse, "ellipse_to_polygon", "polygon_to_mask"), Mask)
    result, applied = convert.convert(ellipse, ("polygon_to_mask", "ellipse_to_polygon"), SIZE)
    assert isinstance(result, Polygon)
    assert applied == ("ellipse_to_polygon",)
    assert "ellipse" in convert.held_after(frozenset({"mask"}), ("ellipse_to_polygon", "polygon_to_mask"))
    assert "ellipse" not in convert.held_after(frozenset({"mask"}), ("polygon_to_mask", "ellipse_to_polygon"))


def test_format_loses_a_shape_that_is_converted_away() -> None:
    """A shape that the format holds, and that is turned into one it does not hold, cannot be exported."""
    assert convert.held_after(frozenset({"box", "polygon"}), ("polygon_to_mask",)) == {"box"}


@given(strategies.shapes())
def test_shape_that_nothing_matches_is_not_touched(shape: Shape) -> None:
    """Without a conversion of its own, a shape comes back as the same object."""
    others = [one for one in CONVERSIONS if convert.source(one) != shape_name(shape)]
    assert convert.convert(shape, others, SIZE) == (shape, ())
    assert convert.convert(shape, others, SIZE)[0] is shape


def test_polygon_is_not_painted_where_no_size_is_known() -> None:
    """A mask has the size of its picture; where nobody knows that, a polygon stays a polygon."""
    assert convert.convert(SQUARE, ("polygon_to_mask",), None) == (SQUARE, ())


# -- what becomes of shapes -------------------------------------------------------------------------------------------


@given(strategies.ellipses())
def test_polygon_of_an_ellipse_lies_on_it(ellipse: Ellipse) -> None:
    """64 points on the ellipse; the polygon in it has 99.84 % of its area, and is within 0.12 % of its radius."""
    polygon = converted(ellipse, "ellipse_to_polygon")
    assert isinstance(polygon, Polygon)
    (part,) = polygon.parts
    assert len(part.ring) == 64
    assert geometry.area(polygon) == pytest.approx(0.998394 * geometry.area(ellipse), rel=1e-5)
    middles = [((x + to_x) / 2, (y + to_y) / 2) for (x, y), (to_x, to_y) in itertools.pairwise(part.ring)]
    assert [reach(ellipse, point) for point in part.ring] == pytest.approx([1] * 64)
    assert min(reach(ellipse, middle) for middle in middles) > 1 - 0.00121


def reach(ellipse: Ellipse, point: Point) -> float:
    """How far out a point lies: 0 in the centre, 1 on the ellipse."""
    x, y = point[0] - ellipse.center_x, point[1] - ellipse.center_y
    cos, sin = math.cos(ellipse.angle), math.sin(ellipse.angle)
    return math.hypot((x * cos + y * sin) / ellipse.radius_x, (y * cos - x * sin) / ellipse.radius_y)


@given(st.one_of(strategies.boxes(), strategies.rotated_boxes()))
def test_polygon_of_a_box_has_its_corners(box: Box | RotatedBox) -> None:
    """A box becomes its four corners, of the same bounds and area."""
    polygon = converted(box, "box_to_polygon" if isinstance(box, Box) else "rotated_box_to_polygon")
    assert isinstance(polygon, Polygon)
    assert len(polygon.parts[0].ring) == 4
    assert geometry.area(polygon) == pytest.approx(geometry.area(box))
    around, expected = geometry.bounds(polygon), geometry.bounds(box)
    assert around is not None
    assert expected is not None
    assert geometry.ltwh_to_ltrb(around) == pytest.approx(geometry.ltwh_to_ltrb(expected))


@pytest.mark.parametrize("conversion", [one for one in CONVERSIONS if convert.result(one) == "box"])
@given(data=st.data())
def test_box_of_a_shape_is_its_bounds(conversion: Conversion, data: st.DataObject) -> None:
    """A box is the bounds of the shape it is made from."""
    shape = data.draw(strategies.MOVING[convert.source(conversion)])
    box = converted(shape, conversion)
    bounds = geometry.bounds(shape)
    assert box == (bounds if bounds and bounds.width and bounds.height else None)


def test_box_of_a_polygon_holds_all_its_parts() -> None:
    """One object in two parts gets one box around both."""
    assert converted(PAIR, "polygon_to_box") == Box(10, 10, 30, 34)


@given(strategies.polygons(), st.lists(strategies.ANGLES, min_size=8, max_size=8))
def test_rotated_box_of_a_polygon_is_the_smallest(polygon: Polygon, angles: list[float]) -> None:
    """It holds every point, no rectangle at another angle is smaller, and it is turned by 45 degrees at most."""
    box = converted(polygon, "polygon_to_rotated_box")
    assert isinstance(box, RotatedBox)
    points = np.array(polygon.parts[0].ring)
    along, across = extents(points - (box.center_x, box.center_y), box.angle)
    assert (along.min(), along.max()) == pytest.approx((-box.width / 2, box.width / 2), abs=1e-9)
    assert (across.min(), across.max()) == pytest.approx((-box.height / 2, box.height / 2), abs=1e-9)
    for angle in (*angles, *np.linspace(0, math.pi / 2, 91)):
        assert box.width * box.height <= math.prod(map(np.ptp, extents(points, angle))) * (1 + 1e-9)
    assert abs(box.angle) <= math.pi / 4 + 1e-9


def extents(points: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    cos, sin = math.cos(angle), math.sin(angle)
    return points @ (cos, sin), points @ (-sin, cos)


@given(strategies.rotated_boxes())
def test_rotated_box_comes_back_from_its_polygon(box: RotatedBox) -> None:
    """A rotated box that became a polygon becomes the same rectangle again, whichever side is called its width."""
    again = converted(box, "rotated_box_to_polygon", "polygon_to_rotated_box")
    assert isinstance(again, RotatedBox)
    assert (again.center_x, again.center_y) == pytest.approx((box.center_x, box.center_y), abs=1e-6)
    assert sorted((again.width, again.height)) == pytest.approx(sorted((box.width, box.height)), abs=1e-6)
    turns = (again.angle - box.angle) / (math.pi / 2)
    assert turns == pytest.approx(round(turns), abs=1e-6)


@given(st.one_of(strategies.polygons(), strategies.holed_polygons(), st.just(PAIR)))
def test_mask_of_a_polygon_has_the_pixels_in_it(polygon: Polygon) -> None:
    """A polygon becomes the pixels whose centre lies in it and in none of its holes; nothing when there are none."""
    pixels = masks.rasterize(polygon.parts, *SIZE)
    assert converted(polygon, "polygon_to_mask") == (masks.from_pixels(pixels) if pixels.any() else None)


@given(strategies.masks())
def test_mask_becomes_a_polygon_and_itself_again(mask: Mask) -> None:
    """A mask and its polygon cover the same pixels; an empty mask is neither."""
    result, _ = convert.convert(mask, ("mask_to_polygon", "polygon_to_mask"), SIZE)
    assert result == (mask if masks.area(mask) else None)


# -- nothing left -----------------------------------------------------------------------------------------------------

NOWHERE = Polygon((Part(((math.nan, 1.0), (2.0, 2.0), (3.0, math.inf))),))


@pytest.mark.parametrize(
    ("shape", "conversion"),
    [
        (EMPTY, "mask_to_box"),
        (EMPTY, "mask_to_polygon"),
        (Mask(WIDTH, HEIGHT, (5, 5)), "mask_to_polygon"),
        (Mask(WIDTH, HEIGHT, (-1, WIDTH * HEIGHT + 1)), "mask_to_box"),
        (Mask(2, 2, (0, 4)), "mask_to_polygon"),
        (Skeleton(((5, 5), (9, 9)), (2, 0)), "skeleton_to_box"),
        (Skeleton(((5, 5), (5, 9)), (2, 1)), "skeleton_to_box"),
        (Skeleton((), ()), "skeleton_to_box"),
        (Box(5, 5, 0, 3), "box_to_polygon"),
        (RotatedBox(5, 5, 0, 3, 0.0), "rotated_box_to_polygon"),
        (Ellipse(5, 5, 4, 0), "ellipse_to_polygon"),
        (Polygon(()), "polygon_to_box"),
        (Polygon((Part(()),)), "polygon_to_mask"),
        (Polygon((Part(((1, 1), (9, 9))),)), "polygon_to_rotated_box"),
        (Polygon((Part(((1, 1), (5, 5), (9, 9))),)), "polygon_to_rotated_box"),
        (Polygon((Part(((1, 1), (9, 9))),)), "polygon_to_mask"),
        (Polygon((Part(((90, 90), (99, 90), (90, 99))),)), "polygon_to_mask"),
        (Skeleton(((5, 5),), (2,), Mask(0, 0, (5, 5))), "skeleton_to_box"),
        (Polygon((Part(((1, 1), (9, 1), (math.nan, math.nan), (9, 9))),)), "polygon_to_mask"),
        (NOWHERE, "polygon_to_box"),
        (NOWHERE, "polygon_to_rotated_box"),
        (NOWHERE, "polygon_to_mask"),
    ],
)
def test_nothing_is_left_of_a_shape_without_extent_or_sense(shape: Shape, conversion: Conversion) -> None:
    """No pixels, no extent, a mask of another size, coordinates that are no numbers: nothing is left, nothing fails."""
    assert converted(shape, conversion) is None


def test_what_is_nothing_is_not_converted_on() -> None:
    """Behind the conversion that leaves nothing, no other one counts as applied."""
    assert convert.convert(EMPTY, ("mask_to_polygon", "polygon_to_box"), SIZE) == (None, ("mask_to_polygon",))


# -- tracks -----------------------------------------------------------------------------------------------------------


@given(strategies.tracks("ellipse"))
def test_key_frames_of_a_track_are_converted_one_by_one(track: Track) -> None:
    """Frames, attributes and what is outside stay; each shape is converted as it would be by itself."""
    result = converted(track, "ellipse_to_polygon", "polygon_to_box")
    assert isinstance(result, Track)
    assert [(one.frame, one.is_outside, one.attributes) for one in result.keyframes] == [
        (one.frame, one.is_outside, one.attributes) for one in track.keyframes
    ]
    expected = [converted(one.shape, "ellipse_to_polygon", "polygon_to_box") for one in track.keyframes]
    assert [one.shape for one in result.keyframes] == expected


def test_track_is_outside_from_where_nothing_is_left() -> None:
    """An empty mask in a track means that the object is gone; before the first mask with pixels there is no track."""
    track = Track((Keyframe(1, EMPTY), Keyframe(3, BLOB), Keyframe(5, EMPTY), Keyframe(8, BLOB)))
    box = geometry.bounds(BLOB)
    assert box is not None
    assert converted(track, "mask_to_box") == Track(
        (Keyframe(3, box), Keyframe(5, box, is_outside=True), Keyframe(8, box))
    )
    assert converted(Track((Keyframe(1, EMPTY),)), "mask_to_polygon") is None


def test_rectangle_that_turns_does_not_flip() -> None:
    """The rotated boxes of a turning polygon go on turning, past 45 degrees too, and keep their sides."""
    angles = [0.3 * index for index in range(10)]
    turning = [Polygon((Part(geometry.corners(RotatedBox(30, 20, 12, 6, angle))),)) for angle in angles]
    track = Track(tuple(Keyframe(index, polygon) for index, polygon in enumerate(turning)))
    result = converted(track, "polygon_to_rotated_box")
    assert isinstance(result, Track)
    boxes = [one.shape for one in result.keyframes if isinstance(one.shape, RotatedBox)]
    assert [box.angle for box in boxes] == pytest.approx(angles)
    assert [box.width for box in boxes] == pytest.approx([12] * 10)


def test_holes_do_not_count_for_a_rectangle() -> None:
    """The smallest rectangle around a square with a hole is the square."""
    box = converted(RING, "polygon_to_rotated_box")
    assert box == RotatedBox(14, 14, 20, 20, 0.0)
