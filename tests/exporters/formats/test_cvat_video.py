"""What the format `cvat_video` promises beside what every format does, read by a strict reader of CVAT's rules.

`expand` fills the frames between key frames as CVAT does, and knows nothing of how they were written.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.formats.cvat_video import CvatVideoExporter
from exporters.model import (
    Box,
    Ellipse,
    Entry,
    Keyframe,
    Part,
    Polygon,
    Polyline,
    RotatedBox,
    Skeleton,
    Track,
)
from exporters.shapes import masks, tracks
from tests import strategies
from tests.conformance.exporters import Export, run_export
from tests.exporters.formats.test_cvat import painted
from tests.fakes.datasets import (
    BLOB,
    HEIGHT,
    PAIR,
    RING,
    SQUARE,
    WIDTH,
    annotation,
    dataset,
    entry,
    one_of_each,
    picture,
)

GOLDEN = Path(__file__).parent / "golden" / "cvat_video"
COUNT = 20
TRACK = one_of_each()["track"]
BOX = Box(8.0, 6.0, 16.0, 12.0)
FAR = Box(20.0, 10.0, 8.0, 6.0)


def film(id_: str, *shapes: Any, count: int | None = COUNT, **values: Any) -> Entry:
    media = picture(f"{id_}-m", mime_type="video/mp4", frame_rate=25.0, frames_count=count)
    return entry(id_, *shapes, name=f"{id_}.mp4", medias=(media,), **values)


def export(*entries: Entry, **values: Any) -> Export:
    made = run_export(CvatVideoExporter(), [dataset(modality="video")], entries, **values)
    made.tally.check("the export")
    return made


def document(track: Any, **values: Any) -> ET.Element:
    """The document of a video with this track alone."""
    (data,) = export(film("e1", track, **values)).files.values()
    return ET.fromstring(data)


def expand(track: ET.Element, count: int) -> dict[int, list[float]]:
    """The box of each frame that the object is in, as CVAT shows it: to the end, unless a shape says `outside`."""
    shapes = sorted(track, key=lambda one: int(one.get("frame") or ""))
    assert [one.get("keyframe") for one in shapes] == ["1"] * len(shapes)
    frames = [int(one.get("frame") or "") for one in shapes]
    assert len(set(frames)) == len(frames)
    found: dict[int, list[float]] = {}
    for index, one in enumerate(shapes):
        if one.get("outside") == "1":
            continue
        last = index + 1 == len(shapes)
        end = count if last else frames[index + 1]
        for frame in range(frames[index], end):
            share = 0 if last else (frame - frames[index]) / (end - frames[index])
            found[frame] = between(one, one if last else shapes[index + 1], share)
    return found


KEYS = ("xtl", "ytl", "xbr", "ybr")


def between(one: ET.Element, other: ET.Element, share: float) -> list[float]:
    edges = [
        float(one.get(key) or "") + share * (float(other.get(key) or "") - float(one.get(key) or "")) for key in KEYS
    ]
    start, end = (float(shape.get("rotation") or 0) for shape in (one, other))
    shorter = (end - start + 180) % 360 - 180
    return [*edges, start + share * shorter]


def expected(track: Track, count: int | None = COUNT) -> dict[int, list[float]]:
    found = {}
    for frame in tracks.frames(track, count, (WIDTH, HEIGHT)):
        shape = frame.shape
        if isinstance(shape, Box):
            shape = RotatedBox(shape.left + shape.width / 2, shape.top + shape.height / 2, shape.width, shape.height, 0)
        assert isinstance(shape, RotatedBox)
        x, y = shape.width / 2, shape.height / 2
        edges = [shape.center_x - x, shape.center_y - y, shape.center_x + x, shape.center_y + y]
        found[frame.number] = [*edges, math.degrees(shape.angle)]
    return found


def check_same(read: dict[int, list[float]], meant: dict[int, list[float]]) -> None:
    assert read.keys() == meant.keys()
    for frame, values in read.items():
        assert values[:4] == pytest.approx(meant[frame][:4])
        assert math.cos(math.radians(values[4] - meant[frame][4])) == pytest.approx(1)


# -- tracks -----------------------------------------------------------------------------------------------------------


def test_golden_file() -> None:
    """A small export is, to the byte, the file that lies beside this test to be looked at."""
    told = Track((Keyframe(0, BOX, attributes={"pose": "left"}), Keyframe(4, FAR, attributes={"pose": "right"})))
    made = export(film("e1", TRACK, annotation("told", told, attributes={"parked": True})))
    assert made.files.keys() == {"annotations/e1.xml"}
    assert made.files["annotations/e1.xml"] == (GOLDEN / "e1.xml").read_bytes()


@st.composite
def box_tracks(draw: st.DrawFn) -> Track:
    """Tracks of boxes and rotated boxes, with stretches outside the picture, some beyond the end of the video."""
    frames = sorted(draw(st.sets(st.integers(0, COUNT + 5), min_size=1, max_size=6)))
    shapes = st.one_of(strategies.boxes(), strategies.rotated_boxes())
    return Track(tuple(Keyframe(frame, draw(shapes), is_outside=draw(st.booleans())) for frame in frames))


@given(box_tracks(), st.sampled_from([COUNT, None]))
def test_objects_are_where_they_were(track: Track, count: int | None) -> None:
    """Filled in as CVAT does, each frame of a track has the same box as it has here, and no other frame has one."""
    made = export(film("e1", track, count=count))
    if not made.tally.by_shape:
        assert track.keyframes[0].frame >= COUNT
        return
    (element,) = ET.fromstring(made.files["annotations/e1.xml"]).findall("track")
    check_same(expand(element, count or 100), expected(track, count))


def test_objects_do_not_live_on() -> None:
    """In the frame after its last key frame an object is outside; at the end of the video there is no such frame."""
    track = Track((Keyframe(2, BOX), Keyframe(5, FAR)))
    (element,) = document(track).findall("track")
    assert [(one.get("frame"), one.get("outside")) for one in element] == [("2", "0"), ("5", "0"), ("6", "1")]
    (element,) = document(track, count=6).findall("track")
    assert [(one.get("frame"), one.get("outside")) for one in element] == [("2", "0"), ("5", "0")]


def test_frames_count_from_0() -> None:
    """The first frame is 0, and `meta` says how many there are and how large."""
    root = document(Track((Keyframe(0, BOX),)))
    assert [one.get("frame") for one in root.iter("box")] == ["0", "1"]
    task = root.find("meta/task")
    assert task is not None
    assert [task.findtext(key) for key in ("size", "mode", "start_frame", "stop_frame")] == [
        *("20", "interpolation", "0", "19")
    ]
    assert task.findtext("original_size/width") == str(WIDTH)
    assert task.findtext("original_size/height") == str(HEIGHT)


def test_turns_of_more_than_half_a_circle_are_exact() -> None:
    """CVAT turns the shorter way round; where the object does not, every frame is a key frame, and this is counted."""
    track = Track((Keyframe(0, RotatedBox(30, 20, 12, 6, 0.0)), Keyframe(8, RotatedBox(30, 20, 12, 6, 4.5))))
    made = export(film("e1", track))
    (element,) = ET.fromstring(made.files["annotations/e1.xml"]).findall("track")
    check_same(expand(element, COUNT), expected(track))
    assert len(element) == 10
    assert made.tally.changed == {"every frame of a movement became a key frame: CVAT moves its shape differently": 1}


def test_outlines_have_all_frames() -> None:
    """The points of an outline that moves are written for every frame."""
    moved = Polygon((Part(tuple((x + 8, y + 4) for x, y in SQUARE.parts[0].ring)),))
    (element,) = document(Track((Keyframe(1, SQUARE), Keyframe(5, moved)))).findall("track")
    assert [one.get("frame") for one in element] == ["1", "2", "3", "4", "5", "6"]
    assert {one.tag for one in element} == {"polygon"}
    assert element[2].get("points", "").startswith("14.0,12.0;")


@pytest.mark.parametrize(
    ("shape", "tag"),
    [
        pytest.param(Ellipse(30.0, 20.0, 9.0, 4.0, 0.25), "ellipse", id="ellipse"),
        pytest.param(Polyline(((1.0, 1.0), (5.0, 9.0))), "polyline", id="polyline"),
        pytest.param(BLOB, "mask", id="mask"),
        pytest.param(Skeleton(((12.0, 5.0), (6.0, 14.0)), (2, 1)), "points", id="points"),
    ],
)
def test_other_shapes_are_held(shape: Any, tag: str) -> None:
    """Tracks of ellipses, lines, masks and points go out as such, with the key frames they came with."""
    (element,) = document(Track((Keyframe(1, shape), Keyframe(4, shape, is_outside=True)))).findall("track")
    assert [(one.tag, one.get("frame"), one.get("outside")) for one in element] == [(tag, "1", "0"), (tag, "4", "1")]


def test_skeletons_have_named_points() -> None:
    """A track of skeletons has the points of its class by name in each of them."""
    skeleton = one_of_each()["skeleton"]
    assert isinstance(skeleton, Skeleton)
    root = document(annotation("a", Track((Keyframe(1, skeleton),)), category_id="c-person"))
    points = [(one.get("label"), one.get("outside"), one.get("occluded")) for one in root.findall("track/skeleton[1]/")]
    assert points == [("nose", "0", "0"), ("left_hand", "0", "1"), ("right_hand", "1", "0")]


@pytest.mark.parametrize("shape", [RING, PAIR])
def test_holes_and_parts_become_masks(shape: Polygon) -> None:
    """Polygons with holes or of several parts are masks of the same pixels, and counted."""
    made = export(film("e1", Track((Keyframe(1, shape),))))
    mask = ET.fromstring(made.files["annotations/e1.xml"]).findall("track/mask")[0]
    size = ET.Element("image", width=str(WIDTH), height=str(HEIGHT))
    assert (painted(mask, size) == masks.rasterize(shape.parts, WIDTH, HEIGHT)).all()
    assert made.tally.changed == {"polygons of several parts or with holes became masks": 1}


@pytest.mark.parametrize(
    ("track", "reason"),
    [
        (Track((Keyframe(1, BOX), Keyframe(3, SQUARE))), "CVAT cannot hold a track whose shape changes its kind"),
        (Track((Keyframe(1, Box(math.nan, 1, 1, 1)),)), "its coordinates are no numbers"),
        (Track((Keyframe(COUNT, BOX),)), "it begins behind the end of its video"),
    ],
)
def test_what_is_left_out_is_counted(track: Track, reason: str) -> None:
    """A track that CVAT cannot hold is left out with the reason, its video is not."""
    tally = export(film("e1", track, TRACK)).tally
    assert [(left.kind, left.reason, left.count) for left in tally.left_out] == [("annotations", reason, 1)]
    assert tally.went_out["entries"] == 1


def test_attributes_that_change_are_mutable() -> None:
    """Attributes of key frames are declared as mutable and those of the object as not; each shape has both."""
    track = Track((Keyframe(0, BOX, attributes={"pose": "left"}), Keyframe(4, FAR, attributes={"pose": "right"})))
    root = document(annotation("a", track, attributes={"parked": True}))
    declared = {
        one.findtext("name"): (one.findtext("mutable"), one.findtext("input_type"))
        for one in root.findall("meta/task/labels/label/attributes/attribute")
    }
    assert declared == {"parked": ("False", "checkbox"), "pose": ("True", "text")}
    values = [{one.get("name"): one.text for one in box} for box in root.iter("box")]
    assert values[:2] == [{"parked": "true", "pose": "left"}, {"parked": "true", "pose": "right"}]


def test_tracks_without_key_frames_are_left_out() -> None:
    """A track that is in no frame is left out and counted; the others go out."""
    tally = export(film("e1", Track(()), TRACK)).tally
    assert [(left.reason, left.count) for left in tally.left_out if left.kind == "annotations"] == [
        ("nothing of it is marked", 1)
    ]
    assert tally.went_out["annotations"] == 1


def test_plain_points_are_no_change() -> None:
    """A track of points of a class without keypoints is one of CVAT's points, uncounted."""
    track = Track((Keyframe(0, Skeleton(((12.0, 5.0),), (2,))), Keyframe(4, Skeleton(((6.0, 14.0),), (2,)))))
    made = export(film("e1", annotation("p", track, category_id="c-tree")))
    assert made.tally.changed == {}
    assert b"<points " in made.files["annotations/e1.xml"]


def test_each_video_has_its_document() -> None:
    """A document lies at the path of its video, in its split, and counts its tracks from 0."""
    made = export(film("e1", TRACK, TRACK, split="train"), film("e2", TRACK), shard_size=1)
    assert made.files.keys() == {"annotations/train/e1.xml", "annotations/e2.xml"}
    assert made.medias.keys() == {"videos/train/e1.mp4", "videos/e2.mp4"}
    root = ET.fromstring(made.files["annotations/train/e1.xml"])
    assert [one.get("id") for one in root.findall("track")] == ["0", "1"]
