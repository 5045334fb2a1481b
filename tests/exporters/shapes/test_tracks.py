"""What `exporters.shapes.tracks` promises: every frame between the key frames, and key frames out of every frame."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import astuple

from exporters.model import Box, Keyframe, Mask, Part, Point, Polygon, Polyline, RotatedBox, Skeleton, Track
from exporters.shapes import geometry, masks, tracks
from exporters.shapes.morph import morph
from exporters.shapes.tracks import Frame
from tests import strategies
from tests.fakes.datasets import BLOB, PAIR, SQUARE

FIRST, SECOND, THIRD = Box(10, 30, 20, 10), Box(20, 30, 20, 10), Box(50, 40, 30, 20)
CAR = Track((Keyframe(0, FIRST), Keyframe(60, SECOND), Keyframe(120, THIRD)))
ONE = SQUARE.parts[0].ring


def at(track: Track, number: int) -> tracks.MovingShape | None:
    return next((frame.shape for frame in tracks.frames(track) if frame.number == number), None)


def polygon(*ring: Point) -> Polygon:
    return Polygon((Part(ring),))


# -- between key frames -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "box"), [(0, FIRST), (30, Box(15, 30, 20, 10)), (60, SECOND), (90, Box(35, 35, 25, 15)), (120, THIRD)]
)
def test_boxes_move_linearly(number: int, box: Box) -> None:
    """Half-way between two key frames, a box is half-way between their boxes."""
    assert at(CAR, number) == box


def test_nothing_before_the_first_key_frame_or_after_the_last() -> None:
    """A track is not carried on beyond its key frames."""
    track = Track((Keyframe(3, FIRST), Keyframe(5, SECOND)))
    assert [frame.number for frame in tracks.frames(track)] == [3, 4, 5]
    assert [frame.number for frame in tracks.frames(Track((Keyframe(7, FIRST),)))] == [7]
    assert list(tracks.frames(Track(()))) == []


@given(strategies.tracks())
def test_key_frames_are_as_they_are(track: Track) -> None:
    """In a key frame, the shape is the key frame's own, unless it is outside; between them, the last one is named."""
    shown = {frame.number: frame for frame in tracks.frames(track)}
    for keyframe in track.keyframes:
        if keyframe.is_outside:
            assert keyframe.frame not in shown
        else:
            assert shown[keyframe.frame] == Frame(keyframe.frame, keyframe.shape, keyframe)
            assert shown[keyframe.frame].is_keyframe
    for frame in shown.values():
        assert frame.keyframe == max(
            (one for one in track.keyframes if one.frame <= frame.number), key=lambda one: one.frame
        )


@given(strategies.tracks(), st.integers(0, 40))
def test_frames_are_those_inside_the_picture_and_the_video(track: Track, frames_count: int) -> None:
    """A frame is there when the last key frame before it is inside, none follows the last key frame or the video."""
    expected = []
    for keyframe, following in itertools.pairwise((*track.keyframes, None)):
        if keyframe and not keyframe.is_outside:
            expected += range(keyframe.frame, following.frame if following else keyframe.frame + 1)
    assert [frame.number for frame in tracks.frames(track)] == expected
    assert [frame.number for frame in tracks.frames(track, frames_count)] == [
        number for number in expected if number < frames_count
    ]


@pytest.mark.parametrize("kind", sorted(strategies.MOVING.keys() - {"rotated_box", "ellipse", "skeleton"}))
@given(data=st.data())
def test_objects_stay_within_their_key_frames(kind: str, data: st.DataObject) -> None:
    """No shape reaches over the bounds of its key frames, but for those that turn, and skeletons with outlines."""
    track = data.draw(strategies.tracks(kind))
    around = geometry.bounds(track)
    for frame in tracks.frames(track):
        bounds = geometry.bounds(frame.shape)
        if bounds is None or around is None:
            assert bounds is None
            continue
        left, top, right, bottom = geometry.ltwh_to_ltrb(around)
        inner = geometry.ltwh_to_ltrb(bounds)
        assert inner[0] >= left - 1e-6
        assert inner[1] >= top - 1e-6
        assert inner[2] <= right + 1e-6
        assert inner[3] <= bottom + 1e-6


def test_frames_are_made_one_at_a_time() -> None:
    """A track over more frames than fit into any memory begins at once."""
    track = Track((Keyframe(0, FIRST), Keyframe(10**12, SECOND)))
    assert next(tracks.frames(track)).shape == FIRST
    assert [frame.number for frame in tracks.frames(track, frames_count=3)] == [0, 1, 2]


def test_angles_are_not_wrapped() -> None:
    """An angle goes from one key frame's to the next one's the way that the numbers go, a whole turn and more."""
    start, end = RotatedBox(20, 20, 8, 4, -3.0), RotatedBox(20, 20, 8, 4, 3.0)
    middle = at(Track((Keyframe(0, start), Keyframe(2, end))), 1)
    assert middle == RotatedBox(20, 20, 8, 4, 0.0)


def test_box_turns_into_a_rotated_box() -> None:
    """Between a box and a rotated box, the box is one of angle 0."""
    track = Track((Keyframe(0, Box(10, 10, 20, 10)), Keyframe(2, RotatedBox(30, 15, 20, 10, 0.2))))
    assert at(track, 1) == RotatedBox(25, 15, 20, 10, 0.1)


def test_points_of_lines_move_linearly() -> None:
    """Lines of as many points move point by point; a line of more points waits for the next key frame."""
    first, second = Polyline(((0, 0), (10, 0))), Polyline(((4, 2), (10, 8)))
    longer = Polyline(((4, 2), (10, 8), (12, 8)))
    track = Track((Keyframe(0, first), Keyframe(2, second), Keyframe(4, longer)))
    assert at(track, 1) == Polyline(((2, 1), (10, 4)))
    assert at(track, 3) == second


def test_points_of_skeletons_that_are_not_labelled_do_not_move() -> None:
    """A point moves when it is labelled in both key frames; what is seen of it is said by the first."""
    first = Skeleton(((10, 10), (20, 20), (0, 0)), (2, 1, 0), SQUARE)
    second = Skeleton(((14, 10), (0, 0), (30, 30)), (1, 0, 2), polygon(*((x + 2, y) for x, y in ONE)))
    middle = at(Track((Keyframe(0, first), Keyframe(2, second))), 1)
    assert middle == Skeleton(((12, 10), (20, 20), (0, 0)), (2, 1, 0), polygon(*((x + 1, y) for x, y in ONE)))


def test_masks_and_polygons_in_parts_wait_for_the_next_key_frame() -> None:
    """What cannot be moved is held: masks, polygons of several parts, shapes of unlike kinds."""
    empty = Mask(BLOB.width, BLOB.height, (BLOB.width * BLOB.height,))
    shapes = (BLOB, empty, PAIR, SQUARE, Polygon(()), FIRST)
    track = Track(tuple(Keyframe(2 * index, shape) for index, shape in enumerate(shapes)))
    assert [at(track, 2 * index + 1) for index in range(5)] == list(shapes[:5])


# -- polygons ---------------------------------------------------------------------------------------------------------

MORPHS = [
    (
        ((0.1, 0.1), (0.4, 0.1), (0.4, 0.4), (0.1, 0.4)),
        ((0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.2, 0.6)),
        0.25,
        ((0.125, 0.125), (0.45, 0.125), (0.45, 0.45), (0.125, 0.45)),
    ),  # same count, same orientation, no rotation
    (
        ((0.1, 0.1), (0.4, 0.1), (0.4, 0.4), (0.1, 0.4)),
        ((0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.2, 0.6)),
        0.5,
        (
            (0.15000000000000002, 0.15000000000000002),
            (0.5, 0.15000000000000002),
            (0.5, 0.5),
            (0.15000000000000002, 0.5),
        ),
    ),  # same count, same orientation, no rotation
    (
        ((0.1, 0.1), (0.5, 0.1), (0.3, 0.5)),
        ((0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.2, 0.6)),
        0.25,
        ((0.125, 0.125), (0.525, 0.125), (0.4420820393249937, 0.39083592135001266), (0.275, 0.525)),
    ),  # triangle to quad (vertex added by perimeter)
    (
        ((0.1, 0.1), (0.5, 0.1), (0.3, 0.5)),
        ((0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.2, 0.6)),
        0.5,
        (
            (0.15000000000000002, 0.15000000000000002),
            (0.55, 0.15000000000000002),
            (0.49472135954999574, 0.46055728090000847),
            (0.25, 0.55),
        ),
    ),  # triangle to quad (vertex added by perimeter)
    (
        ((0.1, 0.1), (0.4, 0.1), (0.4, 0.4), (0.1, 0.4)),
        ((0.2, 0.1), (0.4, 0.1), (0.5, 0.25), (0.4, 0.4), (0.2, 0.4), (0.1, 0.25)),
        0.25,
        (
            (0.125, 0.1),
            (0.4, 0.1),
            (0.42500000000000004, 0.1375),
            (0.4, 0.4),
            (0.12499999999999999, 0.4),
            (0.1, 0.36250000000000004),
        ),
    ),  # quad to hexagon (two vertices added)
    (
        ((0.1, 0.1), (0.4, 0.1), (0.4, 0.4), (0.1, 0.4)),
        ((0.2, 0.1), (0.4, 0.1), (0.5, 0.25), (0.4, 0.4), (0.2, 0.4), (0.1, 0.25)),
        0.5,
        ((0.15000000000000002, 0.1), (0.4, 0.1), (0.45, 0.175), (0.4, 0.4), (0.15, 0.4), (0.1, 0.325)),
    ),  # quad to hexagon (two vertices added)
    (
        ((0.1, 0.1), (0.4, 0.1), (0.4, 0.4), (0.1, 0.4)),
        ((0.1, 0.5), (0.4, 0.5), (0.4, 0.2), (0.1, 0.2)),
        0.25,
        ((0.1, 0.125), (0.4, 0.125), (0.4, 0.42500000000000004), (0.1, 0.42500000000000004)),
    ),  # opposite orientation (one ring is reversed first)
    (
        ((0.1, 0.1), (0.4, 0.1), (0.4, 0.4), (0.1, 0.4)),
        ((0.1, 0.5), (0.4, 0.5), (0.4, 0.2), (0.1, 0.2)),
        0.5,
        ((0.1, 0.15000000000000002), (0.4, 0.15000000000000002), (0.4, 0.45), (0.1, 0.45)),
    ),  # opposite orientation (one ring is reversed first)
    (
        ((0.4, 0.4), (0.1, 0.4), (0.1, 0.1), (0.4, 0.1)),
        ((0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.2, 0.6)),
        0.25,
        ((0.125, 0.125), (0.45, 0.125), (0.45, 0.45), (0.125, 0.45)),
    ),  # rotated start vertex (from-ring is rotated to the best match)
    (
        ((0.4, 0.4), (0.1, 0.4), (0.1, 0.1), (0.4, 0.1)),
        ((0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.2, 0.6)),
        0.5,
        (
            (0.15000000000000002, 0.15000000000000002),
            (0.5, 0.15000000000000002),
            (0.5, 0.5),
            (0.15000000000000002, 0.5),
        ),
    ),  # rotated start vertex (from-ring is rotated to the best match)
    (
        ((0.1, 0.1), (0.4, 0.1), (0.4, 0.4), (0.1, 0.4), (0.1, 0.1)),
        ((0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.2, 0.6)),
        0.25,
        ((0.125, 0.125), (0.45, 0.125), (0.45, 0.45), (0.125, 0.45)),
    ),  # explicitly closed ring (repeated last point is dropped)
    (
        ((0.1, 0.1), (0.4, 0.1), (0.4, 0.4), (0.1, 0.4), (0.1, 0.1)),
        ((0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.2, 0.6)),
        0.5,
        (
            (0.15000000000000002, 0.15000000000000002),
            (0.5, 0.15000000000000002),
            (0.5, 0.5),
            (0.15000000000000002, 0.5),
        ),
    ),  # explicitly closed ring (repeated last point is dropped)
]
"""From, to, share of the way, and what flubber 0.4.2 makes of it."""


@pytest.mark.parametrize(("start", "end", "share", "expected"), MORPHS)
def test_polygons_change_as_flubber_changes_them(
    start: tuple[Point, ...], end: tuple[Point, ...], share: float, expected: tuple[Point, ...]
) -> None:
    """A morph gives the points that the package gives which editors draw with, in their order."""
    ring = morph(start, end)(share, 1)
    assert len(ring) == len(expected)
    assert all(point == pytest.approx(other, abs=1e-12) for point, other in zip(ring, expected, strict=True))


def test_morph_is_measured_in_the_units_of_the_editor() -> None:
    """On a wide picture, shares of width and height weigh other edges than pixels do; the points stay in pixels."""
    triangle, square = ((0.1, 0.1), (0.5, 0.1), (0.3, 0.5)), ((0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.2, 0.6))
    wide = [tuple((x * 1000, y * 100) for x, y in ring) for ring in (triangle, square)]
    track = Track((Keyframe(0, polygon(*wide[0])), Keyframe(2, polygon(*wide[1]))))
    shares = morph(triangle, square)(1, 2)
    (in_shares,) = [frame.shape for frame in tracks.frames(track, size=(1000, 100)) if frame.number == 1]
    assert isinstance(in_shares, Polygon)
    for (x, y), point in zip(shares, in_shares.parts[0].ring, strict=True):
        assert point == pytest.approx((x * 1000, y * 100))
    assert at(track, 1) != in_shares


@given(strategies.rings(), strategies.rings())
def test_morph_begins_and_ends_at_its_polygons(start: tuple[Point, ...], end: tuple[Point, ...]) -> None:
    """At both ends a morph covers what the key frames cover; it has as many points as the larger one."""
    ring_after = morph(start, end)
    for share, ring in ((0, start), (1, end)):
        assert len(ring_after(share, 1)) == max(len(start), len(end))
        assert abs(geometry.signed_area(ring_after(share, 1))) == pytest.approx(abs(geometry.signed_area(ring)))
        assert set(ring) <= {min(ring, key=lambda one: math.dist(one, point)) for point in ring_after(share, 1)}


@pytest.mark.parametrize("ring", [((5.0, 5.0),), ((5.0, 5.0), (5.0, 5.0)), ((5.0, 5.0), (9.0, 5.0))])
def test_morph_of_a_sliver_has_as_many_points_as_the_other(ring: tuple[Point, ...]) -> None:
    """Rings of one place or two points grow into a polygon, too."""
    assert len(morph(ring, ONE)(1, 2)) == 4
    assert len(morph(ONE, ring)(1, 2)) == 4


# -- and back ---------------------------------------------------------------------------------------------------------


def seen(track: Track) -> list[tuple[int, tracks.MovingShape, dict[str, object]]]:
    return [(frame.number, frame.shape, frame.keyframe.attributes) for frame in tracks.frames(track)]


def known(track: Track) -> list[Keyframe]:
    """Every frame of a track as a key frame, as a source tells it that knows no others."""
    return [Keyframe(frame.number, frame.shape, attributes=frame.keyframe.attributes) for frame in tracks.frames(track)]


@given(strategies.tracks())
def test_frames_come_back_exactly(track: Track) -> None:
    """A track made from every frame shows the same shapes in the same frames, to the last bit, and no others."""
    frames = known(track)
    if frames:
        assert seen(tracks.from_frames(iter(frames))) == seen(track)


@given(st.lists(strategies.whole_boxes(), min_size=2, max_size=5), st.integers(1, 12))
def test_key_frames_are_found(boxes: list[Box], gap: int) -> None:
    """From every frame of a track, the key frames are found at which its movement changes, and no others."""
    track = Track(tuple(Keyframe(index * gap, box) for index, box in enumerate(boxes)))
    steps = [
        tuple(to - at for at, to in zip(astuple(one), astuple(other), strict=True))
        for one, other in itertools.pairwise(boxes)
    ]
    assume(all(step != following for step, following in itertools.pairwise(steps)))
    assert tracks.from_frames(known(track)) == track


def test_known_movement_is_found() -> None:
    """Boxes that move by whole pixels need key frames only where they begin, change their pace, and end."""
    boxes = [Box(10 + 3 * index, 20, 8, 8) for index in range(50)] + [Box(157, 20 + index, 8, 8) for index in range(50)]
    found = tracks.from_frames(Keyframe(index, box) for index, box in enumerate(boxes))
    assert [one.frame for one in found.keyframes] == [0, 49, 50, 99]


def test_gap_is_a_stretch_outside() -> None:
    """Frames that are missing begin with a key frame outside, where the object was last."""
    found = tracks.from_frames(Keyframe(number, FIRST) for number in (3, 4, 5, 9, 10))
    assert found == Track(
        (
            Keyframe(3, FIRST),
            Keyframe(5, FIRST),
            Keyframe(6, FIRST, is_outside=True),
            Keyframe(9, FIRST),
            Keyframe(10, FIRST),
        )
    )


def test_object_that_is_said_to_be_outside_stays_so() -> None:
    """A frame that a source marks as outside remains a key frame, and no other is made for the gap behind it."""
    frames = (Keyframe(0, FIRST), Keyframe(1, FIRST), Keyframe(2, SECOND, is_outside=True), Keyframe(9, THIRD))
    assert tracks.from_frames(frames) == Track(frames)


def test_change_of_attributes_is_a_key_frame() -> None:
    """Where attributes change, there is a key frame that has them, also when nothing moves."""
    hidden = [Keyframe(index, FIRST, attributes={"occluded": 3 <= index < 6}) for index in range(9)]
    found = tracks.from_frames(hidden)
    assert [one.frame for one in found.keyframes] == [0, 2, 3, 5, 6, 8]
    assert seen(found) == [(one.frame, one.shape, one.attributes) for one in hidden]


def test_movement_that_is_not_quite_even_keeps_all_its_frames() -> None:
    """Boxes that miss a straight line by less than a reader would see are not straightened."""
    boxes = [Box(10 + index + (1e-9 if index == 5 else 0), 20, 8, 8) for index in range(11)]
    found = tracks.from_frames(Keyframe(index, box) for index, box in enumerate(boxes))
    assert [shape for _, shape, _ in seen(found)] == boxes


def test_masks_that_stay_need_no_key_frames() -> None:
    """A mask that is the same for many frames is held between the first and the last of them."""
    found = tracks.from_frames(Keyframe(index, BLOB) for index in range(20))
    assert [one.frame for one in found.keyframes] == [0, 19]
    assert masks.area(BLOB) == 10


@pytest.mark.parametrize(
    ("numbers", "message"), [((), "no frame"), ((3, 3), "frame 3 to frame 3"), ((5, 4), "frame 5 to frame 4")]
)
def test_frames_out_of_order_are_refused(numbers: tuple[int, ...], message: str) -> None:
    """No frames, the same frame twice, or an earlier one behind a later: refused, with the frames' numbers."""
    with pytest.raises(ValueError, match=message):
        tracks.from_frames(Keyframe(number, FIRST) for number in numbers)


# -- geometry of tracks -----------------------------------------------------------------------------------------------


def test_bounds_of_a_track_are_those_of_all_key_frames() -> None:
    """The bounds of a track hold the shape of each key frame."""
    assert geometry.bounds(CAR) == Box(10, 30, 70, 30)
    assert geometry.bounds(Track((Keyframe(0, Polygon(())),))) is None
    assert geometry.area(CAR) == 0


@pytest.mark.parametrize("orientation", range(1, 9))
@given(st.data())
def test_turning_and_moving_commute(orientation: int, data: st.DataObject) -> None:
    """A track moved upright shows, in every frame, the shape of that frame moved upright; angles do not jump."""
    track = data.draw(strategies.tracks(data.draw(st.sampled_from(("box", "rotated_box", "ellipse", "polyline")))))
    moved = geometry.to_upright(track, 64, 48, orientation)
    assert isinstance(moved, Track)
    for frame, one in zip(tracks.frames(track), tracks.frames(moved), strict=True):
        expected = geometry.to_upright(frame.shape, 64, 48, orientation)
        assert type(expected) is type(one.shape)
        for value, other in zip(astuple(one.shape), astuple(expected), strict=True):
            if isinstance(value, float):
                assert value == pytest.approx(other, abs=1e-6)
            else:
                assert all(point == pytest.approx(to, abs=1e-6) for point, to in zip(value, other, strict=True))
