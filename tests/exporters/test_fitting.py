"""What `exporters.fitting` promises to every format: shapes it holds, sound, and seen to at the border."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given

from exporters.fitting import Fitter
from exporters.holds import Holds
from exporters.model import (
    Annotation,
    Box,
    Ellipse,
    Keyframe,
    Mask,
    Part,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    Track,
)
from exporters.options import ImageOptions, RecordOptions
from exporters.shapes import geometry
from tests import strategies
from tests.fakes.datasets import HEIGHT, PAIR, SQUARE, WIDTH, annotation, one_of_each

SIZE = (WIDTH, HEIGHT)
OVER_THE_CORNER = Box(-5.0, -5.0, 20.0, 20.0)
OUTSIDE = Box(-50.0, -50.0, 20.0, 20.0)


class Fitted:
    """One annotation made fit, and what was said about it."""

    def __init__(self, one: Shape | Annotation, *, shapes: set[str] | None = None, **options: Any) -> None:
        self.changes: list[str] = []
        holds = Holds(shapes=None if shapes is None else frozenset(shapes))
        fitter = Fitter("flat", holds, ImageOptions(**options), self.changes.append)
        self.before = one if isinstance(one, Annotation) else annotation("a", one)
        fitted = fitter.fit(self.before, SIZE)
        self.reason = fitted if isinstance(fitted, str) else None
        self.annotation, self.box = (None, None) if isinstance(fitted, str) else fitted

    @property
    def shape(self) -> Shape | None:
        return self.annotation and self.annotation.shape


@pytest.mark.parametrize("name", one_of_each())
def test_sound_shape_is_left_as_it_is(name: str) -> None:
    """What is sound and inside is not touched: the very same annotation goes out, nothing is said."""
    made = Fitted(one_of_each()[name])
    assert made.annotation is made.before
    assert made.changes == []


def test_shape_that_is_not_held_is_named() -> None:
    """A format's name and the shape's say why an annotation is left out."""
    assert Fitted(Ellipse(9.0, 9.0, 3.0, 3.0), shapes={"box"}).reason == "flat cannot hold the shape ellipse"
    assert Fitted(one_of_each()["rotated_box"], shapes={"box"}).reason == "flat cannot hold the shape rotated box"
    assert Fitted(one_of_each()["unknown"], shapes={"box"}).reason == "flat cannot hold the shape cuboid"


def test_conversion_is_done_and_counted() -> None:
    """A conversion that is asked for makes a shape fit, forgets what was stated of the former, and is counted."""
    stated = annotation("a", SQUARE, box=Box(0.0, 0.0, 1.0, 1.0), area=3.0)
    made = Fitted(stated, shapes={"box"}, convert=["polygon_to_box"])
    assert made.shape == made.box == Box(10.0, 10.0, 10.0, 10.0)
    assert made.annotation
    assert made.annotation.area is None
    assert made.changes == ["converted: polygon to box"]
    assert Fitted(SQUARE, shapes={"box"}).reason


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        (Box(5.0, 5.0, 0.0, 10.0), "its box has no extent"),
        (Box(15.0, 15.0, -5.0, -5.0), "its box has no extent"),
        (Box(math.nan, 5.0, 1.0, 1.0), "its coordinates are no numbers"),
        (Box(5.0, 5.0, math.inf, 1.0), "its coordinates are no numbers"),
        (Polygon((Part(((1.0, 1.0), (2.0, 2.0))),)), "its outline has fewer than three points"),
        (Polygon((Part(((1.0, 1.0), (2.0, 1.0), (3.0, 1.0))),)), "its box has no extent"),
        (Mask(WIDTH, HEIGHT, (5, 5)), "its mask does not fit its picture"),
        (Mask(2, 2, (1, 2, 1)), "its mask does not fit its picture"),
        (Mask(WIDTH, HEIGHT, (WIDTH * HEIGHT,)), "nothing of it is marked"),
        (Skeleton(((1.0, 1.0),), (0,)), "nothing of it is marked"),
        (OUTSIDE, "it lies outside its picture"),
        (RotatedBox(-50.0, -50.0, 4.0, 4.0, 0.3), "it lies outside its picture"),
    ],
)
def test_what_cannot_be_is_left_out(shape: Shape, reason: str) -> None:
    """Degenerate, broken and far-off shapes are left out, each for its own reason."""
    assert Fitted(shape).reason == reason


def test_thin_lines_and_single_points_are_something() -> None:
    """A line along an axis and a skeleton of one point have no extent, and are kept."""
    assert Fitted(Polyline(((1.0, 1.0), (1.0, 9.0)))).reason is None
    assert Fitted(Skeleton(((1.0, 1.0),), (2,))).reason is None


def test_tracks_are_asked_for_numbers() -> None:
    """A track is left out when a key frame of it has coordinates that are none; otherwise it goes as it is."""
    track = one_of_each()["track"]
    assert isinstance(track, Track)
    assert Fitted(track).shape is track
    broken = Track((*track.keyframes, Keyframe(9, Box(math.nan, 1.0, 2.0, 2.0))))
    assert Fitted(broken).reason == "its coordinates are no numbers"


def test_slivers_of_a_polygon_are_left_out() -> None:
    """Parts of one or two points go, the others stay, and that is counted."""
    made = Fitted(Polygon((*PAIR.parts, Part(((1.0, 1.0), (2.0, 2.0))))))
    assert made.shape == PAIR
    assert made.changes == ["parts of fewer than three points left out"]


def test_border_is_clipped() -> None:
    """By default what reaches over the border is cut there, and that is counted."""
    made = Fitted(OVER_THE_CORNER)
    assert made.shape == made.box == Box(0.0, 0.0, 15.0, 15.0)
    assert made.changes == ["clipped to the picture"]


def test_border_can_drop_or_keep() -> None:
    """What reaches over the border is left out, or kept as it is, where that is asked for."""
    assert Fitted(OVER_THE_CORNER, out_of_picture="drop").reason == "it reaches over the border of its picture"
    assert Fitted(OVER_THE_CORNER, out_of_picture="keep").shape == OVER_THE_CORNER
    assert Fitted(OUTSIDE, out_of_picture="keep").shape == OUTSIDE


def test_what_cannot_be_cut_is_kept_and_counted() -> None:
    """Turned boxes, ellipses and lines would be something else if they were cut: they stay, and that is counted."""
    for shape in (
        RotatedBox(2.0, 2.0, 20.0, 9.0, 0.5),
        Ellipse(1.0, 1.0, 9.0, 9.0),
        Polyline(((-5.0, 1.0), (9.0, 1.0))),
    ):
        made = Fitted(shape)
        assert made.shape == shape
        assert Counter(made.changes).total() == 1


def test_points_outside_are_no_longer_labelled() -> None:
    """Of a skeleton that reaches over the border, the points outside count as not labelled."""
    made = Fitted(Skeleton(((5.0, 5.0), (-5.0, 9.0), (9.0, 9.0)), (2, 2, 1)))
    assert isinstance(made.shape, Skeleton)
    assert made.shape.visibility == (2, 0, 1)


def test_points_outside_of_an_outline_inside_are_seen_to() -> None:
    """A skeleton whose outline lies inside, and a point of which does not, is clipped all the same."""
    made = Fitted(Skeleton(((15.0, 15.0), (-5.0, 9.0)), (2, 2), SQUARE))
    assert isinstance(made.shape, Skeleton)
    assert made.shape.visibility == (2, 0)
    assert made.changes == ["clipped to the picture"]


@given(strategies.boxes(margin=60))
def test_clipped_boxes_lie_inside(box: Box) -> None:
    """Whatever comes in, what goes out by default has an extent and lies on the picture."""
    made = Fitted(box)
    if made.reason is None:
        assert made.box
        assert geometry.is_inside(made.box, *SIZE)
        assert made.box.width > 0
        assert made.box.height > 0


def test_formats_of_records_take_everything() -> None:
    """A format that writes records, not training data, is given every shape as it came."""
    fitter = Fitter("records", Holds(), RecordOptions(), [].append)
    for shape in (OUTSIDE, Box(1.0, 1.0, -1.0, math.nan), Mask(2, 2, (9,))):
        one = annotation("a", shape)
        assert fitter.fit(one, SIZE) == (one, None)
