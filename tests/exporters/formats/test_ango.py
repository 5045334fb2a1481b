"""What the format `ango` promises beside what every format does, its rows checked key by key and type by type."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from msgspec import Raw

from exporters.formats.ango import AngoExporter
from exporters.model import (
    Annotation,
    Box,
    Category,
    Classification,
    Entry,
    Keyframe,
    Mask,
    Part,
    Polygon,
    Polyline,
    Relation,
    RotatedBox,
    Shape,
    Skeleton,
    TextSpan,
    TimeSpan,
    Track,
)
from tests import strategies
from tests.conformance.exporters import Export, run_export
from tests.fakes.datasets import BLOB, PAIR, RING, SQUARE, annotation, dataset, entry, one_of_each, picture

GOLDEN = Path(__file__).parent / "golden" / "ango"
Row = dict[str, Any]


def export(*entries: Entry, **values: Any) -> Export:
    made = run_export(AngoExporter(), [values.pop("dataset", dataset())], entries, **values)
    made.tally.check("the export")
    return made


def rows(*entries: Entry, **values: Any) -> list[Row]:
    """The rows of an export, checked."""
    lines = export(*entries, **values).files["export.ndjson"].split(b"\n")
    assert lines.pop() == b""
    return [checked(json.loads(line)) for line in lines]


def row(*shapes: Shape | Annotation, **values: Any) -> Row:
    (one,) = rows(entry("e1", *shapes), **values)
    return one


def tool(shape: Shape | Annotation) -> Row:
    (one,) = row(shape)["task"]["tools"]
    return dict(one)


# -- an independent checker -------------------------------------------------------------------------------------------

GEOMETRIES = {"bounding-box", "rotated-bounding-box", "polygon", "segmentation", "polyline", "point", "ner"}
TOOL = {"objectId": str, "schemaId": str, "title": str, "classifications": list}
OF_TOOLS = {"metadata": dict, "page": int, "interpolationStopped": bool, "ocr": dict, "lock": bool}
QUESTION = TOOL | {"tool": str}
OF_QUESTIONS = {"answer": (str, list, type(None)), "metadata": dict, "page": int, "interpolationStopped": bool}
KINDS = {"radio", "checkbox", "single-dropdown", "multi-dropdown", "tree-dropdown", "text", "rank", "boolean"}
ASSET = {"asset": str, "assetId": str, "externalId": str, "metadata": dict, "batches": list, "task": dict}
TASK = {
    "taskId": str,
    "stage": str,
    "stageId": str,
    "totalDuration": int,
    "tools": list,
    "classifications": list,
    "relations": list,
}


def keys(one: Row, needed: dict[str, Any], allowed: dict[str, Any]) -> None:
    assert needed.keys() <= one.keys() <= needed.keys() | allowed.keys(), sorted(one)
    for key, value in one.items():
        assert isinstance(value, (needed | allowed)[key]), (key, value)


def checked(row: Row) -> Row:
    """Raise unless a row is what Ango Hub exports; gives it back."""
    keys(row, ASSET, {"contextData": dict, "dataset": list})
    assert "://" not in row["asset"] or "?" not in row["asset"]
    task = row["task"]
    of_tasks = {"updatedAt": str, "updatedBy": str, "brushDataUrl": str, "stageHistory": list}
    keys(task, TASK, of_tasks)
    for one in task["tools"]:
        (geometry,) = GEOMETRIES & one.keys()
        keys({key: value for key, value in one.items() if key != geometry}, TOOL, OF_TOOLS)
        check_geometry(geometry, one[geometry])
        check_questions(one["classifications"])
    check_questions(task["classifications"])
    tools = [(one["objectId"], one.get("page")) for one in task["tools"]]
    assert len(set(tools)) == len(tools)
    for one in task["relations"]:
        is_group = "group" in one
        ends = {"group": list} if is_group else {"from": str, "to": str, "direction": str}
        keys(one, {"objectId": str, "schemaId": str, "title": str, **ends}, {"page": int, "metadata": dict})
        assert is_group or one["direction"] in ("straight", "reverse", "bidirectional")
    return row


def check_questions(questions: list[Row]) -> None:
    for one in questions:
        keys(one, QUESTION, OF_QUESTIONS)
        assert one["tool"] in KINDS
        check_questions(one["classifications"])


def check_geometry(kind: str, value: Any) -> None:
    match kind:
        case "bounding-box":
            keys(value, dict.fromkeys(("x", "y", "width", "height"), float), {})
        case "rotated-bounding-box":
            keys(value, {**dict.fromkeys(("x", "y", "width", "height", "rotation"), float), "corners": list}, {})
            check_corners(value)
        case "polygon" | "polyline":
            check_points(value)
        case "segmentation":
            keys(value, {"zones": list}, {})
            for zone in value["zones"]:
                keys(zone, {"region": list, "holes": list}, {})
                check_points(zone["region"])
                for hole in zone["holes"]:
                    check_points(hole)
        case "point":
            check_points([value])
        case "ner":
            is_text = "selection" in value
            keys(value, dict.fromkeys(("start", "end"), int if is_text else float), {"selection": str})


def check_points(points: Any) -> None:
    assert points
    assert all(len(point) == 2 and all(isinstance(value, float) for value in point) for point in points)


def check_corners(box: Row) -> None:
    """The corners follow from the rest as Ango Hub has it."""
    x, y, w, h = (box[key] for key in ("x", "y", "width", "height"))
    assert -180 <= box["rotation"] <= 180
    c, s = math.cos(math.radians(box["rotation"])), math.sin(math.radians(box["rotation"]))
    corners = [(x, y), (x - h * s, y + h * c), (x - h * s + w * c, y + h * c + w * s), (x + w * c, y + w * s)]
    for (found_x, found_y), corner in zip(box["corners"], corners, strict=True):
        assert (found_x, found_y) == pytest.approx(corner)


# -- what is written --------------------------------------------------------------------------------------------------


def small() -> Export:
    shapes = one_of_each()
    return export(
        entry(
            "e1",
            annotation(
                "a1", shapes["box"], attributes={"occluded": True, "color": "red"}, created_by="ana@example.org"
            ),
            annotation("a2", shapes["skeleton"]),
            annotation("a3", Relation("a1", "a2"), category_id="c-tree"),
            annotation("a4", Classification()),
            split="train",
        )
    )


def test_golden_files() -> None:
    """A small export is, to the byte, the file that lies beside this test to be looked at."""
    assert small().files == {path.name: path.read_bytes() for path in GOLDEN.iterdir()}


@pytest.mark.parametrize("form", ["ndjson", "json"])
@pytest.mark.parametrize("size", [1, 1000])
def test_forms_have_the_same_rows(form: str, size: int) -> None:
    """Lines and the JSON list have the same rows, in the order of the entries, in shards of any size."""
    entries = [entry(f"e{index}", SQUARE) for index in range(3)]
    made = export(*entries, options={"form": form}, shard_size=size)
    data = made.files[f"export.{form}"]
    found = json.loads(data) if form == "json" else [json.loads(line) for line in data.splitlines()]
    assert found == rows(*entries)
    assert [one["assetId"] for one in found] == ["e0", "e1", "e2"]


@given(strategies.entry_lists("d1"))
def test_any_entries_are_rows(entries: list[Entry]) -> None:
    """Whatever the entries, each row has the keys and types of Ango Hub's, and no object is there twice."""
    found = rows(*entries, options={"empty_entries": "all"}) if entries else []
    assert len(found) == sum(one.state != "rejected" for one in entries)


def test_boxes() -> None:
    """A box is its corner and its size, in pixels."""
    assert tool(Box(8.0, 6.0, 16.5, 12.25))["bounding-box"] == {"x": 8.0, "y": 6.0, "width": 16.5, "height": 12.25}


@pytest.mark.parametrize("angle", [0.0, 0.5, -2.0, math.pi, 7.0])
def test_rotated_boxes(angle: float) -> None:
    """A rotated box begins at a corner, not at its centre, and turns by degrees clockwise on the screen."""
    value = tool(RotatedBox(30.0, 20.0, 12.0, 6.0, angle))["rotated-bounding-box"]
    assert math.cos(math.radians(value["rotation"])) == pytest.approx(math.cos(angle))
    assert math.sin(math.radians(value["rotation"])) == pytest.approx(math.sin(angle))
    xs, ys = zip(*value["corners"], strict=True)
    assert (sum(xs) / 4, sum(ys) / 4) == pytest.approx((30.0, 20.0))


def test_outlines() -> None:
    """One ring is a polygon; parts and holes make a segmentation, and so does a mask, of the borders of its pixels."""
    assert tool(SQUARE)["polygon"] == [list(point) for point in SQUARE.parts[0].ring]
    (zone,) = tool(RING)["segmentation"]["zones"]
    assert zone == {
        "region": [list(point) for point in RING.parts[0].ring],
        "holes": [[list(point) for point in hole] for hole in RING.parts[0].holes],
    }
    assert len(tool(PAIR)["segmentation"]["zones"]) == 2
    assert len(tool(BLOB)["segmentation"]["zones"][0]["region"]) > 3
    assert export(entry("e1", BLOB)).tally.changed == {"its mask is written as the outlines of its pixels": 1}


def test_lines_and_spans() -> None:
    """Lines are points; spans of texts are whole numbers with what is said there, spans of time are seconds."""
    assert tool(Polyline(((1.0, 1.0), (5.0, 9.0))))["polyline"] == [[1.0, 1.0], [5.0, 9.0]]
    assert tool(TextSpan(3, 6, "met"))["ner"] == {"start": 3, "end": 6, "selection": "met"}
    assert tool(TimeSpan(0.5, 2.25))["ner"] == {"start": 0.5, "end": 2.25}


def test_points() -> None:
    """A single point is a tool; a skeleton is a tool for each labelled point, named, and a group that binds them."""
    single = annotation("a", Skeleton(((4.0, 5.0),), (2,)), category_id="c-car")
    assert tool(single)["point"] == [4.0, 5.0]
    task = row(annotation("a", one_of_each()["skeleton"]))["task"]
    answers = [{one["title"]: one["answer"] for one in tool["classifications"]} for tool in task["tools"]]
    assert answers == [{"keypoint": "nose"}, {"keypoint": "left_hand", "hidden": "true"}]
    (group,) = task["relations"]
    assert group["group"] == [tool["objectId"] for tool in task["tools"]]


def frames(*keyframes: Keyframe, **values: Any) -> list[Row]:
    """The tools of a track in a video of ten frames."""
    media = picture("m", mime_type="video/mp4", frames_count=10, frame_rate=25.0)
    one = annotation("t", Track(keyframes), attributes={"color": "red"}, **values)
    (found,) = rows(entry("e1", one, medias=(media,)))
    assert found["metadata"] == {"width": 64, "height": 48, "frameTotal": 10, "frameRate": 25.0}
    return list(found["task"]["tools"])


def test_tracks() -> None:
    """A track is a tool for each key frame, of one object, with the answers of that frame."""
    boxes = (Box(1.0, 1.0, 5.0, 5.0), Box(3.0, 1.0, 5.0, 5.0))
    found = frames(Keyframe(2, boxes[0], attributes={"blurred": "yes"}), Keyframe(9, boxes[1]))
    assert [(one["objectId"], one["page"], one["bounding-box"]["x"]) for one in found] == [("t", 2, 1.0), ("t", 9, 3.0)]
    assert [[answer["title"] for answer in one["classifications"]] for one in found] == [
        ["blurred", "color"],
        ["color"],
    ]
    assert not any("interpolationStopped" in one for one in found)


def test_tracks_end() -> None:
    """The first frame without the object says so, also the one behind the last key frame."""
    box = Box(1.0, 1.0, 5.0, 5.0)
    found = frames(Keyframe(0, box), Keyframe(3, box, is_outside=True), Keyframe(5, box))
    assert [(one["page"], one.get("interpolationStopped", False)) for one in found] == [
        (0, False),
        (3, True),
        (5, False),
        (6, True),
    ]


@pytest.mark.parametrize(
    ("value", "kind", "said"),
    [
        ("é", "text", "é"),
        (["a", "b"], "checkbox", ["a", "b"]),
        (True, "text", "true"),
        (3, "text", "3"),
        ({"b": 1, "a": None}, "text", '{"a":null,"b":1}'),
        (None, "text", None),
    ],
)
def test_attributes_are_answers(value: Any, kind: str, said: Any) -> None:
    """Attributes are nested classifications: texts and lists of them as they are, anything else as JSON."""
    (answer,) = tool(annotation("a", SQUARE, attributes={"why": value}))["classifications"]
    assert (answer["title"], answer["tool"], answer["answer"]) == ("why", kind, said)


def test_classifications() -> None:
    """A class answers the question of its parent, or is the question itself where there is an answer."""
    (question,) = row(annotation("a", Classification(), attributes={"sure": "no"}))["task"]["classifications"]
    assert (question["title"], question["answer"], question["schemaId"]) == ("vehicle", "car", "c-car")
    assert [one["title"] for one in question["classifications"]] == ["sure"]
    answered = annotation("a", Classification(), category_id="c-tree", attributes={"answer": ["oak", "ash"]})
    (question,) = row(answered)["task"]["classifications"]
    assert (question["title"], question["tool"], question["answer"]) == ("tree", "checkbox", ["oak", "ash"])


def test_relations() -> None:
    """A relation goes from one object to another, the first of several; one that leads out of its row is counted."""
    pair = (annotation("a", SQUARE), annotation("b", RING))
    (relation,) = row(*pair, annotation("r", Relation("a", "b"), category_id="c-tree"))["task"]["relations"]
    assert (relation["from"], relation["to"], relation["direction"]) == ("a", "b", "straight")
    assert relation["title"] == "tree"
    (task,) = [
        one["task"]
        for one in rows(entry("e1", annotation("s", one_of_each()["skeleton"]), annotation("r", Relation("s", "s"))))
    ]
    assert task["relations"][1]["from"] == task["tools"][0]["objectId"]
    lost = export(entry("e1", annotation("r", Relation("a", "gone"))))
    assert lost.tally.changed == {"it relates to an annotation that is not in its row": 1}


def test_ellipses_of_tracks_are_left_out() -> None:
    """What Ango Hub has no tool for is left out with a reason that says so."""
    track = Track((Keyframe(0, one_of_each()["ellipse"]),))
    (left,) = export(entry("e1", track)).tally.left_out
    assert left.reason == "Ango Hub has no tool for its shape"


def test_tracks_without_key_frames_are_left_out() -> None:
    """A track that is in no frame is left out and counted; the entry goes out with the others."""
    made = export(entry("e1", Track(()), one_of_each()["box"]))
    (left,) = made.tally.left_out
    assert (left.reason, left.count) == ("nothing of it is marked", 1)
    assert made.tally.went_out["annotations"] == 1


def test_entries_become_assets() -> None:
    """An entry is an asset with its file, its size, its split as a batch, and its attributes."""
    one = row(SQUARE)
    assert (one["asset"], one["externalId"], one["metadata"]) == (
        "images/e1.png",
        "e1.png",
        {"width": 64, "height": 48},
    )
    (other,) = rows(entry("e1", SQUARE, split="train", attributes={"site": "north"}), media="none")
    assert (other["asset"], other["batches"], other["contextData"]) == ("e1-m.png", ["train"], {"site": "north"})


# -- rows that came from Ango Hub -------------------------------------------------------------------------------------

NESTED = {
    "objectId": "0642e",
    "schemaId": "6d98c",
    "tool": "radio",
    "title": "Occluded",
    "answer": "Partly",
    "metadata": {"createdAt": "2026-02-11T09:00:05.185Z"},
    "classifications": [],
}
CAR = {
    "bounding-box": {"x": 20.0, "y": 30.0, "height": -10.0, "width": -5.0},
    "objectId": "a5f86",
    "classifications": [NESTED],
    "metadata": {"createdAt": "2026-02-11T09:00:03.111Z", "createdBy": "ana@example.org", "createdIn": "Label"},
    "schemaId": "ff587",
    "title": "Car",
    "lock": True,
}
PUDDLE = {
    "segmentation": {"zones": [{"region": [[1.0, 1.0], [9.0, 1.0], [9.0, 9.0]], "holes": []}]},
    "objectId": "008fe",
    "classifications": [],
    "schemaId": "44997",
    "title": "Puddle",
}
WEATHER = {**NESTED, "objectId": "2927b", "title": "Weather", "schemaId": "8d358", "answer": ["Rain", "Wind"]}
TOWING = {
    "from": "a5f86",
    "to": "008fe",
    "objectId": "e25a9",
    "schemaId": "4b4c7",
    "direction": "bidirectional",
    "page": 0,
    "title": "Towing",
}
CONVOY = {"objectId": "8980e", "schemaId": "80279", "group": ["a5f86", "008fe"], "page": 0, "title": "Convoy"}
SENT = {
    "asset": "https://media.example.org/cam0/000001.jpg?X-Amz-Signature=de87",
    "assetId": "f29bc",
    "externalId": "cam0/000001.jpg",
    "metadata": {"width": 64, "height": 48},
    "batches": ["rain"],
    "task": {
        "taskId": "e5353",
        "stage": "Complete",
        "stageId": "Complete",
        "updatedAt": "2026-02-11T09:00:55.035Z",
        "updatedBy": "bo@example.org",
        "totalDuration": 184250,
        "tools": [CAR, PUDDLE],
        "classifications": [WEATHER],
        "relations": [TOWING, CONVOY],
        "brushDataUrl": "https://media.example.org/brush.png?X-Amz-Signature=1a2b",
        "stageHistory": [{"stage": "Label", "brushDataUrl": "https://media.example.org/brush.png?X-Amz-Signature=3c"}],
    },
}
ONTOLOGY = dataset(
    categories=[Category(id=one["schemaId"], name=one["title"]) for one in (CAR, PUDDLE, WEATHER, TOWING, CONVOY)]
)


def raw(value: Any) -> Raw:
    return Raw(json.dumps(value).encode())


def came(**values: Any) -> Entry:
    """The entry that a source makes of `SENT`."""
    ring = tuple((x, y) for x, y in PUDDLE["segmentation"]["zones"][0]["region"])
    shapes: list[tuple[Row, Shape]] = [
        (CAR, Box(15.0, 20.0, 5.0, 10.0)),
        (PUDDLE, Polygon((Part(ring),))),
        (WEATHER, Classification()),
        (TOWING, Relation("a5f86", "008fe")),
        (CONVOY, Relation("a5f86", "008fe")),
    ]
    annotations = [
        annotation(one["objectId"], shape, category_id=one["schemaId"], raw=raw(one)) for one, shape in shapes
    ]
    again = annotation("8980e-2", Relation("008fe", "a5f86"), category_id="80279", raw=raw(CONVOY))
    return entry("f29bc", *annotations, again, **{"name": "cam0/000001.jpg", "raw": raw(SENT), **values})


def test_rows_of_ango_hub_keep_what_they_had() -> None:
    """A row that came from Ango Hub goes out as it came, but for signatures, and boxes that were drawn backwards."""
    (found,) = rows(came(), dataset=ONTOLOGY, media="none")
    expected = json.loads(json.dumps(SENT).replace("?X-Amz-Signature=de87", ""))
    expected["task"]["brushDataUrl"] = "https://media.example.org/brush.png"
    expected["task"]["stageHistory"][0]["brushDataUrl"] = "https://media.example.org/brush.png"
    expected["task"]["tools"][0]["bounding-box"] = {"x": 15.0, "y": 20.0, "width": 5.0, "height": 10.0}
    assert found == expected


def test_signatures_do_not_change_the_bytes() -> None:
    """The same project exported on another day, with other signatures, gives the same bytes."""
    other = raw(json.loads(json.dumps(SENT).replace("Signature=", "Signature=f00")))
    made = [export(one, dataset=ONTOLOGY).files for one in (came(), came(raw=other))]
    assert made[0] == made[1]


def test_files_of_the_package_are_named() -> None:
    """Where media is part of the package, `asset` is its path there."""
    (found,) = rows(came(split="train"), dataset=ONTOLOGY)
    assert found["asset"] == "images/train/cam0/000001.jpg"
    assert found["batches"] == ["rain", "train"]


def test_what_is_left_out_is_not_in_the_row() -> None:
    """Classes that are dropped or renamed are so in the row too."""
    options = {"drop_classes": ["Puddle"], "rename_classes": {"Car": "Vehicle"}}
    (found,) = rows(came(), dataset=ONTOLOGY, options=options)
    assert [one["title"] for one in found["task"]["tools"]] == ["Vehicle"]


def test_authors_can_be_redacted() -> None:
    """With `redact=authors`, no row says who annotated."""
    made = export(came(), dataset=ONTOLOGY, options={"redact": ["authors"]})
    assert b"example.org" not in made.files["export.ndjson"]


def test_masks_of_tracks() -> None:
    """A mask in a key frame is the outline of its pixels there."""
    (found, _) = frames(Keyframe(0, Mask(64, 48, (0, 48, 48 * 63))))
    assert found["segmentation"]["zones"][0]["region"][0] == [0.0, 0.0]
