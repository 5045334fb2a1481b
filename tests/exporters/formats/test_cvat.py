"""What the format `cvat` promises beside what every format does, read by Datumaro and by a strict reader of its own."""

from __future__ import annotations

import math
from itertools import accumulate
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import datumaro
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.formats.cvat import CvatExporter
from exporters.formats.cvatxml import degrees, element
from exporters.model import (
    Box,
    Category,
    Classification,
    Ellipse,
    Entry,
    Part,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
)
from exporters.shapes import masks
from tests import strategies
from tests.conformance.exporters import Export, run_export
from tests.fakes import hostile
from tests.fakes.datasets import (
    BLOB,
    HEIGHT,
    KEYPOINTS,
    PAIR,
    RING,
    SQUARE,
    WIDTH,
    annotation,
    dataset,
    entry,
    media_bytes,
    one_of_each,
)

GOLDEN = Path(__file__).parent / "golden" / "cvat"
BOX = Box(1.0, 2.0, 30.5, 4.25)
SHAPES = {"box", "polygon", "polyline", "points", "ellipse", "mask", "skeleton", "tag"}


def export(*entries: Entry, **values: Any) -> Export:
    made = run_export(CvatExporter(), [values.pop("dataset", dataset())], entries, **values)
    made.tally.check("the export")
    return made


def prove(made: Export) -> ET.Element:
    """Raise unless the document is what CVAT's importer relies on; gives its root."""
    root = ET.fromstring(made.files["annotations.xml"])
    assert root.tag == "annotations"
    assert root.findtext("version") == "1.1"
    (container,) = [one for one in root.find("meta") or () if one.tag in ("task", "project")]
    declared: dict[str, dict[str, str]] = {}
    kinds = {}
    for label in container.findall("labels/label"):
        name, parent = label.findtext("name") or "", label.findtext("parent")
        if parent is not None:
            assert parent in declared
            continue
        assert name not in declared
        kinds[name] = label.findtext("type")
        declared[name] = {
            one.findtext("name") or "": one.findtext("input_type") or ""
            for one in label.findall("attributes/attribute")
        }
    images = root.findall("image")
    assert len({one.get("id") for one in images}) == len(images)
    assert len({(one.get("subset"), one.get("name")) for one in images}) == len(images)
    groups: dict[str, str | None] = {}
    for image in images:
        for one in image:
            assert one.tag in SHAPES
            prove_shape(one, image, declared, kinds)
            if one.get("group_id"):  # a group never reaches from one picture to another
                assert groups.setdefault(one.get("group_id") or "", image.get("id")) == image.get("id")
    return root


def prove_shape(
    one: ET.Element, image: ET.Element, declared: dict[str, dict[str, str]], kinds: dict[str, str | None]
) -> None:
    label = one.get("label") or ""
    attributes = declared[label]
    for given_ in one.findall("attribute"):
        kind = attributes[given_.get("name") or ""]
        assert kind == "text" or given_.text in ("true", "false")
    if one.tag == "tag":
        return
    assert one.get("occluded") in ("0", "1")
    assert (one.get("z_order") or "").lstrip("-").isdecimal()
    numbers = [one.get(key) for key in ("xtl", "ytl", "xbr", "ybr", "cx", "cy", "rx", "ry", "rotation") if one.get(key)]
    assert all(math.isfinite(float(number or "nan")) for number in numbers)
    if one.tag == "mask":
        assert painted(one, image).any()
    if one.tag in ("polygon", "polyline", "points"):
        assert len(read_points(one)) >= {"polygon": 3, "polyline": 1, "points": 1}[one.tag]
    if one.tag == "skeleton":
        assert kinds[label] == "skeleton"


def read_points(one: ET.Element) -> list[tuple[float, ...]]:
    return [tuple(map(float, pair.split(","))) for pair in (one.get("points") or "").split(";")]


def painted(one: ET.Element, image: ET.Element) -> masks.Pixels:
    """The pixels of a mask on its picture, by the rule of CVAT: runs along the rows of the rectangle."""
    left, top, width, height = (int(one.get(key) or "x") for key in ("left", "top", "width", "height"))
    runs = [int(run) for run in (one.get("rle") or "").split(",")]
    assert sum(runs) == width * height
    flat = np.zeros(width * height, dtype=np.bool_)
    for start, end in list(zip([0, *accumulate(runs)], accumulate(runs), strict=False))[1::2]:
        flat[start:end] = True
    pixels = np.zeros((int(image.get("height") or 0), int(image.get("width") or 0)), dtype=np.bool_)
    pixels[top : top + height, left : left + width] = flat.reshape(height, width)
    return pixels


def only(shape: Shape, **values: Any) -> tuple[list[ET.Element], ET.Element]:
    """The elements of an export of this shape alone, and their image."""
    (image,) = prove(export(entry("e1", annotation("a", shape, **values)))).findall("image")
    return list(image), image


# -- the files --------------------------------------------------------------------------------------------------------


def test_golden_file() -> None:
    """A small export is, to the byte, the file that lies beside this test to be looked at."""
    shapes = one_of_each()
    held = [shapes[name] for name in sorted(CvatExporter.holds.shapes or ())]
    told = annotation("e2-told", BOX, attributes={"color": "red", "occluded": True, "parked": False}, group_id="g")
    made = export(entry("e1", *held), entry("e2", PAIR, RING, told, name="folder/e2.png"), entry("e3"))
    prove(made)
    assert made.files["annotations.xml"] == (GOLDEN / "annotations.xml").read_bytes()


@given(strategies.entry_lists("d1", margin=25))
def test_any_export_is_sound(entries: list[Entry]) -> None:
    """Whatever the entries, what is written proves sound, and every annotation that went out has its elements."""
    made = export(*entries, shard_size=2)
    root = prove(made)
    assert len(root.findall("image")) == made.tally.went_out.get("entries", 0)


def test_hostile_texts_are_sound() -> None:
    """Names, classes, attributes and splits of any kind give a document that an XML reader takes."""
    prove(export(*hostile.entries()))
    many = hostile.categories()
    prove(export(*hostile.of_every_category(many), dataset=many))
    prove(export(*(entry(f"e{index}", BOX, split=split) for index, split in enumerate(hostile.SPLITS))))
    odd = {name: name for name in (*hostile.NAMES, "</attribute>", "]]>", "&amp;") if name}
    (one,), _ = only(BOX, attributes=odd)
    read = {given_.get("name"): given_.text for given_ in one.findall("attribute")}
    assert read["</attribute>"] == "</attribute>"
    assert read["line\nbreak.jpg"] == "line\nbreak.jpg"
    assert read["carriage\r\nreturn.jpg"] == "carriage\r\nreturn.jpg"
    assert read["nul\\u0000byte.jpg"] == "nul\\u0000byte.jpg"


def test_splits_are_subsets_of_a_project(tmp_path: Path) -> None:
    """With splits, the document is a project's, images say their subset, and Datumaro finds each with its picture."""
    made = export(entry("e1", BOX, split="train"), entry("e2", BOX, BOX, split="val"), entry("e3", split="train"))
    root = prove(made)
    assert [one.text for one in root.findall("meta/project/tasks/task/subset")] == ["train", "val"]
    assert sorted((one.get("subset"), one.get("name")) for one in root.findall("image")) == [
        ("train", "e1.png"),
        ("train", "e3.png"),
        ("val", "e2.png"),
    ]
    write(made, tmp_path)
    from datumaro.plugins.data_formats.cvat.base import CvatBase  # noqa: PLC0415 - it takes a second to import

    for split, expected in (("train", {"e1": 1, "e3": 0}), ("val", {"e2": 2})):
        items = list(CvatBase(str(tmp_path / "annotations.xml"), subset=split))
        assert {item.id: len(item.annotations) for item in items} == expected


def write(made: Export, folder: Path) -> None:
    """The export with real pictures."""
    for path, data in made.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    for path in made.medias:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(media_bytes(entry("any").medias[0]))


def test_datumaro_reads_what_went_in(tmp_path: Path) -> None:
    """Datumaro's reader gives back boxes, rotated boxes, outlines, lines, masks, tags and attributes, exactly."""
    box = annotation("box", BOX, attributes={"color": "red", "parked": True, "occluded": True})
    turned = RotatedBox(30.0, 20.0, 12.0, 6.0, math.pi / 6)
    line = Polyline(((1.0, 1.0), (5.0, 9.0), (12.0, 3.0)))
    made = export(entry("e1", box, turned, SQUARE, line, BLOB, Classification(), name="a/b.png"))
    write(made, tmp_path)
    read = datumaro.Dataset.import_from(str(tmp_path), "cvat")
    (item,) = read
    assert item.id == "a/b"
    assert item.media.size == (HEIGHT, WIDTH)
    bbox, rotated, polygon, polyline, mask, tag = item.annotations
    assert (bbox.x, bbox.y, bbox.w, bbox.h) == (BOX.left, BOX.top, BOX.width, BOX.height)
    assert bbox.attributes == {"color": "red", "parked": True, "occluded": True}
    assert (rotated.cx, rotated.cy, rotated.w, rotated.h) == (30.0, 20.0, 12.0, 6.0)
    assert rotated.r == pytest.approx(30.0)
    assert polygon.points == [value for point in SQUARE.parts[0].ring for value in point]
    assert polyline.points == [value for point in line.points for value in point]
    assert (mask.image == masks.to_pixels(BLOB)).all()
    names = [label.name for label in read.categories()[datumaro.AnnotationType.label].items]
    assert names[:2] == ["car", "person"]
    assert {names[one.label] for one in (bbox, rotated, polygon, polyline, mask, tag)} == {"car"}


def test_attributes_of_all_shards_are_declared() -> None:
    """What is met in any shard is declared, once: true or false as a checkbox, anything else as text."""
    entries = [
        entry("e1", annotation("a", BOX, attributes={"parked": True, "mixed": True})),
        entry("e2", annotation("b", BOX, attributes={"parked": False, "mixed": 3, "size": {"m": 1.5}})),
        entry("e3", annotation("c", BLOB, is_crowd=True, category_id="c-tree")),
    ]
    root = prove(export(*entries, shard_size=1))
    declared = {
        label.findtext("name"): {
            one.findtext("name"): one.findtext("input_type") for one in label.findall("attributes/attribute")
        }
        for label in root.findall("meta/task/labels/label")
    }
    assert declared["car"] == {"mixed": "text", "parked": "checkbox", "size": "text"}
    assert declared["tree"] == {"is_crowd": "checkbox"}
    values = [(one.get("name"), one.text) for one in root.iter("attribute") if one.get("name")]
    assert ("size", '{"m":1.5}') in values
    assert ("mixed", "3") in values


def test_image_ids_are_places_from_0() -> None:
    """Ids of images count from 0, through all shards."""
    root = prove(export(*(entry(f"e{index}", BOX) for index in range(5)), shard_size=2))
    assert [one.get("id") for one in root.findall("image")] == ["0", "1", "2", "3", "4"]


# -- shapes -----------------------------------------------------------------------------------------------------------


def test_full_picture_is_0_0_width_height() -> None:
    """Edges are those of pixels, from 0."""
    (one,), _ = only(Box(0.0, 0.0, WIDTH, HEIGHT))
    assert [float(one.get(key) or "") for key in ("xtl", "ytl", "xbr", "ybr")] == [0, 0, WIDTH, HEIGHT]


@given(strategies.boxes())
def test_boxes_are_exact(box: Box) -> None:
    """The edges that are read are those that were written, to the last bit."""
    tag, text = element(box)
    one = ET.fromstring(f"<{tag} {text}/>")
    edges = [float(one.get(key) or "") for key in ("xtl", "ytl", "xbr", "ybr")]
    assert edges == [box.left, box.top, box.left + box.width, box.top + box.height]


@given(strategies.rotated_boxes())
def test_rotated_boxes_keep_their_turn(box: RotatedBox) -> None:
    """`rotation` is in degrees from 0 up to 360, clockwise about the centre of the box that is written."""
    tag, text = element(box)
    one = ET.fromstring(f"<{tag} {text}/>")
    left, top, right, bottom = (float(one.get(key) or "") for key in ("xtl", "ytl", "xbr", "ybr"))
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((box.center_x, box.center_y))
    assert (right - left, bottom - top) == pytest.approx((box.width, box.height))
    turn = float(one.get("rotation") or "")
    assert 0 <= turn < 360
    assert math.cos(math.radians(turn) - box.angle) == pytest.approx(1)


@given(st.floats(-1e-300, 1e-300) | strategies.ANGLES)
def test_degrees_stay_below_a_full_turn(angle: float) -> None:
    """No rounding makes a full turn of none."""
    assert 0 <= degrees(angle) < 360


@given(strategies.pixels())
def test_masks_are_exact(pixels: masks.Pixels) -> None:
    """A mask's runs go along the rows of its rectangle, not down the columns of the picture."""
    if not pixels.any():
        return
    tag, text = element(masks.from_pixels(pixels))
    height, width = pixels.shape
    read = painted(ET.fromstring(f"<{tag} {text}/>"), ET.Element("image", width=str(width), height=str(height)))
    assert (read == pixels).all()


def test_masks_lie_where_they_were() -> None:
    """A mask is placed by its left and top, not by the runs before it."""
    (one,), image = only(BLOB)
    assert [one.get(key) for key in ("left", "top", "width", "height", "rle")] == [
        "5",
        "3",
        "2",
        "6",
        "0, 8, 1, 1, 1, 1",
    ]
    assert (painted(one, image) == masks.to_pixels(BLOB)).all()


def test_ellipses_are_written() -> None:
    """Ellipses have centre, radii and turn."""
    (one,), _ = only(Ellipse(30.0, 20.0, 9.0, 4.0, math.pi / 2))
    assert one.tag == "ellipse"
    values = [float(one.get(key) or "") for key in ("cx", "cy", "rx", "ry", "rotation")]
    assert values == pytest.approx([30, 20, 9, 4, 90])


def test_parts_of_a_polygon_are_tied() -> None:
    """A polygon of two parts is two polygons of one group, which no other object has."""
    made = export(entry("e1", PAIR, PAIR))
    polygons = list(prove(made).findall("image")[0])
    groups = [one.get("group_id") for one in polygons]
    assert groups[0] == groups[1] != groups[2] == groups[3]
    assert [len(read_points(one)) for one in polygons] == [4, 3, 4, 3]
    assert sum(made.tally.changed.values()) == 2


def test_groups_of_the_source_are_kept() -> None:
    """What the source ties together has one group id, and what it does not has none."""
    tied = [annotation(f"a{index}", BOX, group_id=group) for index, group in enumerate(("x", "y", "x", None))]
    groups = [one.get("group_id") for one in prove(export(entry("e1", *tied))).findall("image")[0]]
    assert groups[0] == groups[2] != groups[1]
    assert groups[3] is None


def test_holes_become_masks() -> None:
    """A polygon with a hole is a mask of the same pixels, and counted."""
    made = export(entry("e1", RING))
    (image,) = prove(made).findall("image")
    assert (painted(image[0], image) == masks.rasterize(RING.parts, WIDTH, HEIGHT)).all()
    assert made.tally.changed == {"a polygon with holes became a mask": 1}


def test_skeletons_have_named_points() -> None:
    """A skeleton has its class's points by name; `outside` is not labelled, `occluded` is hidden."""
    (one,), _ = only(Skeleton(((12.0, 5.0), (6.0, 14.0), (0.0, 0.0)), (2, 1, 0)), category_id="c-person")
    assert one.tag == "skeleton"
    read = [(p.get("label"), p.get("outside"), p.get("occluded")) for p in one.findall("points")]
    assert read == list(zip(KEYPOINTS, "001", "010", strict=True))
    assert read_points(one[0]) == [(12.0, 5.0)]


def test_skeletons_of_other_points_are_points() -> None:
    """A skeleton that does not have its class's points goes out as those that are seen, and is counted."""
    (one,), _ = only(Skeleton(((12.0, 5.0), (6.0, 14.0), (0.0, 0.0)), (2, 1, 0), SQUARE), category_id="c-car")
    assert one.tag == "points"
    assert read_points(one) == [(12.0, 5.0), (6.0, 14.0)]


def test_plain_points_are_no_change() -> None:
    """Points of a class without keypoints are CVAT's points, uncounted, unless some are hidden or not labelled."""
    for visibility, changed in (((2, 2), 0), ((2, 1), 1), ((0, 2), 1)):
        points = annotation("p", Skeleton(((12.0, 5.0), (6.0, 14.0)), visibility), category_id="c-tree")
        made = export(entry("e1", points))
        assert [one.tag for one in prove(made).find("image") or ()] == ["points"]
        assert made.tally.changed == dict.fromkeys(
            ["which of its points are hidden or not labelled is not held"][:changed], 1
        )
    made = export(entry("e1", annotation("p", Skeleton(((12.0, 5.0),), (2,)), category_id="c-person")))
    assert made.tally.changed == {"its skeleton became plain points: it does not have those of its class": 1}


def test_classifications_are_tags() -> None:
    """A classification of the picture is a tag with its attributes."""
    (one,), _ = only(Classification(), attributes={"sure": True})
    assert (one.tag, one.get("label"), one[0].text) == ("tag", "car", "true")


def test_classes_that_differ_in_control_characters_stay_apart() -> None:
    """Names that XML would make one are told apart, in the declaration and in the shapes alike."""
    names = ["a\x00", "a\\u0000", "a\ufffe"]
    odd = dataset(categories=[Category(id=f"c{index}", name=name) for index, name in enumerate(names)])
    root = prove(export(*hostile.of_every_category(odd), dataset=odd))
    labels = [one.findtext("name") for one in root.findall("meta/task/labels/label")]
    assert len(set(labels)) == 3
    assert [one.get("label") for one in root.iter("box")] == labels


def test_polygons_are_exact() -> None:
    """Points of an outline are written in full."""
    third = Polygon((Part(((1 / 3, 2 / 3), (10.1, 0.7), (5.5, 20.000001))),))
    (one,), _ = only(third)
    assert tuple(read_points(one)) == third.parts[0].ring
