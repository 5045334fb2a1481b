"""What the format `labelme` promises beside what every format does, checked as LabelMe's own reader does and more."""

from __future__ import annotations

import base64
import io
import json
import math
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from PIL import Image

from exporters.formats.labelme import LabelmeExporter
from exporters.model import (
    Box,
    Classification,
    Ellipse,
    Entry,
    Polygon,
    RotatedBox,
    Shape,
    Skeleton,
)
from exporters.shapes import geometry, masks
from tests import strategies
from tests.conformance.exporters import Export, run_export
from tests.fakes import hostile
from tests.fakes.datasets import BLOB, HEIGHT, PAIR, RING, SQUARE, WIDTH, annotation, dataset, entry, one_of_each

GOLDEN = Path(__file__).parent / "golden" / "labelme"
BOX = Box(1.0, 2.0, 30.5, 4.25)
POINTS = {
    "rectangle": {2},
    "oriented_rectangle": {4},
    "circle": {2},
    "point": {1},
    "points": range(2, 100),
    "mask": {2},
    "linestrip": range(2, 1000),
    "polygon": range(3, 1000),
}


def export(*entries: Entry, **values: Any) -> Export:
    made = run_export(LabelmeExporter(), [values.pop("dataset", dataset())], entries, **values)
    made.tally.check("the export")
    for path in made.files:
        if path.endswith(".json"):
            prove(made, path)
    return made


def prove(made: Export, path: str) -> dict[str, Any]:
    """Raise unless a document is what LabelMe takes; gives it back."""
    read: dict[str, Any] = json.loads(made.files[path])
    assert read.keys() == {"version", "flags", "shapes", "imagePath", "imageData", "imageHeight", "imageWidth"}
    assert read["imageData"] is None
    assert "/" not in read["imagePath"]
    if made.medias:
        assert str(PurePosixPath(path).with_name(read["imagePath"])) in made.medias
    assert all(type(value) is bool for value in read["flags"].values())
    labels = made.files["labels.txt"].decode().split("\n")[:-1]
    for shape in read["shapes"]:
        kind = shape["shape_type"]
        assert isinstance(shape["label"], str)
        assert shape["group_id"] is None or type(shape["group_id"]) is int
        assert all(type(value) is bool for value in shape["flags"].values())
        assert isinstance(shape["description"], str)
        assert len(shape["points"]) in POINTS[kind]
        assert all(math.isfinite(value) for point in shape["points"] for value in point)
        assert ("mask" in shape) == (kind == "mask")
        assert kind == "point" or shape["label"] in labels
        if kind == "mask":
            painted(shape, read["imageWidth"], read["imageHeight"])
    return read


def painted(shape: dict[str, Any], width: int, height: int) -> masks.Pixels:
    """The pixels of a mask on its picture, as LabelMe places them: both corners are pixels of it."""
    with Image.open(io.BytesIO(base64.b64decode(shape["mask"]))) as picture:
        crop = np.asarray(picture).astype(bool)
    (left, top), (right, bottom) = np.asarray(shape["points"]).astype(int)
    pixels = np.zeros((height, width), dtype=np.bool_)
    pixels[top : bottom + 1, left : right + 1] = crop  # raises unless it is of just that size
    return pixels


def document(*shapes: Any, **values: Any) -> dict[str, Any]:
    return prove(export(entry("e1", *shapes, **values)), "images/e1.json")


def only(shape: Shape, **values: Any) -> dict[str, Any]:
    """The only shape of an export of this one alone."""
    (one,) = document(annotation("a", shape, **values))["shapes"]
    found: dict[str, Any] = one
    return found


# -- the files --------------------------------------------------------------------------------------------------------


def test_golden_files() -> None:
    """A small export is, to the byte, the files that lie beside this test to be looked at."""
    shapes = one_of_each()
    held = [shapes[name] for name in ("box", "polygon", "polyline", "mask", "skeleton", "classification")]
    told = annotation("told", BOX, attributes={"color": "red", "parked": False}, is_crowd=True)
    made = export(
        entry("e1", *held, Ellipse(30.0, 20.0, 5.0, 5.0)), entry("e2", PAIR, told, split="train"), entry("e3")
    )
    golden = {str(path.relative_to(GOLDEN)): path.read_bytes() for path in GOLDEN.rglob("*") if path.is_file()}
    assert made.files == golden


@given(strategies.entry_lists("d1", margin=25))
def test_any_export_is_sound(entries: list[Entry]) -> None:
    """Whatever the entries, each has a document, and it proves sound."""
    made = export(*entries, shard_size=2)
    assert len(made.files) == 1 + made.tally.went_out.get("entries", 0)


def test_hostile_names_are_sound() -> None:
    """Names of any kind give sound documents beside their pictures, and a class a line."""
    assert len(export(*hostile.entries()).files) == 1 + len(hostile.NAMES)
    many = hostile.categories()
    made = export(*hostile.of_every_category(many), dataset=many)
    assert made.files["labels.txt"].count(b"\n") == len(many.categories)


def test_documents_lie_beside_their_pictures() -> None:
    """A document has the path of its picture but for the extension, in splits and folders; two of a stem have two."""
    entries = [
        entry("e1", BOX, name="a/b.png", split="train"),
        entry("e2", BOX, name="c.png"),
        entry("e3", BOX, name="c.jpg"),
        entry("e4", BOX, name="d.json"),
    ]
    made = export(*entries, shard_size=1)
    assert made.files.keys() - {"labels.txt"} == {
        "images/train/a/b.json",
        "images/c~id-e2.json",
        "images/c~id-e3.json",
        "images/d.json.json",
    }


def test_nothing_is_embedded() -> None:
    """`imageData` is there and null; sizes are those of the picture; a negative has no shapes."""
    read = document()
    assert read["shapes"] == []
    assert (read["imageHeight"], read["imageWidth"], read["imagePath"]) == (HEIGHT, WIDTH, "e1.png")


# -- shapes -----------------------------------------------------------------------------------------------------------


@given(strategies.boxes())
def test_boxes_are_their_corners(box: Box) -> None:
    """A box is a rectangle of two opposite corners, exactly."""
    one = only(box)
    assert one["shape_type"] == "rectangle"
    assert one["points"] == [[box.left, box.top], [box.left + box.width, box.top + box.height]]


@given(strategies.rotated_boxes())
def test_rotated_boxes_are_four_corners(box: RotatedBox) -> None:
    """A rotated box is an oriented_rectangle of its corners in ring order."""
    made = export(entry("e1", box), options={"out_of_picture": "keep"})
    (one,) = prove(made, "images/e1.json")["shapes"]
    assert one["shape_type"] == "oriented_rectangle"
    assert [tuple(point) for point in one["points"]] == list(geometry.corners(box))


def test_circles_are_centre_and_rim() -> None:
    """A circle is its centre and a point on its rim; an ellipse that is none is a polygon, and counted."""
    one = only(Ellipse(30.0, 20.0, 5.0, 5.0))
    assert (one["shape_type"], one["points"]) == ("circle", [[30, 20], [35, 20]])
    made = export(entry("e1", Ellipse(30.0, 20.0, 9.0, 4.0, 0.25)))
    assert made.tally.changed == {"an ellipse became a polygon of 64 points": 1}


@given(strategies.pixels(width=WIDTH, height=HEIGHT))
def test_masks_are_exact(pixels: masks.Pixels) -> None:
    """A mask is a PNG of the rectangle around its pixels; read back, it is the same pixels."""
    if pixels.any():
        one = only(masks.from_pixels(pixels))
        assert (painted(one, WIDTH, HEIGHT) == pixels).all()


def test_corners_of_masks_are_pixels() -> None:
    """The second corner of a mask is its last pixel, not the edge behind it."""
    assert only(BLOB)["points"] == [[5.0, 3.0], [6.0, 8.0]]


def test_holes_become_masks() -> None:
    """A polygon with a hole is a mask of the same pixels, and counted."""
    made = export(entry("e1", RING))
    (one,) = prove(made, "images/e1.json")["shapes"]
    assert (painted(one, WIDTH, HEIGHT) == masks.rasterize(RING.parts, WIDTH, HEIGHT)).all()
    assert made.tally.changed == {"a polygon with holes became a mask": 1}


def test_parts_of_a_polygon_are_tied() -> None:
    """A polygon of two parts is two polygons of one group, which no other object of the picture has."""
    shapes = document(PAIR, annotation("x", BOX, group_id="g"), PAIR, annotation("y", SQUARE, group_id="g"))["shapes"]
    assert [one["group_id"] for one in shapes] == [1, 1, 2, 3, 3, 2]


def test_polygons_are_exact() -> None:
    """An outline is its points, in full."""
    polygon = Polygon((SQUARE.parts[0],))
    one = only(polygon)
    assert [tuple(point) for point in one["points"]] == list(polygon.parts[0].ring)


def test_skeletons_are_tied_points() -> None:
    """A skeleton is the box around it and a named point for each that is labelled, in one group."""
    skeleton = Skeleton(((12.0, 5.0), (6.0, 14.0), (0.0, 0.0)), (2, 1, 0))
    shapes = document(skeleton)["shapes"]
    assert [(one["label"], one["shape_type"], one["group_id"], one["flags"]) for one in shapes] == [
        ("person", "rectangle", 1, {}),
        ("nose", "point", 1, {}),
        ("left_hand", "point", 1, {"hidden": True}),
    ]


def test_classifications_are_flags() -> None:
    """A classification of the picture is one of its flags; attributes of it, which have no place, are counted."""
    made = export(entry("e1", annotation("a", Classification(), attributes={"sure": 1})))
    read = prove(made, "images/e1.json")
    assert (read["flags"], read["shapes"]) == ({"car": True}, [])
    assert made.tally.changed == {"attributes of a classification are not held": 1}


def test_flags_that_are_false_stay() -> None:
    """Attributes of the entry that are true or false are flags beside the classifications; a class wins over one."""
    tagged = entry("e1", Classification(), attributes={"night": False, "car": False, "wet": True, "note": "x"})
    read = prove(export(tagged), "images/e1.json")
    assert read["flags"] == {"night": False, "car": True, "wet": True}


def test_boxes_over_the_border_stay_as_they_were_drawn() -> None:
    """By default, a shape keeps its coordinates, those beyond the picture too."""
    made = export(entry("e1", Box(-5.0, 6.0, 80.0, 12.0)))
    (one,) = prove(made, "images/e1.json")["shapes"]
    assert one["points"] == [[-5.0, 6.0], [75.0, 18.0]]
    assert made.tally.changed == {}


def test_attributes_are_flags_and_text() -> None:
    """What is true or false is a flag, and nothing else is: other attributes are a JSON object in the description."""
    one = only(BOX, attributes={"parked": True, "count": 0, "color": "rød"}, is_crowd=True)
    assert one["flags"] == {"parked": True, "is_crowd": True}
    assert json.loads(one["description"]) == {"count": 0, "color": "rød"}


@pytest.mark.parametrize("media", ["none", "original"])
def test_documents_do_not_depend_on_media(media: Any) -> None:
    """Without media, the documents are the same."""
    assert export(entry("e1", BOX), media=media).files == export(entry("e1", BOX)).files
