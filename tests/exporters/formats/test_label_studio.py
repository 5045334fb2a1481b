"""What the formats `label_studio` and its kin promise beside what every format does, by a strict reader of their own.

`prove` asks what Label Studio's import and its editor rely on: every result names a control and an object of the
configuration and labels that are in it, coordinates are percent, ends of relations are there.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.base import Exporter
from exporters.formats.label_studio import (
    LabelStudioAudioExporter,
    LabelStudioExporter,
    LabelStudioTextExporter,
    LabelStudioVideoExporter,
)
from exporters.model import (
    Box,
    Classification,
    Ellipse,
    Entry,
    Keyframe,
    Polyline,
    Relation,
    RotatedBox,
    Skeleton,
    TextSpan,
    TimeSpan,
    Track,
)
from exporters.shapes import geometry, masks, tracks
from tests import strategies
from tests.conformance.exporters import Export, run_export
from tests.exporters.shapes.test_brushrle import decode
from tests.fakes import hostile
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

GOLDEN = Path(__file__).parent / "golden" / "label_studio"
BOX = Box(16.0, 12.0, 32.0, 6.0)
COUNT = 20
EXPORTERS: dict[str, type[Exporter[Any]]] = {
    "image": LabelStudioExporter,
    "video": LabelStudioVideoExporter,
    "audio": LabelStudioAudioExporter,
    "text": LabelStudioTextExporter,
}
TYPES = {"videorectangle": "VideoRectangle", "textarea": "TextArea", "choices": "Choices"}


def export(*entries: Entry, kind: str = "image", **values: Any) -> Export:
    shapes = [one.shape for entry_ in entries for one in entry_.annotations]
    has_turned_boxes = any(isinstance(shape, RotatedBox) for shape in shapes)  # which are not cut at the border
    is_clipped = values.get("options", {}).get("out_of_picture") == "clip"
    made = run_export(EXPORTERS[kind](), [values.pop("dataset", dataset(modality=kind))], entries, **values)
    made.tally.check("the export")
    for path in made.files:
        if path.endswith(".json"):
            prove(made, path, inside=is_clipped and not has_turned_boxes)
    return made


def prove(made: Export, path: str, *, inside: bool = True) -> list[dict[str, Any]]:
    """Raise unless the tasks are what Label Studio takes with the configuration beside them; gives them back."""
    config = ET.fromstring(made.files["config.xml"])
    controls = {one.get("name"): one for one in config if one.get("toName")}
    objects = {one.get("name"): one for one in config if one.get("value")}
    relations = {one.get("value") for one in config.iter("Relation")}
    assert all(one.get("toName") in objects for one in controls.values())
    tasks: list[dict[str, Any]] = json.loads(made.files[path])
    assert len({task["id"] for task in tasks}) == len(tasks)
    for task in tasks:
        assert {"$" + key for key in task["data"]} >= {one.get("value") for one in objects.values()}
        assert task["predictions"] == []
        for one in task["annotations"]:
            assert set(one) <= {"completed_by", "was_cancelled", "ground_truth", "result"}
            for result in one["result"]:
                if result["type"] == "relation":
                    assert set(result.get("labels", ())) <= relations
                    continue
                control = controls[result["from_name"]]
                assert control.tag.lower() == TYPES.get(result["type"], result["type"]).lower()
                assert control.get("toName") == result["to_name"]
                prove_value(result, control, inside=inside)
    return tasks


def prove_value(result: dict[str, Any], control: ET.Element, *, inside: bool) -> None:
    value = result["value"]
    given_ = value.get(result["type"], [])
    if result["type"] in ("videorectangle", "textarea"):
        return
    assert set(given_) <= {one.get("value") for one in control}
    if result["to_name"] == "image" and result["type"] != "choices":
        assert (result["original_width"], result["original_height"], result["image_rotation"]) == (WIDTH, HEIGHT, 0)
    places = [*value.get("points", ()), *([(value["x"], value["y"])] if "x" in value else [])]
    assert all(math.isfinite(number) for place in places for number in place)
    if inside and result["type"] in ("polygonlabels", "keypointlabels"):
        assert all(-1e-9 <= number <= 100 + 1e-9 for place in places for number in place)
    if inside and result["type"] == "rectanglelabels" and not value["rotation"]:
        assert value["x"] + value["width"] <= 100 + 1e-9
        assert value["y"] + value["height"] <= 100 + 1e-9


def tasks(*entries: Entry, **values: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(export(*entries, **values).files["tasks.json"])
    return found


def results(one: Entry, **values: Any) -> list[dict[str, Any]]:
    """The results of the only annotation of a task."""
    (task,) = tasks(one, **values)
    (work,) = task["annotations"]
    found: list[dict[str, Any]] = work["result"]
    return found


def film(*shapes: Any, **values: Any) -> Entry:
    media = picture(
        "m", mime_type="video/mp4", **({"frame_rate": 25.0, "frames_count": COUNT, "duration": 0.8} | values)
    )
    return entry("e1", *shapes, name="e1.mp4", medias=(media,))


def sound(*shapes: Any) -> Entry:
    return entry("e1", *shapes, name="e1.wav", medias=(picture("m", mime_type="audio/wav", duration=60.0),))


# -- tasks ------------------------------------------------------------------------------------------------------------


def test_golden_files() -> None:
    """A small export is, to the byte, the files that lie beside this test to be looked at."""
    shapes = one_of_each()
    held = [shapes[name] for name in ("box", "polygon", "polyline", "mask", "skeleton", "classification", "relation")]
    other = annotation("other", BOX, created_by="ada@example.com", attributes={"color": "red"})
    made = export(entry("e1", *held, other), entry("e2", PAIR, attributes={"camera": 2}), entry("e3"))
    assert made.files == {path.name: path.read_bytes() for path in GOLDEN.iterdir()}


@given(strategies.entry_lists("d1", margin=25), st.sampled_from(["keep", "clip"]))
def test_any_export_is_sound(entries: list[Entry], border: str) -> None:
    """Whatever the entries, the tasks prove sound, one for each entry; clipped, they stay within their pictures."""
    made = export(*entries, shard_size=2, options={"out_of_picture": border})
    written = [task for path in made.files if path.endswith(".json") for task in json.loads(made.files[path])]
    assert len(written) == made.tally.went_out.get("entries", 0)


def test_hostile_names_are_sound() -> None:
    """Names of any kind give sound tasks, and URLs that lead to the path of their file."""
    made = export(*hostile.entries())
    urls = [task["data"]["image"] for task in json.loads(made.files["tasks.json"])]
    assert sorted(unquote(url.removeprefix("/data/local-files/?d=")) for url in urls) == sorted(made.medias)
    assert all(url.isascii() and not set("#&+ ") & set(url) for url in urls)
    many = hostile.categories()
    export(*hostile.of_every_category(many), dataset=many)


@pytest.mark.parametrize(
    ("prefix", "url"),
    [
        ("https://host/x/", "https://host/x/images/a%20%23.png"),
        ("s3://bucket/", "s3://bucket/images/a #.png"),
    ],
)
def test_urls_have_the_prefix_asked_for(prefix: str, url: str) -> None:
    """A path is quoted in what a browser opens, and stands as it is in what a bucket is asked for."""
    options = {"file_url_prefix": prefix}
    (task,) = tasks(entry("e1", name="a #.png"), options=options)
    assert task["data"] == {"image": url}


def test_attributes_of_a_task_are_its_data() -> None:
    """An entry's attributes are in `data` beside the URL; one that is called like it is in `meta`."""
    attributes = {"weather": "rain", "gps": [1, None], "image": "mine"}
    (task,) = tasks(entry("e1", attributes=attributes))
    assert task["data"] == {"image": "/data/local-files/?d=images/e1.png", "weather": "rain", "gps": [1, None]}
    assert task["meta"] == {"entry": "e1", "name": "e1.png", "attributes": {"image": "mine"}}


def test_splits_have_files_of_their_own() -> None:
    """Each split has a file of tasks, entries without one the plain one; the configuration is one."""
    made = export(entry("e1", BOX, split="train"), entry("e2", split="val"), entry("e3"), shard_size=1)
    assert made.files.keys() == {"tasks_train.json", "tasks_val.json", "tasks.json", "config.xml"}


def test_states_are_kept_apart() -> None:
    """Reviewed and empty is an empty annotation, not yet labelled is a task without any, rejected is no task."""
    states = ("completed", "in_progress", "rejected")
    entries = [entry(f"e{index}", state=state) for index, state in enumerate(states)]
    found = [task["annotations"] for task in tasks(*entries, options={"empty_entries": "all"})]
    assert [[one["result"] for one in work] for work in found] == [[[]], []]


def test_each_persons_work_is_an_annotation() -> None:
    """Several people's work on a picture is one task of several annotations, each with its e-mail address."""
    by = [annotation(f"a{index}", BOX, created_by=who) for index, who in enumerate(("a@x.y", "b@x.y", "a@x.y"))]
    (task,) = tasks(entry("e1", *by))
    assert [(one["completed_by"], [row["id"] for row in one["result"]]) for one in task["annotations"]] == [
        ({"email": "a@x.y"}, ["a0", "a2"]),
        ({"email": "b@x.y"}, ["a1"]),
    ]


def test_names_of_people_can_be_left_out() -> None:
    """Names that are no addresses are in the task's `meta`; redacted, no name is anywhere."""
    one = entry("e1", annotation("a", BOX, created_by="user-17"), annotation("b", BOX, created_by="b@x.y"))
    assert tasks(one)[0]["meta"]["authors"] == ["user-17", "b@x.y"]
    files = export(one, options={"redact": ["authors"]}).files
    assert not any(b"user-17" in data or b"b@x.y" in data for data in files.values())


# -- regions ----------------------------------------------------------------------------------------------------------


def test_shapes_over_the_border_stay_as_they_were_drawn() -> None:
    """What reaches over the border has percents below 0 and above 100, unless it is to be clipped."""
    over = entry("e1", Box(-16.0, 12.0, WIDTH + 32.0, 6.0))
    (one,) = results(over)
    assert [one["value"][key] for key in ("x", "width")] == [-25, 150]
    (one,) = results(over, options={"out_of_picture": "clip"})
    assert [one["value"][key] for key in ("x", "width")] == [0, 100]


def test_coordinates_are_percent() -> None:
    """A quarter of the width is 25, not 0.25 and not pixels; the whole picture is 0, 0, 100, 100."""
    (one,) = results(entry("e1", BOX))
    assert one["value"] == {
        "x": 25.0,
        "y": 25.0,
        "width": 50.0,
        "height": 12.5,
        "rotation": 0.0,
        "rectanglelabels": ["car"],
    }
    (one,) = results(entry("e1", Box(0.0, 0.0, WIDTH, HEIGHT)))
    assert [one["value"][key] for key in ("x", "y", "width", "height")] == [0, 0, 100, 100]


@given(strategies.rotated_boxes())
def test_rotated_boxes_turn_about_their_corner(box: RotatedBox) -> None:
    """From the corner, sides and turn that are written, in pixels, all four corners of the box come out."""
    (one,) = results(entry("e1", box), options={"out_of_picture": "keep"})
    value = one["value"]
    x, y = value["x"] * WIDTH / 100, value["y"] * HEIGHT / 100
    width, height = value["width"] * WIDTH / 100, value["height"] * HEIGHT / 100
    cos, sin = math.cos(math.radians(value["rotation"])), math.sin(math.radians(value["rotation"]))
    corners = [
        (x + a * cos - b * sin, y + a * sin + b * cos) for a, b in ((0, 0), (width, 0), (width, height), (0, height))
    ]
    for read, meant in zip(corners, geometry.corners(box), strict=True):
        assert read == pytest.approx(meant, abs=1e-6)


@given(strategies.polygons())
def test_polygons_come_back(polygon: Any) -> None:
    """The points of an outline are percent of width and height."""
    (one,) = results(entry("e1", polygon))
    assert one["value"]["closed"] is True
    read = [(x * WIDTH / 100, y * HEIGHT / 100) for x, y in one["value"]["points"]]
    assert [number for point in read for number in point] == pytest.approx(
        [number for point in polygon.parts[0].ring for number in point]
    )


@given(strategies.pixels(width=WIDTH, height=HEIGHT))
def test_masks_are_exact(pixels: masks.Pixels) -> None:
    """A brush decodes to the pixels of the mask."""
    if pixels.any():
        (one,) = results(entry("e1", masks.from_pixels(pixels)))
        assert one["value"]["format"] == "rle"
        assert (decode(one["value"]["rle"], WIDTH, HEIGHT) == pixels).all()


def test_ellipses_and_lines() -> None:
    """An ellipse has its centre and radii in percent, its turn in degrees; a line is a polygon that is not closed."""
    ellipse, line = results(
        entry("e1", Ellipse(32.0, 24.0, 16.0, 12.0, math.pi / 2), Polyline(((0.0, 0.0), (32.0, 48.0))))
    )
    assert [ellipse["value"][key] for key in ("x", "y", "radiusX", "radiusY", "rotation")] == [50, 50, 25, 25, 90]
    assert line["value"] == {"points": [[0, 0], [50, 100]], "closed": False, "polygonlabels": ["car"]}


def test_holes_become_brushes() -> None:
    """A polygon with a hole is a brush of the same pixels, and counted."""
    made = export(entry("e1", RING))
    (one,) = json.loads(made.files["tasks.json"])[0]["annotations"][0]["result"]
    assert (decode(one["value"]["rle"], WIDTH, HEIGHT) == masks.rasterize(RING.parts, WIDTH, HEIGHT)).all()
    assert made.tally.changed == {"a polygon with holes became a brush mask": 1}


def test_parts_belong_to_the_first() -> None:
    """A polygon of two parts is two regions; the second has the first for its parent."""
    first, second = results(entry("e1", annotation("a", PAIR)))
    assert (first["id"], second["id"], second["parentID"]) == ("a", "a#2", "a")


def test_skeletons_are_key_points_in_a_box() -> None:
    """A skeleton is the box around it and a named key point for each that is labelled."""
    skeleton = Skeleton(((32.0, 12.0), (16.0, 24.0), (0.0, 0.0)), (2, 1, 0))
    box, nose, hand = results(entry("e1", annotation("s", skeleton, category_id="c-person")))
    assert box["value"]["rectanglelabels"] == ["person"]
    assert [(one["parentID"], one["value"]["keypointlabels"], one["meta"]) for one in (nose, hand)] == [
        ("s", ["nose"], {"keypoint": 1, "hidden": False}),
        ("s", ["left_hand"], {"keypoint": 2, "hidden": True}),
    ]
    assert (nose["value"]["x"], nose["value"]["y"]) == (50, 25)


def test_points_of_no_skeleton_are_key_points_alone() -> None:
    """Points of a class without keypoints are key points and nothing else: a single one is not changed by that."""
    point = annotation("p", Skeleton(((32.0, 12.0),), (2,)), category_id="c-tree")
    made = export(entry("e1", point))
    (one,) = json.loads(made.files["tasks.json"])[0]["annotations"][0]["result"]
    assert (one["id"], one["type"], one["value"]["keypointlabels"]) == ("p", "keypointlabels", ["tree"])
    assert (one["value"]["x"], one["value"]["y"]) == (50, 25)
    assert made.tally.changed == {}
    several = annotation("s", Skeleton(((32.0, 12.0), (16.0, 24.0)), (2, 1)), category_id="c-tree")
    made = export(entry("e1", several))
    found = json.loads(made.files["tasks.json"])[0]["annotations"][0]["result"]
    assert [(one["id"], one.get("parentID"), one["type"]) for one in found] == [
        ("s", None, "keypointlabels"),
        ("s#2", "s", "keypointlabels"),
    ]
    assert made.tally.changed == {"its points became one key point each": 1}


def test_choices_are_one_result() -> None:
    """All classifications by one person are one result of several choices; one without a class is left out."""
    tags = [annotation(f"a{one}", Classification(), category_id=one) for one in ("c-car", "c-tree", None)]
    made = export(entry("e1", *tags))
    (one,) = json.loads(made.files["tasks.json"])[0]["annotations"][0]["result"]
    assert one["value"] == {"choices": ["car", "tree"]}
    assert [(left.reason, left.count) for left in made.tally.left_out] == [("it has no category", 1)]


def test_regions_without_a_class_have_no_labels() -> None:
    """An annotation without a class is a region without labels."""
    (one,) = results(entry("e1", annotation("a", SQUARE, category_id=None)))
    assert "polygonlabels" not in one["value"]


def test_relations_lead_from_region_to_region() -> None:
    """A relation names its ends by the ids of regions; one that leads to nothing is written, and counted."""
    ends = [annotation("a", BOX), annotation("b", PAIR)]
    made = export(entry("e1", annotation("r", Relation("a", "b")), *ends, annotation("lost", Relation("a", "x"))))
    found = json.loads(made.files["tasks.json"])[0]["annotations"][0]["result"]
    assert found[-2] == {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right", "labels": ["car"]}
    assert {"a", "b"} <= {one["id"] for one in found if "id" in one}
    assert "leads to an annotation that is not part of the same person's work in the export" in made.tally.changed


def test_attributes_keep_their_types() -> None:
    """Attributes, crowds and groups are in `meta` of the region, as they were."""
    attributes = {"z": 1, "a": [True, None, "é"]}
    (one,) = results(entry("e1", annotation("a", BLOB, attributes=attributes, is_crowd=True, group_id="g")))
    assert one["meta"] == {"attributes": attributes, "is_crowd": True, "group": "g"}


# -- in time ----------------------------------------------------------------------------------------------------------


def expand(value: dict[str, Any]) -> dict[int, list[float]]:
    """Corner, sides and turn for each frame from 1, as Label Studio shows them: between key frames that are enabled."""
    found: dict[int, list[float]] = {}
    sequence = value["sequence"]
    keys = ("x", "y", "width", "height", "rotation")
    for index, one in enumerate(sequence):
        last = index + 1 == len(sequence)
        end = sequence[index + 1]["frame"] if not last else value["framesCount"] + 1
        for frame in range(one["frame"], end if one["enabled"] else one["frame"] + 1):
            other = one if last else sequence[index + 1]
            share = (frame - one["frame"]) / (end - one["frame"])
            found[frame] = [one[key] + share * (other[key] - one[key]) for key in keys]
    return found


@st.composite
def box_tracks(draw: st.DrawFn) -> Track:
    frames = sorted(draw(st.sets(st.integers(0, COUNT + 5), min_size=1, max_size=6)))
    shapes = st.one_of(strategies.boxes(), strategies.rotated_boxes())
    return Track(tuple(Keyframe(frame, draw(shapes), is_outside=draw(st.booleans())) for frame in frames))


@given(box_tracks())
def test_objects_are_where_they_were(track: Track) -> None:
    """Filled in as Label Studio does, each frame of a track has the same corners as it has here, no other has any."""
    meant = {one.number + 1: one.shape for one in tracks.frames(track, COUNT)}
    made = export(film(track), kind="video")
    if not meant:
        assert not made.tally.by_shape
        return
    (one,) = json.loads(made.files["tasks.json"])[0]["annotations"][0]["result"]
    read = expand(one["value"])
    assert read.keys() == meant.keys()
    for frame, (x, y, width, height, turn) in read.items():
        shape = meant[frame]
        corner, angle = ((shape.left, shape.top), 0.0) if isinstance(shape, Box) else (None, 0.0)
        if isinstance(shape, RotatedBox):
            corner, angle = geometry.corners(shape)[0], shape.angle
        assert isinstance(shape, Box | RotatedBox)
        assert (x * WIDTH / 100, y * HEIGHT / 100) == pytest.approx(corner, abs=1e-6)
        assert (width * WIDTH / 100, height * HEIGHT / 100) == pytest.approx((shape.width, shape.height))
        assert math.cos(math.radians(turn) - angle) == pytest.approx(1)


def test_tracks_have_their_labels_and_times() -> None:
    """A video rectangle has its class, frames from 1 with their times, and the video's length, and an end."""
    track = Track((Keyframe(0, BOX, attributes={"pose": 1}), Keyframe(5, BOX)))
    (one,) = results(film(track), kind="video")
    value = one["value"]
    assert (one["type"], value["labels"], value["framesCount"], value["duration"]) == (
        "videorectangle",
        ["car"],
        COUNT,
        0.8,
    )
    assert [(key["frame"], key["enabled"], key["time"]) for key in value["sequence"]] == [(1, True, 0), (6, False, 0.2)]
    assert one["meta"] == {"keyframe_attributes": {"1": {"pose": 1}}}


def test_times_in_videos_are_frames() -> None:
    """A stretch of a video's time is rounded outwards to its frames from 1, and in `meta` in seconds."""
    (one,) = results(film(TimeSpan(0.1, 0.25)), kind="video")
    assert one["value"] == {"ranges": [{"start": 3, "end": 7}], "timelinelabels": ["car"]}
    assert one["meta"] == {"start_seconds": 0.1, "end_seconds": 0.25}


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (film(Track((Keyframe(0, SQUARE),))), "Label Studio cannot hold a track of other shapes than boxes"),
        (film(Track((Keyframe(0, Box(math.inf, 1, 1, 1)),))), "its coordinates are no numbers"),
        (film(Track((Keyframe(COUNT, BOX),))), "it is in no frame of its video"),
        (film(TimeSpan(2.0, 1.0)), "its times are no stretch of time"),
        (
            film(TimeSpan(1.0, 2.0), frame_rate=None),
            "the frame rate of its video is not known, and Label Studio counts in frames",
        ),
    ],
)
def test_what_is_left_out_is_counted(one: Entry, reason: str) -> None:
    """What Label Studio cannot hold is left out with the reason, the video is not."""
    tally = export(one, kind="video").tally
    assert [(left.kind, left.reason, left.count) for left in tally.left_out] == [("annotations", reason, 1)]
    assert tally.went_out["entries"] == 1


def test_stretches_of_sound_have_their_transcript() -> None:
    """A stretch of sound is in seconds; what is said in it is a text area of the same region."""
    span = annotation("a", TimeSpan(0.5, 2.25), attributes={"transcript": "Hallo"})
    region, said = results(sound(span), kind="audio")
    assert region["value"] == {"start": 0.5, "end": 2.25, "channel": 0, "labels": ["car"]}
    assert (said["id"], said["type"], said["value"]["text"]) == ("a", "textarea", ["Hallo"])


def test_spans_of_text_are_characters() -> None:
    """A span of text has its characters and what stands there."""
    text = entry(
        "e1", annotation("a", TextSpan(4, 7, "met")), name="a.txt", medias=(picture("m", mime_type="text/plain"),)
    )
    made = export(text, kind="text")
    (task,) = json.loads(made.files["tasks.json"])
    assert task["data"] == {"text": "/data/local-files/?d=texts/a.txt"}
    (one,) = task["annotations"][0]["result"]
    assert one["value"] == {"start": 4, "end": 7, "text": "met", "labels": ["car"]}
