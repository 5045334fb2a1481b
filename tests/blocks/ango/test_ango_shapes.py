"""What tools, answers and relations of Ango Hub become in the record model; no network."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from PIL import Image

from blocks.ango import answers, brush, spans
from blocks.ango.made import made, moment
from blocks.ango.ontology import brush_colors, to_categories
from blocks.ango.relations import to_relations
from blocks.ango.tools import on_page, to_shape
from blocks.ango.tracks import Tool, to_objects
from exporters.model import (
    Box,
    Polygon,
    Polyline,
    Relation,
    RotatedBox,
    Shape,
    Skeleton,
    TextSpan,
    TimeSpan,
    Track,
    Unknown,
)
from exporters.shapes import geometry, masks

numbers = st.floats(-1e4, 1e4, allow_nan=False).map(lambda value: round(value, 3))
sizes = st.floats(1, 1e3).map(lambda value: round(value, 3))


def shape(kind: str, value: Any, modality: str = "image", **besides: Any) -> Shape:
    return to_shape({kind: value, "objectId": "o", "schemaId": "s", "title": "t", **besides}, modality)


def corner(x: float, y: float, width: float, height: float, **more: Any) -> dict[str, Any]:
    return {"x": x, "y": y, "width": width, "height": height, **more}


# -- tools


@pytest.mark.parametrize("drawn", [(5, 7, 20, 10), (25, 7, -20, 10), (5, 17, 20, -10), (25, 17, -20, -10)])
def test_boxes_may_begin_at_any_corner(drawn: tuple[float, ...]) -> None:
    """From whichever corner a box was drawn, it is the same box."""
    assert shape("bounding-box", corner(*drawn)) == Box(5.0, 7.0, 20.0, 10.0)


@given(numbers, numbers, sizes, sizes, st.floats(-180, 180), st.booleans())
def test_rotated_boxes_turn_about_their_corner(
    x: float, y: float, width: float, height: float, degrees: float, has_corners: bool
) -> None:
    """The corners of a rotated box are those that the hub counts, whether it sends them or not."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = [
        (x, y),
        (x - height * s, y + height * c),
        (x - height * s + width * c, y + height * c + width * s),
        (x + width * c, y + width * s),
    ]
    more = {"corners": corners} if has_corners else {}
    found = shape("rotated-bounding-box", corner(x, y, width, height, rotation=degrees, **more))
    assert isinstance(found, RotatedBox)
    first, second, third, fourth = geometry.corners(found)
    assert np.allclose([first, fourth, third, second], corners, atol=1e-6)


def test_rotated_boxes_that_turned_about_their_centre() -> None:
    """Where corners say something else than corner and angle, as in imports, the box is where its corners are."""
    corners = [(110.0, 90.0), (110.0, 110.0), (90.0, 110.0), (90.0, 90.0)]
    found = shape("rotated-bounding-box", corner(90, 90, 20, 20, rotation=90, corners=corners))
    assert isinstance(found, RotatedBox)
    assert (found.center_x, found.center_y) == (100.0, 100.0)


def test_outlines_and_lines() -> None:
    """Polygons, lines and points are where their points are; a closed ring is opened."""
    assert shape("polyline", [[0, 1], [2, 3]]) == Polyline(((0.0, 1.0), (2.0, 3.0)))
    assert shape("point", [4.5, 5]) == Skeleton(((4.5, 5.0),), (2,))
    ring = [[0, 0], [4, 0], [4, 4]]
    assert shape("polygon", [*ring, ring[0]]) == shape("polygon", ring)


REGION = [[10, 0], [30, 0], [30, 9], [10, 9]]


@pytest.mark.parametrize(
    "holes",
    [[[[12, 2], [14, 2], [14, 4]]], [[12, 2], [14, 2], [14, 4]], [[[2, 12], [2, 14], [4, 14]]]],
    ids=["a list of rings", "one ring alone", "x and y changed"],
)
def test_holes(holes: Any) -> None:
    """Holes come as rings, as one ring, or, in imports, with x and y changed: it is the same hole."""
    found = shape("segmentation", {"zones": [{"region": REGION, "holes": holes}, {"region": [[0, 0], [1, 0], [1, 1]]}]})
    assert isinstance(found, Polygon)
    assert [len(part.holes) for part in found.parts] == [1, 0]
    assert found.parts[0].holes[0] == ((12.0, 2.0), (14.0, 2.0), (14.0, 4.0))


def test_spans_of_texts_and_times() -> None:
    """One word for both: selected words or whole numbers are of a text, seconds are of a sound."""
    assert shape("ner", {"start": 4, "end": 9, "selection": "Aylin"}, "text") == TextSpan(4, 9, "Aylin")
    assert shape("ner", {"start": 2.05, "end": 6.06}, "audio") == TimeSpan(2.05, 6.06)
    assert shape("ner", {"start": 2, "end": 6}, "audio") == TimeSpan(2.0, 6.0)
    assert shape("ner", {"start": 2.05, "end": 6.06}, "unknown") == TimeSpan(2.05, 6.06)


def test_marks_on_pdf_pages() -> None:
    """A mark is a box in the page's own units; its page, from 0, and the page's size are said beside it."""
    around = {"x1": 72.0, "y1": 90.0, "x2": 300.0, "y2": 110.0, "width": 612.0, "height": 792.0}
    mark = {"position": {"boundingRect": around, "rects": [], "pageNumber": 2}, "content": {"text": "Ltd."}}
    assert shape("pdf", mark, "document") == Box(72.0, 90.0, 228.0, 20.0)
    assert on_page({"pdf": mark}) == {"page": 1, "page_width": 612.0, "page_height": 792.0, "text": "Ltd."}


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        ({"spline": {"nodes": []}}, "spline"),
        ({"circle": [1, 2, 3]}, "circle"),
        ({"medical-brush": True}, "medical-brush"),
        ({}, "tool without a geometry"),
        ({"frames": {}, "range": [0, 1]}, "tool of an unknown form (frames, range)"),
        ({"polygon": [[1, 2]]}, "polygon that cannot be read"),
        ({"polygon": [[1, 2], [3, None], [4, 4]]}, "polygon that cannot be read"),
        ({"point": ["NaN", 1]}, "point that cannot be read"),
        ({"bounding-box": [1, 2, 3, 4]}, "bounding-box that cannot be read"),
        ({"segmentation": {"zones": []}}, "empty segmentation"),
        ({"point": [1, 2], "polygon": []}, "tool with more than one geometry (polygon, point)"),
        ({"ner": {"start": 5, "end": 1, "selection": "x"}}, "ner that cannot be read"),
        ({"pdf": {"position": None}}, "pdf that cannot be read"),
    ],
    ids=str,
)
def test_what_cannot_be_placed_is_named(tool: dict[str, Any], name: str) -> None:
    """A kind that nobody has written down, and what cannot be read, is told by the hub's word for it."""
    assert to_shape({"objectId": "o", "schemaId": "s", "title": "t", **tool}, "image") == Unknown(name)


# -- spans


@pytest.mark.parametrize(
    ("start", "end", "selection"),
    [(5, 10, "Aylin"), (6, 11, "Aylin"), (5, 9, "Aylin"), (6, 10, "Aylin"), (4, 11, " Aylin ")],
    ids=["code points", "UTF-16 units", "the last character", "the last unit", "outer spaces"],
)
def test_spans_are_counted_as_their_words_say(start: int, end: int, selection: str) -> None:
    """However offsets are counted, a span is where its words are, in code points, its end exclusive."""
    text = "🚀Dr. Aylin Demir"
    found = spans.settle(TextSpan(start, end, selection), text)
    assert isinstance(found, TextSpan)
    assert text[found.start : found.end] == selection == found.text


def test_spans_that_are_misplaced() -> None:
    """A span whose words stand elsewhere is told, not moved."""
    assert spans.settle(TextSpan(0, 5, "Aylin"), "Dr. Aylin") == Unknown(spans.MISPLACED)
    assert spans.settle(TextSpan(0, 50), "Dr. Aylin") == Unknown(spans.MISPLACED)


# -- answers


def question(title: str, answer: Any, *nested: Any, tool: str = "radio") -> dict[str, Any]:
    return {"title": title, "schemaId": f"s-{title}", "tool": tool, "answer": answer, "classifications": list(nested)}


def test_nested_answers_are_attributes() -> None:
    """Answers about an object are attributes under the titles that lead to them, whatever their depth."""
    deep = question("Hidden by", ["Pole", None], question("Side", "left"), tool="checkbox")
    found = answers.attributes([question("Occluded", "Partly", deep), question("Note", None), question("Empty", [])])
    assert found == {"Occluded": "Partly", "Occluded / Hidden by": ["Pole"], "Occluded / Hidden by / Side": "left"}


def test_questions_answered_twice() -> None:
    """Of a question that was answered more than once, all answers are there."""
    assert answers.attributes([question("Who", "a"), question("Who", ["b", "c"])]) == {"Who": ["a", "b", "c"]}


@pytest.mark.parametrize(
    ("kind", "said", "options"),
    [
        ("radio", "Rain", ["Rain"]),
        ("checkbox", ["a", None, "b", "a"], ["a", "b"]),
        ("tree-dropdown", ["P", "P / H", "T"], ["P / H", "T"]),
        ("boolean", False, ["false"]),
        ("radio", None, []),
        ("text", "Rain", []),
    ],
)
def test_chosen_options(kind: str, said: Any, options: list[str]) -> None:
    """What was chosen among options; of a tree the ends of the paths; what was written is not chosen."""
    assert answers.chosen(question("q", said, tool=kind)) == options


# -- relations


def test_relations() -> None:
    """A relation leads from its source to its target; a group from its first object to each other one."""
    ends = {"from": "a", "to": "b"}
    assert list(to_relations({**ends, "direction": "straight"})) == [(Relation("a", "b"), {})]
    assert list(to_relations({**ends, "direction": "reverse"})) == [(Relation("b", "a"), {})]
    ((both, said),) = to_relations({**ends, "direction": "bidirectional"})
    assert (both, said) == (Relation("a", "b"), {"direction": "bidirectional"})
    assert [found for found, _ in to_relations({"group": ["a", "b", "c"]})] == [Relation("a", "b"), Relation("a", "c")]
    for odd in ({"group": ["a"]}, {"group": []}, {"from": "a"}):
        ((found, _),) = to_relations(odd)
        assert isinstance(found, Unknown)


# -- tracks


def tool(page: Any, x: float = 0.0, **more: Any) -> Tool:
    value = {"bounding-box": corner(x, 0, 4, 4), "objectId": "o", "schemaId": "s", "title": "t", "page": page, **more}
    return Tool(value, Raw(json.dumps(value).encode()))


def track(*tools: Tool, only_key_frames: bool = True) -> Track:
    ((found, _),) = to_objects(tools, only_key_frames=only_key_frames)
    assert isinstance(found, Track)
    return found


def test_tools_of_one_object_are_a_track() -> None:
    """The tools of an object are its key frames, in the order of time, each with its own answers."""
    found = track(tool(20, 9.0, classifications=[question("Plate", "no")]), tool(0))
    assert [(one.frame, one.shape, one.attributes) for one in found.keyframes] == [
        (0, Box(0.0, 0.0, 4.0, 4.0), {}),
        (20, Box(9.0, 0.0, 4.0, 4.0), {"Plate": "no"}),
    ]


def test_objects_that_leave() -> None:
    """A stopped interpolation is the first frame without the object, which may come back."""
    found = track(tool(0), tool(45, interpolationStopped=True), tool(90), tool(95))
    assert [(one.frame, one.is_outside) for one in found.keyframes] == [
        (0, False),
        (45, True),
        (90, False),
        (95, False),
    ]


def test_frames_that_are_missing() -> None:
    """Where all frames were exported, the object is gone in those that are missing."""
    found = track(tool(3), tool(4), tool(9), only_key_frames=False)
    assert [(one.frame, one.is_outside) for one in found.keyframes] == [(3, False), (4, False), (5, True), (9, False)]


def test_what_is_no_track() -> None:
    """Two tools of an object in one frame are two objects; what has no frame, or cannot move, stands alone."""
    objects = list(to_objects([tool(0), tool(0, 5.0), tool(1), tool(None), tool(2, hologram=1)], only_key_frames=True))
    assert [type(one.shape) for one in objects] == [Track, Track, Box]
    assert sum(len(one.tools) for one in objects) == 5
    (strange,) = to_objects([Tool({"objectId": "o", "schemaId": "s", "page": 1}, Raw(b"{}"))], only_key_frames=True)
    assert strange.shape == Unknown("tool without a geometry")


# -- the brush


def png(pixels: Any, form: str = "png") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(buffer, form)
    return buffer.getvalue()


CANVAS = np.zeros((4, 6, 4), np.uint8)
RED, BLUE = (255, 0, 0), (0, 0, 250)


def painted(*traces: tuple[tuple[int, int], tuple[int, ...]]) -> bytes:
    pixels = CANVAS.copy()
    for (row, column), color in traces:
        pixels[row, column] = color
    return png(pixels)


def test_traces_are_told_apart_by_their_colour() -> None:
    """Each class has the pixels of its colour, within what a canvas rounds; what is nearly clear is not painted."""
    data = painted(((0, 0), (*RED, 255)), ((0, 1), (254, 1, 0, 200)), ((3, 5), (*BLUE, 255)), ((2, 2), (*RED, 90)))
    red, blue = brush.decode(data, {RED: ["r"], BLUE: ["b"]}, (6, 4))
    assert (red.schema_id, np.argwhere(masks.to_pixels(red.mask)).tolist()) == ("r", [[0, 0], [0, 1]])
    assert (blue.schema_id, np.argwhere(masks.to_pixels(blue.mask)).tolist()) == ("b", [[3, 5]])


def test_colours_that_tell_no_class() -> None:
    """Pixels of a colour that no class has, or that two share, are a mask without a class."""
    data = painted(((0, 0), (*RED, 255)), ((1, 1), (9, 9, 9, 255)))
    found = brush.decode(data, {RED: ["r", "other"]}, (6, 4))
    assert [(one.schema_id, one.color) for one in found] == [(None, "#ff0000"), (None, "#090909")]


def test_white_is_the_only_class() -> None:
    """Uploaded masks are white: they are of the only class of the brush, where there is one."""
    data = painted(((0, 0), (255, 255, 255, 255)))
    assert [one.schema_id for one in brush.decode(data, {RED: ["r"]}, None)] == ["r"]
    assert [one.schema_id for one in brush.decode(data, {RED: ["r"], BLUE: ["b"]}, None)] == [None]


@pytest.mark.parametrize(
    ("data", "fault"),
    [(b"no picture", "cannot be read"), (painted(), "another size"), (b"", "cannot be read")],
)
def test_brushes_that_cannot_be_read(data: bytes, fault: str) -> None:
    """A PNG that is none, or not of its image's size, is told as that."""
    with pytest.raises(brush.UnreadableBrushError, match=fault):
        brush.decode(data, {RED: ["r"]}, (7, 4))


def test_pictures_are_no_traces() -> None:
    """A photograph in the place of a brush is told, not taken for a hundred masks."""
    noise = np.random.default_rng(1).integers(0, 255, (20, 20, 3))
    with pytest.raises(brush.UnreadableBrushError, match="more colours"):
        brush.decode(png(noise), {RED: ["r"]}, (20, 20))


# -- the label set


def schema_class(tool: str, title: str, **more: Any) -> dict[str, Any]:
    return {"tool": tool, "title": title, "schemaId": f"{tool}-{title}", "color": "#ff0000", **more}


def test_label_sets_become_categories() -> None:
    """Tools, options below their questions, trees and relations are categories, in the project's order."""
    tree = [{"title": "P", "children": [{"title": "H", "children": []}]}]
    schema = {
        "tools": [schema_class("bounding-box", "Car"), schema_class("brush", "Car"), schema_class("hologram", "X")],
        "classifications": [
            schema_class("radio", "Weather", options=[{"value": "Rain"}, {"value": "Dry"}]),
            schema_class("tree-dropdown", "Type", treeOptions=tree),
            schema_class("text", "Note"),
            {"tool": "radio"},
        ],
        "relations": [schema_class("group", "Convoy")],
    }
    found = {one.id: (one.name, one.parent, one.shapes) for one in to_categories(schema, "image")}
    assert found == {
        "bounding-box-Car": ("Car", None, ("box",)),
        "brush-Car": ("Car", None, ("mask",)),
        "hologram-X": ("X", None, ("unknown",)),
        "radio-Weather/Rain": ("Rain", "Weather", ("classification",)),
        "radio-Weather/Dry": ("Dry", "Weather", ("classification",)),
        "tree-dropdown-Type/P": ("P", "Type", ("classification",)),
        "tree-dropdown-Type/P / H": ("H", "tree-dropdown-Type/P", ("classification",)),
        "text-Note": ("Note", None, ("classification",)),
        "group-Convoy": ("Convoy", None, ("relation",)),
    }
    assert to_categories(schema, "video")[0].shapes == ("track",)
    assert brush_colors(schema) == {RED: ["brush-Car"]}
    assert to_categories(None, "image") == []


def test_times_and_authors() -> None:
    """Times come as texts or as milliseconds, stages as ids: both are told as people know them."""
    record = {"metadata": {"createdAt": 1770800400000, "createdBy": "a@example.org", "createdIn": "6c1f"}}
    assert made(record, {"6c1f": "Label A"}) == {
        "created_at": "2026-02-11T09:00:00.000Z",
        "created_by": "a@example.org",
        "updated_at": None,
        "stage": "Label A",
    }
    assert made({}, {}) == dict.fromkeys(("created_at", "created_by", "updated_at", "stage"))
    assert moment(1e300) is None
