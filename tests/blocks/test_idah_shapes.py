"""IDAH's shapes, masks apart: what its editors drew, as the record model has it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import astuple

from blocks.idah_client import Resource
from blocks.idah_records import to_annotation, to_media
from blocks.idah_shapes import to_shape
from blocks.idah_tracks import to_track
from exporters.model import EMPTY, Box, Keyframe, Polygon, RotatedBox, Track, Unknown
from exporters.shapes import tracks

SIZE = (1000, 500)


def corners(left: float, top: float, right: float, bottom: float) -> list[list[float]]:
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def frame(number: Any, points: Any, **more: Any) -> dict[str, Any]:
    return {"frame": number, "points": points, **more}


def boxes(*frames: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "idah-video:bounding-box", "frames": list(frames), **more}


def polygons(*frames: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "idah-video:polygon", "frames": list(frames), **more}


FIRST, LAST = corners(0.1, 0.2, 0.3, 0.4), corners(0.5, 0.2, 0.7, 0.4)


def test_key_frames_come_in_order_of_time() -> None:
    """Key frames, which the platform keeps in any order, come in order of time; without angles they are boxes."""
    track = to_track(boxes(frame(60, LAST), frame(0, FIRST, angle=0), start=0, end=60), SIZE)
    assert track == Track((Keyframe(0, Box(100, 100, 200, 100)), Keyframe(60, Box(500, 100, 200, 100))))


def test_an_angle_anywhere_turns_all_of_a_track() -> None:
    """A box that turns on its way is a turned box from its first key frame on, also where it lies straight."""
    track = to_track(boxes(frame(0, FIRST), frame(10, LAST, angle=6.283185307179586), start=0, end=10), SIZE)
    assert [astuple(one.shape)[-1] for one in track.keyframes] == [0.0, 6.283185307179586]
    assert all(isinstance(one.shape, RotatedBox) for one in track.keyframes)
    halfway = list(tracks.frames(track))[5].shape
    assert isinstance(halfway, RotatedBox)
    assert halfway.angle == pytest.approx(3.141592653589793)


DRIVEN = boxes(
    frame(0, corners(0.1, 0.3, 0.3, 0.4), angle=0),
    frame(120, corners(0.5, 0.4, 0.8, 0.6), angle=0.2),
    frame(60, corners(0.2, 0.3, 0.4, 0.4)),
    start=0,
    end=120,
)
SHOWN = [
    (0, (0.1, 0.3, 0.3, 0.4), 0.0),
    (30, (0.15, 0.3, 0.35, 0.4), 0.0),
    (60, (0.2, 0.3, 0.4, 0.4), 0.0),
    (90, (0.35, 0.35, 0.6, 0.5), 0.1),
    (120, (0.5, 0.4, 0.8, 0.6), 0.2),
]
"""Frames of it as the platform's own editor shows them: corners of the box before its turn, and the angle."""


def test_a_track_moves_as_the_platform_moves_it() -> None:
    """Between key frames boxes are where the platform's own editor shows them, and nowhere after the last."""
    moved = {one.number: one.shape for one in tracks.frames(to_track(DRIVEN, SIZE))}
    assert max(moved) == 120
    for number, (left, top, right, bottom), angle in SHOWN:
        centre, extent = ((left + right) * 500, (top + bottom) * 250), ((right - left) * 1000, (bottom - top) * 500)
        expected = (*centre, *extent, angle)
        assert astuple(moved[number]) == pytest.approx(expected, abs=1e-5)


def test_polygons_morph_in_shares_of_the_picture() -> None:
    """Between key frames polygons have the points that the platform's own editor draws, which measures in shares."""
    triangle = [[0.1, 0.1], [0.5, 0.1], [0.3, 0.5]]
    square = [[0.2, 0.2], [0.6, 0.2], [0.6, 0.6], [0.2, 0.6]]
    drawn = [(0.125, 0.125), (0.525, 0.125), (0.4420820393249937, 0.39083592135001266), (0.275, 0.525)]
    track = to_track(polygons(frame(0, triangle), frame(100, square), start=0, end=100), SIZE)
    at = {one.number: one.shape for one in tracks.frames(track, size=SIZE)}[25]
    assert isinstance(at, Polygon)
    for point, (x, y) in zip(at.parts[0].ring, drawn, strict=True):
        assert point == pytest.approx((x * SIZE[0], y * SIZE[1]), abs=1e-4)


@pytest.mark.parametrize(
    ("start", "end"), [(0, 30), (10, 30), (0, 17), (4, 26), (12, 13), (10, 10), (20, 30), (15, 15)]
)
def test_a_track_is_seen_from_start_to_end(start: int, end: int) -> None:
    """Whatever of a way between key frames is cut off, in the frames that are left everything is where it was."""
    whole = boxes(frame(0, FIRST), frame(10, LAST), frame(30, FIRST))
    uncut = {one.number: one.shape for one in tracks.frames(to_track(whole, SIZE))}
    cut = {one.number: one.shape for one in tracks.frames(to_track({**whole, "start": start, "end": end}, SIZE))}
    assert sorted(cut) == list(range(start, end + 1))
    for number, shape in cut.items():
        assert astuple(shape) == pytest.approx(astuple(uncut[number]), abs=1e-6)


def test_nothing_is_made_up_outside_the_key_frames() -> None:
    """Before the first key frame and behind the last one there is nothing, whatever start and end say."""
    track = to_track(boxes(frame(5, FIRST), frame(9, LAST), start=0, end=90), SIZE)
    assert [one.frame for one in track.keyframes] == [5, 9]


@pytest.mark.parametrize(
    "dimensions",
    [
        boxes(start=0, end=3),
        boxes(frame(3, FIRST), start=5, end=9),
        boxes(frame(3, FIRST), start=9, end=3),
        boxes(frame("x", FIRST)),
        boxes(frame(-1, FIRST)),
        boxes(frame(1.5, FIRST)),
        boxes(frame(0, [])),
        boxes(frame(0, FIRST), start="soon"),
        polygons(frame(0, FIRST[:2])),
        {"type": "idah-video:polygon", "frames": None},
        {"type": "idah-video:bounding-box"},
    ],
    ids=str,
)
def test_tracks_that_cannot_be_read(dimensions: dict[str, Any]) -> None:
    """A track that is in no frame, or cannot be read, is named and kept in its record; it stops nothing."""
    assert to_shape(dimensions, SIZE) == Unknown(f"{dimensions['type']} that cannot be read")


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ({"duration": 7.24, "fps": 25.0, "r_frame_rate": "25/1"}, (7.24, 25.0, 181)),
        ({"duration": 10.01, "fps": 29.97, "r_frame_rate": "30000/1001"}, (10.01, 30000 / 1001, 300)),
        ({"duration": 2, "fps": 12.5}, (2.0, 12.5, 25)),
        ({"duration": 0, "fps": 25.0, "r_frame_rate": "0/0"}, (None, 25.0, None)),
        ({"duration": "7", "fps": True}, (None, None, None)),
        ({}, (None, None, None)),
    ],
    ids=str,
)
def test_how_long_a_video_is(meta: dict[str, Any], expected: Any) -> None:
    """A video has its duration, its exact frame rate and its number of frames, as far as the platform knows them."""
    media = to_media(Resource("m", {"resource": "r.mp4", "key": "", "meta": meta}, EMPTY))
    assert (media.duration, media.frame_rate, media.frames_count) == expected


def test_properties_are_attributes() -> None:
    """Both words that the platform has for an annotation's properties are read; its editors' own word wins."""
    label = {"category": "car", "properties": {"tags": ["x"], "occluded": True}, "attributes": {"occluded": False}}
    annotation = to_annotation(Resource("a", {"annotation": label, "dimensions": {"type": "entry:root"}}, EMPTY), SIZE)
    assert annotation.attributes == {"tags": ["x"], "occluded": False}
