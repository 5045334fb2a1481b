"""What `exporters.shapes.geometry` promises: bounds, areas, clipping, and turning with the picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from exporters.model import (
    Box,
    Classification,
    Ellipse,
    Mask,
    Part,
    Point,
    Polygon,
    Polyline,
    Relation,
    RotatedBox,
    Shape,
    Skeleton,
    TextSpan,
    TimeSpan,
    Unknown,
)
from exporters.shapes import geometry, masks
from tests import strategies
from tests.fakes.datasets import BLOB, HEIGHT, PAIR, RING, SQUARE, WIDTH

if TYPE_CHECKING:
    from exporters.shapes.masks import Pixels

ORIENTATION_TAG = 0x0112
BACK = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
"""The orientation that undoes another."""
ALL_ORIENTATIONS = pytest.mark.parametrize("orientation", range(1, 9))


def turned_by_pillow(pixels: Pixels, orientation: int) -> Pixels:
    image = Image.fromarray(pixels.astype(np.uint8) * 255)
    image.getexif()[ORIENTATION_TAG] = orientation
    return np.asarray(ImageOps.exif_transpose(image)) > 0


def raster(shape: Shape, width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    match shape:
        case Box(left, top, box_width, box_height):
            upright = RotatedBox(left + box_width / 2, top + box_height / 2, box_width, box_height, 0.0)
            return raster(upright, width, height)
        case RotatedBox():
            return masks.rasterize([Part(geometry.corners(shape))], width, height)
        case Polygon(parts):
            return masks.rasterize(parts, width, height)
        case _:
            raise NotImplementedError(shape)


def rings_of(shape: Shape) -> list[tuple[Point, ...]]:
    match shape:
        case Polygon(parts):
            return [ring for part in parts for ring in (part.ring, *part.holes)]
        case RotatedBox():
            return [geometry.corners(shape)]
        case _:
            raise NotImplementedError(shape)


def near_an_edge(shape: Shape, width: int = WIDTH, height: int = HEIGHT, within: float = 1e-6) -> Pixels:
    """The pixels whose centre lies on an edge but for a rounding: which side they are on is anybody's guess."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    near = np.zeros((height, width), dtype=bool)
    for ring in rings_of(shape):
        for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]], strict=True):
            length = (x1 - x0) ** 2 + (y1 - y0) ** 2
            share = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length, 0, 1) if length else 0.0
            near |= np.hypot(x - x0 - share * (x1 - x0), y - y0 - share * (y1 - y0)) < within
    return near


def perimeter(polygon: Polygon) -> float:
    return sum(
        math.dist(start, end)
        for ring in rings_of(polygon)
        for start, end in zip(ring, [*ring[1:], ring[0]], strict=True)
    )


# -- boxes ------------------------------------------------------------------------------------------------------------


@given(strategies.boxes(margin=20))
def test_box_layouts_invert(box: Box) -> None:
    """Turning a box into its edges and back gives the same box."""
    again = geometry.ltrb_to_ltwh(*geometry.ltwh_to_ltrb(box))
    assert (again.left, again.top) == (box.left, box.top)
    assert (again.width, again.height) == pytest.approx((box.width, box.height))


def test_box_of_the_whole_picture_is_inside() -> None:
    """A box over a whole picture of W x H is 0, 0, W, H, and lies inside it."""
    assert geometry.is_inside(Box(0, 0, WIDTH, HEIGHT), WIDTH, HEIGHT)


@pytest.mark.parametrize("box", [Box(-0.01, 0, 5, 5), Box(0, -0.01, 5, 5), Box(60, 0, 4.01, 5), Box(0, 44, 5, 4.01)])
def test_box_over_a_border_is_not_inside(box: Box) -> None:
    """A box that reaches over any of the four borders is not inside."""
    assert not geometry.is_inside(box, WIDTH, HEIGHT)


@given(strategies.boxes(margin=60))
def test_clipped_box_is_the_intersection(box: Box) -> None:
    """A clipped box is what the box and the picture share; None when they share nothing."""
    left, top, right, bottom = geometry.ltwh_to_ltrb(box)
    width = min(right, WIDTH) - max(left, 0)
    height = min(bottom, HEIGHT) - max(top, 0)
    clipped = geometry.clip_box(box, WIDTH, HEIGHT)
    if width <= 0 or height <= 0:
        assert clipped is None
        return
    assert clipped is not None
    assert geometry.is_inside(clipped, WIDTH, HEIGHT)
    assert (clipped.width, clipped.height) == pytest.approx((width, height), abs=1e-9)
    assert (clipped.left, clipped.top) == (max(left, 0), max(top, 0))


@pytest.mark.parametrize(
    "box", [Box(5, 5, 0, 3), Box(5, 5, 3, 0), Box(5, 5, -2, 3), Box(64, 0, 5, 5), Box(-5, 0, 5, 5)]
)
def test_clipping_leaves_no_box_without_extent(box: Box) -> None:
    """A box of no extent, or that only touches the picture, is nothing after clipping."""
    assert geometry.clip_box(box, WIDTH, HEIGHT) is None


# -- bounds and areas -------------------------------------------------------------------------------------------------


@given(strategies.polygons(margin=10))
def test_bounds_of_a_polygon_touch_its_outermost_points(polygon: Polygon) -> None:
    """The bounds of a polygon hold each point, and each side touches one."""
    bounds = geometry.bounds(polygon)
    assert bounds is not None
    xs, ys = zip(*polygon.parts[0].ring, strict=True)
    assert geometry.ltwh_to_ltrb(bounds) == pytest.approx((min(xs), min(ys), max(xs), max(ys)))


def test_bounds_span_all_parts() -> None:
    """The bounds of an object in several parts are those of all of them."""
    assert geometry.bounds(PAIR) == Box(10, 10, 30, 34)


@given(strategies.rotated_boxes())
def test_bounds_of_a_rotated_box_hold_its_corners(box: RotatedBox) -> None:
    """The bounds of a rotated box are those of the polygon of its corners."""
    assert geometry.bounds(box) == geometry.bounds(Polygon((Part(geometry.corners(box)),)))


@given(strategies.rotated_boxes())
def test_rotated_box_keeps_area_and_centre(box: RotatedBox) -> None:
    """Turning a box changes neither its area nor its centre."""
    corners = geometry.corners(box)
    assert geometry.signed_area(corners) == pytest.approx(box.width * box.height)
    assert geometry.area(box) == pytest.approx(box.width * box.height)
    assert np.mean(corners, axis=0) == pytest.approx((box.center_x, box.center_y), abs=1e-9)


def test_rotated_box_turns_clockwise_on_the_screen() -> None:
    """A quarter turn takes the top-left corner to the top-right."""
    corners = geometry.corners(RotatedBox(10, 10, 4, 2, math.pi / 2))
    assert corners[0] == pytest.approx((11, 8))
    assert corners[1] == pytest.approx((11, 12))


@given(strategies.ellipses(), st.lists(strategies.ANGLES, min_size=8, max_size=8))
def test_bounds_of_an_ellipse_hold_its_points(ellipse: Ellipse, angles: list[float]) -> None:
    """No point of an ellipse lies outside its bounds, and its outermost ones touch them."""
    bounds = geometry.bounds(ellipse)
    assert bounds is not None
    dense = [*angles, *np.linspace(-math.pi, math.pi, 720)]
    xs, ys = zip(*(on_ellipse(ellipse, angle) for angle in dense), strict=True)
    left, top, right, bottom = geometry.ltwh_to_ltrb(bounds)
    assert left - 1e-9 <= min(xs)
    assert top - 1e-9 <= min(ys)
    assert max(xs) <= right + 1e-9
    assert max(ys) <= bottom + 1e-9
    assert (min(xs), min(ys), max(xs), max(ys)) == pytest.approx((left, top, right, bottom), abs=0.01)


def on_ellipse(ellipse: Ellipse, angle: float) -> Point:
    x, y = ellipse.radius_x * math.cos(angle), ellipse.radius_y * math.sin(angle)
    cos, sin = math.cos(ellipse.angle), math.sin(ellipse.angle)
    return ellipse.center_x + x * cos - y * sin, ellipse.center_y + x * sin + y * cos


def test_circle_has_the_area_of_a_circle() -> None:
    """The area of an ellipse of two equal radii is pi r squared."""
    assert geometry.area(Ellipse(20, 20, 10, 10, 1.0)) == pytest.approx(314.159265)


@given(st.one_of(strategies.polygons(), strategies.holed_polygons()))
def test_area_of_a_polygon_is_that_of_its_pixels(polygon: Polygon) -> None:
    """A polygon's area, holes taken off, is the number of its pixels but for those along its edges."""
    assert abs(geometry.area(polygon) - raster(polygon).sum()) <= perimeter(polygon) + 1


def test_areas_of_known_shapes() -> None:
    """Squares, holes, parts and masks have the areas one counts by hand."""
    assert geometry.area(SQUARE) == 100
    assert geometry.area(RING) == 400 - 64
    assert geometry.area(PAIR) == 100 + 70
    assert geometry.area(BLOB) == 10
    assert geometry.area(Box(3, 3, 2.5, 4)) == 10


def test_ring_area_has_a_sign() -> None:
    """A ring's area is positive when it runs clockwise on the screen, negative the other way round."""
    ring = SQUARE.parts[0].ring
    assert geometry.signed_area(ring) == 100
    assert geometry.signed_area(ring[::-1]) == -100


@given(strategies.pixels())
def test_mask_bounds_and_area_agree_with_its_pixels(pixels: Pixels) -> None:
    """A mask's area is the number of painted pixels, its bounds are the smallest box around them."""
    mask = masks.from_pixels(pixels)
    assert geometry.area(mask) == pixels.sum()
    rows, columns = np.nonzero(pixels)
    bounds = geometry.bounds(mask)
    if not len(rows):
        assert bounds is None
        return
    assert bounds is not None
    assert geometry.ltwh_to_ltrb(bounds) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_skeleton_bounds_are_those_of_its_marked_points() -> None:
    """Points that were not labelled do not count for the bounds of a skeleton."""
    skeleton = Skeleton(((10, 10), (20, 30), (0, 0)), (2, 1, 0))
    assert geometry.bounds(skeleton) == Box(10, 10, 10, 20)
    assert geometry.area(skeleton) == 200


def test_skeleton_with_an_outline_is_as_large_as_that() -> None:
    """A skeleton's outline, where there is one, decides about its bounds and area."""
    skeleton = Skeleton(((10, 10), (20, 30)), (2, 2), SQUARE)
    assert geometry.bounds(skeleton) == Box(10, 10, 10, 10)
    assert geometry.area(skeleton) == 100


@pytest.mark.parametrize(
    "shape",
    [
        Classification(),
        Unknown("cuboid"),
        Skeleton(((0, 0),), (0,)),
        Mask(4, 3, (12,)),
        Mask(0, 0, ()),
        TextSpan(3, 9, "castle"),
        TimeSpan(1.5, 2.5),
        Relation("a", "b"),
    ],
)
def test_shape_without_a_place_has_no_bounds(shape: Shape) -> None:
    """A shape that marks nothing has no bounds and no area."""
    assert geometry.bounds(shape) is None
    assert geometry.area(shape) == 0


# -- clipping polygons ------------------------------------------------------------------------------------------------


def inside(polygon: Polygon) -> bool:
    return all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for ring in rings_of(polygon) for x, y in ring)


@given(strategies.polygons(margin=40, convex=True))
def test_clipped_convex_polygon_has_the_area_that_was_visible(polygon: Polygon) -> None:
    """A clipped convex polygon lies in the picture, and its area is that of the pixels which the whole one covers."""
    clipped = geometry.clip_polygon(polygon, WIDTH, HEIGHT)
    visible = raster(polygon).sum()
    if clipped is None:
        assert visible == 0
        return
    assert inside(clipped)
    assert abs(geometry.area(clipped) - visible) <= perimeter(clipped) + 1


@given(strategies.polygons(margin=40))
def test_clipping_a_polygon_keeps_its_pixels(polygon: Polygon) -> None:
    """Whatever its form, a polygon covers the same pixels of the picture before and after it is clipped."""
    clipped = geometry.clip_polygon(polygon, WIDTH, HEIGHT)
    unsure = near_an_edge(polygon)
    after = np.zeros((HEIGHT, WIDTH), dtype=bool) if clipped is None else raster(clipped)
    assert ((raster(polygon) == after) | unsure).all()
    assert clipped is None or inside(clipped)


@given(strategies.polygons())
def test_clipping_leaves_a_polygon_inside_as_it_is(polygon: Polygon) -> None:
    """A polygon that lies in the picture comes back point for point."""
    assume(inside(polygon))
    assert geometry.clip_polygon(polygon, WIDTH, HEIGHT) == polygon


def test_polygon_outside_is_clipped_to_nothing() -> None:
    """A polygon beside the picture, or only touching it, leaves nothing."""
    beside = Polygon((Part(((70, 10), (90, 10), (80, 20))),))
    touching = Polygon((Part(((64, 10), (90, 10), (90, 20), (64, 20))),))
    assert geometry.clip_polygon(beside, WIDTH, HEIGHT) is None
    assert geometry.clip_polygon(touching, WIDTH, HEIGHT) is None


def test_clipping_drops_only_the_parts_outside() -> None:
    """Of an object in several parts, those in the picture stay."""
    outside = Part(((70, 10), (90, 10), (80, 20)))
    assert geometry.clip_polygon(Polygon((outside, *SQUARE.parts)), WIDTH, HEIGHT) == SQUARE


def test_clipping_cuts_holes_too() -> None:
    """A hole is cut where its ring is, so that the area is right."""
    moved = Polygon(
        (
            Part(
                tuple((x - 14, y) for x, y in RING.parts[0].ring),
                (tuple((x - 14, y) for x, y in RING.parts[0].holes[0]),),
            ),
        )
    )
    clipped = geometry.clip_polygon(moved, WIDTH, HEIGHT)
    assert clipped is not None
    assert geometry.area(clipped) == 10 * 20 - 4 * 8


# -- turning with the picture -----------------------------------------------------------------------------------------


@ALL_ORIENTATIONS
def test_upright_size_is_pillows(orientation: int) -> None:
    """The size of the upright picture is the one Pillow shows."""
    shown = turned_by_pillow(np.zeros((HEIGHT, WIDTH), dtype=bool), orientation)
    assert geometry.upright_size(WIDTH, HEIGHT, orientation) == shown.shape[::-1]


@ALL_ORIENTATIONS
@given(strategies.whole_boxes())
def test_turned_box_covers_the_turned_pixels(orientation: int, box: Box) -> None:
    """A box moved upright covers the pixels that Pillow moves under it."""
    moved = geometry.to_upright(box, WIDTH, HEIGHT, orientation)
    size = geometry.upright_size(WIDTH, HEIGHT, orientation)
    assert (raster(moved, *size) == turned_by_pillow(raster(box), orientation)).all()


@ALL_ORIENTATIONS
@given(strategies.masks())
def test_turned_mask_is_the_turned_picture(orientation: int, mask: Mask) -> None:
    """A mask moved upright has the pixels that Pillow shows, and the upright size."""
    moved = geometry.to_upright(mask, WIDTH, HEIGHT, orientation)
    assert isinstance(moved, Mask)
    assert (moved.width, moved.height) == geometry.upright_size(WIDTH, HEIGHT, orientation)
    assert (masks.to_pixels(moved) == turned_by_pillow(masks.to_pixels(mask), orientation)).all()


@ALL_ORIENTATIONS
@given(st.one_of(strategies.polygons(), strategies.holed_polygons(), strategies.rotated_boxes(), st.just(PAIR)))
def test_turning_and_painting_commute(orientation: int, shape: Shape) -> None:
    """Turning an outline and painting it gives what painting it and turning the pixels gives."""
    moved = geometry.to_upright(shape, WIDTH, HEIGHT, orientation)
    size = geometry.upright_size(WIDTH, HEIGHT, orientation)
    same = raster(moved, *size) == turned_by_pillow(raster(shape), orientation)
    assert (same | near_an_edge(moved, *size)).all()


@ALL_ORIENTATIONS
@given(strategies.ellipses(), strategies.ANGLES)
def test_turned_ellipse_goes_through_the_turned_points(orientation: int, ellipse: Ellipse, angle: float) -> None:
    """A point of an ellipse, moved upright, is a point of the ellipse moved upright."""
    line = geometry.to_upright(Polyline((on_ellipse(ellipse, angle),)), WIDTH, HEIGHT, orientation)
    moved = geometry.to_upright(ellipse, WIDTH, HEIGHT, orientation)
    assert isinstance(line, Polyline)
    assert isinstance(moved, Ellipse)
    x, y = line.points[0][0] - moved.center_x, line.points[0][1] - moved.center_y
    cos, sin = math.cos(moved.angle), math.sin(moved.angle)
    along, across = x * cos + y * sin, y * cos - x * sin
    assert (along / moved.radius_x) ** 2 + (across / moved.radius_y) ** 2 == pytest.approx(1, abs=1e-6)


@ALL_ORIENTATIONS
@given(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1))
def test_turned_point_stays_in_its_pixel(orientation: int, column: int, row: int) -> None:
    """Points of lines and skeletons go where Pillow moves the pixel they lie in."""
    pixels = np.zeros((HEIGHT, WIDTH), dtype=bool)
    pixels[row, column] = True
    (shown_row, shown_column), *_ = np.argwhere(turned_by_pillow(pixels, orientation))
    at = (column + 0.25, row + 0.75)
    for shape in (Polyline((at,)), Skeleton((at,), (2,))):
        moved = geometry.to_upright(shape, WIDTH, HEIGHT, orientation)
        assert isinstance(moved, Polyline | Skeleton)
        assert np.floor(moved.points[0]).tolist() == [shown_column, shown_row]


@ALL_ORIENTATIONS
@given(strategies.shapes())
def test_turning_back_restores_the_shape(orientation: int, shape: Shape) -> None:
    """Every turn has one that undoes it."""
    size = geometry.upright_size(WIDTH, HEIGHT, orientation)
    moved = geometry.to_upright(shape, WIDTH, HEIGHT, orientation)
    back = geometry.to_upright(moved, *size, BACK[orientation])
    assert type(back) is type(shape)
    before, after = geometry.bounds(shape), geometry.bounds(back)
    if isinstance(shape, Mask | Classification | Unknown):
        assert back == shape
    if before is None or after is None:
        assert before is after
    else:
        assert geometry.ltwh_to_ltrb(after) == pytest.approx(geometry.ltwh_to_ltrb(before), abs=1e-9)


@ALL_ORIENTATIONS
@given(strategies.shapes())
def test_turning_keeps_the_area(orientation: int, shape: Shape) -> None:
    """No turn makes a shape larger or smaller."""
    moved = geometry.to_upright(shape, WIDTH, HEIGHT, orientation)
    assert geometry.area(moved) == pytest.approx(geometry.area(shape), abs=1e-6)


@ALL_ORIENTATIONS
@pytest.mark.parametrize("shape", [Classification(), TextSpan(3, 9), TimeSpan(1.5, 2.5), Relation("a", "b")])
def test_shape_without_a_place_does_not_turn(orientation: int, shape: Shape) -> None:
    """What lies in a text, in time or between annotations is the same whichever way up the picture is."""
    assert geometry.to_upright(shape, WIDTH, HEIGHT, orientation) is shape


def test_outline_of_a_skeleton_turns_with_it() -> None:
    """A skeleton's outline moves upright together with its points."""
    moved = geometry.to_upright(Skeleton(((1, 2),), (2,), SQUARE), WIDTH, HEIGHT, 6)
    assert isinstance(moved, Skeleton)
    assert moved.outline == geometry.to_upright(SQUARE, WIDTH, HEIGHT, 6)
