"""Shapes are drawn where they are, in the colours of their classes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from PIL import Image

from exporters.model import (
    NAMES,
    SHAPES,
    Box,
    Category,
    Ellipse,
    Keyframe,
    Mask,
    Part,
    Point,
    Polygon,
    Polyline,
    Relation,
    RotatedBox,
    Shape,
    Skeleton,
    Track,
)
from exporters.report.drawing import MOST_DRAWN, Drawing, where
from exporters.report.legend import RGB, Legend
from exporters.shapes import geometry, masks
from tests.fakes.datasets import BLOB, HEIGHT, KEYPOINTS, PAIR, RING, SQUARE, WIDTH, annotation

SCALE = 5
GROUND: RGB = (30, 40, 50)
CAR, PERSON = (255, 0, 0), (0, 160, 255)
LEGEND = Legend(
    (),
    (
        Category(id="c-car", name="car", color="#ff0000"),
        Category(id="c-person", name="person", color="#00a0ff", keypoints=KEYPOINTS, skeleton=((0, 1), (0, 2))),
    ),
)


def drawn(*shapes: Shape, frame: int = 0, window: Box | None = None) -> Image.Image:
    """A dark picture, five times as large as shapes measure it, with these on it."""
    window = window or Box(0, 0, WIDTH, HEIGHT)
    size = round(window.width * SCALE), round(window.height * SCALE)
    drawing = Drawing(Image.new("RGB", (WIDTH, HEIGHT), GROUND), (WIDTH, HEIGHT), window, size)
    drawing.all([annotation(f"a{number}", shape) for number, shape in enumerate(shapes)], LEGEND, frame)
    return drawing.finished()


def color_at(picture: Image.Image, point: Point) -> RGB:
    at = min(round(point[0] * SCALE), picture.width - 1), min(round(point[1] * SCALE), picture.height - 1)
    red, green, blue = picture.getpixel(at)  # type: ignore[misc]
    return red, green, blue


def is_like(color: RGB, other: RGB, most: int = 40) -> bool:
    return max(abs(one - another) for one, another in zip(color, other, strict=True)) <= most


ELLIPSE = Ellipse(30.0, 20.0, 9.0, 4.0, 0.25)
ROTATED = RotatedBox(30.0, 20.0, 12.0, 6.0, 0.5)
TOP_LEFT, TOP_RIGHT, *_ = geometry.corners(ROTATED)

ON_LINES: list[tuple[Shape, list[Point]]] = [
    (Box(8, 6, 16, 12), [(8, 12), (24, 12), (16, 6), (16, 18)]),
    (ROTATED, [TOP_LEFT, ((TOP_LEFT[0] + TOP_RIGHT[0]) / 2, (TOP_LEFT[1] + TOP_RIGHT[1]) / 2)]),
    (ELLIPSE, [(30 + 9 * np.cos(0.25), 20 + 9 * np.sin(0.25)), (30 - 9 * np.cos(0.25), 20 - 9 * np.sin(0.25))]),
    (SQUARE, [(10, 15), (20, 15), (15, 10), (15, 20)]),
    (RING, [(4, 14), (24, 14), (10, 14), (18, 14)]),
    (PAIR, [(10, 15), (35, 37), (40, 37)]),
    (Polyline(((1, 1), (5, 9), (12, 3))), [(3, 5), (5, 9), (8.5, 6)]),
    (BLOB, [(5.2, 5.0)]),
    (Track((Keyframe(0, Box(8, 6, 16, 12)), Keyframe(4, Box(8, 6, 16, 12)))), [(8, 12), (24, 12)]),
]


@pytest.mark.parametrize(("shape", "points"), ON_LINES, ids=lambda one: NAMES.get(type(one), ""))
def test_an_outline_has_the_color_of_its_class(shape: Shape, points: list[Point]) -> None:
    """Of every shape with a place there are lines in just that colour, and far from it nothing is changed."""
    picture = drawn(shape)
    assert [point for point in points if not is_like(color_at(picture, point), CAR)] == []
    assert is_like(color_at(picture, (60, 44)), GROUND, 2)


def test_every_shape_of_the_model_was_thought_of() -> None:
    """Each is drawn, or known to have no place on a picture."""
    placeless = {"text_span", "time_span", "classification", "unknown", "relation", "skeleton"}
    assert {NAMES[type(shape)] for shape, _ in ON_LINES} | placeless == set(SHAPES)


def test_an_inside_is_veiled_and_a_hole_is_not() -> None:
    """The picture shows through a shape, and is left alone in the holes of a polygon."""
    picture = drawn(RING)
    inside, hole = color_at(picture, (7, 14)), color_at(picture, (14, 14))
    assert GROUND[0] < inside[0] < CAR[0]
    assert is_like(hole, GROUND, 2)


def test_a_mask_covers_its_pixels_and_no_others() -> None:
    """Where a mask is painted the picture is tinted; one pixel beside its line it is not."""
    shape = masks.from_pixels(np.pad(np.ones((20, 20), np.bool_), ((10, 18), (10, 34))))
    picture = drawn(shape)
    assert color_at(picture, (20, 20))[0] > GROUND[0] + 20
    assert is_like(color_at(picture, (10.2, 20)), CAR)
    assert all(is_like(color_at(picture, at), GROUND, 2) for at in ((8, 20), (20, 8), (33, 20), (20, 33)))


def test_points_are_dots_joined_by_the_skeleton_of_their_class() -> None:
    """A visible point is filled, a hidden one is hollow, one without a label is not there, nor are its bones."""
    picture = drawn(Skeleton(((12.0, 5.0), (6.0, 14.0), (40.0, 40.0)), (2, 1, 0)))
    assert is_like(color_at(picture, (12, 5)), PERSON)
    assert is_like(color_at(picture, (6, 14)), (255, 255, 255))
    assert is_like(color_at(picture, (9, 9.5)), PERSON)
    assert is_like(color_at(picture, (40, 40)), GROUND, 2)
    assert is_like(color_at(picture, (26, 22.5)), GROUND, 2)


def test_a_relation_is_a_line_between_what_it_relates() -> None:
    """From the middle of one to the middle of the other."""
    picture = drawn(Box(2, 2, 4, 4), Box(42, 2, 4, 4), Relation("a0", "a1"))
    assert is_like(color_at(picture, (24, 4)), CAR)


def test_tracks_are_drawn_where_they_are_in_a_frame() -> None:
    """Between key frames a track moves; before, behind, and in stretches outside it is not drawn."""
    track = Track(
        (
            Keyframe(2, Box(0, 0, 10, 10)),
            Keyframe(6, Box(20, 10, 10, 10)),
            Keyframe(8, Box(20, 10, 10, 10), is_outside=True),
            Keyframe(12, Box(40, 10, 10, 10)),
        )
    )
    assert where(track, 4) == Box(10, 5, 10, 10)
    assert where(track, 6) == Box(20, 10, 10, 10)
    assert [where(track, frame) for frame in (1, 8, 10, 13)] == [None] * 4
    assert is_like(color_at(drawn(track, frame=4), (10, 10)), CAR)
    assert is_like(color_at(drawn(track, frame=9), (20, 15)), GROUND, 2)


def test_a_window_shows_its_part_of_a_picture() -> None:
    """A crop of a picture has shapes at their places in it."""
    picture = drawn(Box(20, 10, 10, 10), window=Box(15, 5, 20, 20))
    assert picture.size == (100, 100)
    assert is_like(color_at(picture, (5, 10)), CAR)
    assert is_like(color_at(picture, (15, 10)), CAR)


def test_small_shapes_lie_above_large_ones() -> None:
    """However they are listed."""
    small = annotation("a", Box(20, 20, 4, 4), category_id="c-person")
    size = (WIDTH * SCALE, HEIGHT * SCALE)
    drawing = Drawing(Image.new("RGB", (WIDTH, HEIGHT), GROUND), (WIDTH, HEIGHT), Box(0, 0, WIDTH, HEIGHT), size)
    drawing.all([small, annotation("b", Box(20, 10, 30, 30))], LEGEND)
    assert is_like(color_at(drawing.finished(), (20, 22)), PERSON)


@pytest.mark.parametrize(
    "shape",
    [
        Box(-1e30, -1e30, 2e30, 2e30),
        Box(5, 5, 0, 0),
        Polyline(()),
        Polyline(((1e300, -1e300), (3, 3))),
        Polygon(()),
        Mask(WIDTH, HEIGHT, ()),
        Mask(WIDTH, HEIGHT, (5, 7)),
        Mask(100_000, 100_000, (10_000_000_000,)),
        Ellipse(3, 3, 0, 0),
        RotatedBox(3, 3, 1e9, 1, 3),
    ],
    ids=str,
)
def test_strange_shapes_break_nothing(shape: Shape) -> None:
    """Shapes of nothing, of infinity, and masks that do not add up, or are larger than memory."""
    assert drawn(shape).size == (WIDTH * SCALE, HEIGHT * SCALE)


def test_only_so_many_shapes_are_drawn() -> None:
    """Thousands of annotations of one entry cost no more than hundreds."""
    boxes = [Box(50, 40, 4, 4)] * MOST_DRAWN + [Box(2, 2, 4, 4)]
    assert is_like(color_at(drawn(*boxes), (2, 4)), GROUND, 2)


def test_an_outline_of_very_many_points_is_drawn_from_some() -> None:
    """It looks the same; drawn from all of them, ten million would take hours."""

    def circle(points: int) -> tuple[Point, ...]:
        turns = (2 * math.pi * number / points for number in range(points))
        return tuple((WIDTH / 2 + 12 * math.cos(turn), HEIGHT / 2 + 12 * math.sin(turn)) for turn in turns)

    def looks(points: int) -> np.ndarray[Any, Any]:
        return np.asarray(drawn(Polygon((Part(circle(points)),)), Polyline(circle(points)[: points // 2])), np.int16)

    differs = np.abs(looks(300_000) - looks(2_000)).max(axis=2) > 40
    assert differs.mean() < 0.01
    assert np.abs(looks(300_000) - np.asarray(GROUND)).max(axis=2).mean() > 0.1  # it is there
