"""CVAT's XML and Pascal VOC as strangers' tools write them."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from blocks.folder import FolderSource
from exporters.errors import RequestError
from exporters.model import (
    Annotation,
    Box,
    Classification,
    Ellipse,
    Entry,
    Mask,
    Polygon,
    Polyline,
    RotatedBox,
    Skeleton,
    Track,
    Unknown,
)
from exporters.pictures import painting
from exporters.shapes import masks
from tests.blocks.samples import everything, lay_out
from tests.fakes.layouts import picture

# -- CVAT -------------------------------------------------------------------------------------------------------------

LABELS = """<labels>
<label><name>car</name><color>#ff0000</color><type>any</type><attributes>
<attribute><name>parked</name><mutable>True</mutable><input_type>checkbox</input_type></attribute>
<attribute><name>doors</name><mutable>False</mutable><input_type>number</input_type></attribute>
<attribute><name>make</name><mutable>False</mutable><input_type>text</input_type></attribute>
</attributes></label>
<label><name>person</name><type>skeleton</type><attributes></attributes><svg>&lt;line data-type="edge"
data-node-from="1" data-node-to="2"&gt;&lt;/line&gt;&lt;circle data-node-id="1"&gt;&lt;/circle&gt;&lt;circle
data-node-id="2"&gt;&lt;/circle&gt;</svg></label>
<label><name>head</name><type>points</type><attributes></attributes><parent>person</parent></label>
<label><name>foot</name><type>points</type><attributes></attributes><parent>person</parent></label>
</labels>"""


RIGHT = math.pi / 2
NO_FIT = Unknown("mask that does not fit its picture")


def cvat(folder: Path, items: str, meta: str = "", **files: bytes) -> FolderSource:
    document = f"<annotations><version>1.1</version><meta><task>{LABELS}{meta}</task></meta>{items}</annotations>"
    return FolderSource(url=str(lay_out(folder / "set", {"annotations.xml": document.encode(), **files})))


def on_image(folder: Path, element: str) -> Annotation:
    (one,) = everything(cvat(folder, f'<image id="0" name="a.png" width="100" height="80">{element}</image>'))
    (found,) = one.annotations
    return found


@pytest.mark.parametrize(
    ("element", "shape"),
    [
        ('<box label="car" xtl="0" ytl="0" xbr="100" ybr="80"/>', Box(0, 0, 100, 80)),
        ('<box label="car" xtl="10" ytl="20" xbr="30" ybr="60" rotation="90"/>', RotatedBox(20, 40, 20, 40, RIGHT)),
        ('<ellipse label="car" cx="5" cy="6" rx="3" ry="2"/>', Ellipse(5, 6, 3, 2)),
        ('<polyline label="car" points="1.5,2;3,4"/>', Polyline(((1.5, 2), (3, 4)))),
        ('<points label="car" points="1,2;3,4"/>', Skeleton(((1, 2), (3, 4)), (2, 2))),
        ('<tag label="car"/>', Classification()),
        ('<cuboid label="car" xtl1="1"/>', Unknown("cuboid")),
        ('<hexagon label="car"/>', Unknown("hexagon")),
        ('<box label="car" xtl="nan" ytl="0" xbr="1" ybr="1"/>', Unknown("box that cannot be read")),
        ('<polygon label="car" points="1,2;x"/>', Unknown("polygon that cannot be read")),
        ('<mask label="car" rle="1, 2" left="0" top="0" width="2" height="2"/>', NO_FIT),
        ('<mask label="car" rle="0, 4" left="99" top="0" width="2" height="2"/>', NO_FIT),
    ],
)  # fmt: skip
def test_cvat_elements(tmp_path: Path, element: str, shape: Any) -> None:
    """Each element is the shape it stands for; what cannot be placed is unknown under its name, and stays counted."""
    found = on_image(tmp_path, element)
    assert found.shape == shape
    assert found.category_id == "car"


def test_cvat_masks_run_along_rows(tmp_path: Path) -> None:
    """CVAT's run lengths go along the rows of the rectangle, which lies at left and top."""
    shape = on_image(tmp_path, '<mask label="car" rle="1, 3, 1, 1" left="10" top="20" width="3" height="2"/>').shape
    assert isinstance(shape, Mask)
    rows, columns = np.nonzero(masks.to_pixels(shape))
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == [(20, 11), (20, 12), (21, 10), (21, 12)]


def test_cvat_skeletons_follow_their_label(tmp_path: Path) -> None:
    """Points come in the order of the label, not of the file; outside is not labelled, occluded is hidden."""
    inner = (
        '<points label="foot" outside="0" occluded="1" points="3,4"/><points label="head" outside="1" points="1,2"/>'
    )
    source = cvat(tmp_path, f'<image id="0" name="a.png"><skeleton label="person">{inner}</skeleton></image>')
    (one,) = everything(source)
    assert one.annotations[0].shape == Skeleton(((1, 2), (3, 4)), (0, 1))
    person = source.dataset("set").categories[1]
    assert (person.name, person.keypoints, person.skeleton) == ("person", ("head", "foot"), ((0, 1),))
    assert [one.name for one in source.dataset("set").categories] == ["car", "person"]


def test_cvat_attributes_are_what_they_are_declared_as(tmp_path: Path) -> None:
    """Checkboxes are true or false, numbers numbers, all else text; occluded and z_order are there when set."""
    given = {"parked": "true", "doors": "4", "x": "5"}
    attributes = "".join(f'<attribute name="{name}">{value}</attribute>' for name, value in given.items())
    head = 'label="car" occluded="1" z_order="2" group_id="7" xtl="0" ytl="0" xbr="1" ybr="1"'
    found = on_image(tmp_path, f"<box {head}>{attributes}</box>")
    assert found.attributes == {"occluded": True, "z_order": 2, "parked": True, "doors": 4, "x": "5"}
    assert found.group_id == "7"


def test_cvat_projects_have_subsets(tmp_path: Path) -> None:
    """In a project the subset is the split, and ids count in each task: both are kept apart."""
    images = "".join(
        f'<image id="0" name="a.png" subset="{subset}" task_id="{task}" width="9" height="9"/>'
        for task, subset in ((1, "Train"), (2, "Test"), (3, "default"))
    )
    source = cvat(tmp_path, images, **{"images/Train/a.png": picture(1), "images/Test/a.png": picture(2)})
    found = everything(source)
    assert [(one.id, one.split) for one in found] == [("1-0", "Train"), ("2-0", "Test"), ("3-0", None)]
    assert [one.original.ref for one in found[:2] if one.original] == ["images/Train/a.png", "images/Test/a.png"]


def test_cvat_tracks(tmp_path: Path) -> None:
    """Key frames make a track, frames between them follow from these; mutable attributes belong to key frames."""
    shapes = "".join(
        f'<box frame="{frame}" keyframe="{key}" outside="{outside}" xtl="{frame}" ytl="0" xbr="{frame + 9}" ybr="9">'
        f'<attribute name="parked">{parked}</attribute><attribute name="make">Lada</attribute></box>'
        for frame, key, outside, parked in (
            (5, 1, 0, "true"), (6, 0, 0, "true"), (9, 1, 0, "false"), (10, 1, 1, "false"),
        )
    )  # fmt: skip
    meta = (
        "<size>20</size><mode>interpolation</mode><original_size><width>64</width><height>48</height></original_size>"
    )
    source = cvat(tmp_path, f'<track id="0" label="car">{shapes}</track>', f"{meta}<source>drive.mp4</source>")
    (dataset,) = source.catalog()
    assert dataset.modality == "video"
    (one,) = everything(source)
    (found,) = one.annotations
    assert isinstance(found.shape, Track)
    assert [(key.frame, key.is_outside, key.attributes) for key in found.shape.keyframes] == [
        (5, False, {"parked": True}),
        (9, False, {"parked": False}),
        (10, True, {"parked": False}),
    ]
    assert found.attributes == {"make": "Lada"}
    assert one.original
    assert (one.original.name, one.original.width, one.original.frames_count) == ("drive.mp4", 64, 20)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("<annotations><image id='0'>", "no sound XML"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotations><image id="&b;"/></annotations>', "."),
        ("<annotations><meta/><image>" + "<a>" * 100 + "</a>" * 100 + "</image></annotations>", "nested"),
        ('<annotations><meta/><!-- --><image id="0" name="&#0;"/></annotations>', "no sound XML"),
    ],
)
def test_unsound_cvat_is_refused(tmp_path: Path, document: str, words: str) -> None:
    """What is cut off, declares entities or is nested beyond reason is refused by name; nothing is expanded."""
    source = FolderSource(url=str(lay_out(tmp_path / "set", {"annotations.xml": document.encode()})))
    with pytest.raises(RequestError, match=words):
        everything(source)


def test_entities_in_another_encoding_are_refused(tmp_path: Path) -> None:
    """A document type is found by the parser, not by its letters, whatever encoding hides them."""
    document = '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>'
    folder = lay_out(tmp_path / "set", {"Annotations/a.xml": document.encode("utf-16")})
    with pytest.raises(RequestError, match="document type"):
        everything(FolderSource(url=str(folder)))


def test_cvat_is_read_in_bounded_memory(tmp_path: Path) -> None:
    """Images are listed one by one: the first is there before the last is looked at."""
    images = "".join(f'<image id="{number}" name="{number}.png"/>' for number in range(50_000))
    source = cvat(tmp_path, images + "<broken>")
    dataset = source.dataset("set")
    listing = source.list_entries(dataset, {})
    assert b'"0.png' in next(listing).replace(b'\\"', b'"')


# -- Pascal VOC -------------------------------------------------------------------------------------------------------

VOC = """<annotation><filename>a.jpg</filename><size><width>8</width><height>6</height></size>{objects}</annotation>"""
OBJECT = """<object><name>{name}</name>{more}
<bndbox><xmin>{0}</xmin><ymin>{1}</ymin><xmax>{2}</xmax><ymax>{3}</ymax></bndbox></object>"""


def png(values: Any, mode: str) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(np.asarray(values, np.uint8), "L")
    if mode == "P":
        image = image.convert("P")
        image.putpalette(painting.VOC_PALETTE)
    if mode == "RGB":
        image.putpalette(painting.VOC_PALETTE)
        image = image.convert("RGB")
    image.save(buffer, "PNG")
    return buffer.getvalue()


VALUES = [[0, 0, 0, 0, 0, 0, 0, 0], [0, 255, 1, 1, 0, 0, 0, 0], [0, 255, 1, 1, 0, 0, 9, 0]] + [[0] * 8] * 3


def voc(folder: Path, place: str = "", **more: bytes) -> Entry:
    objects = OBJECT.format(2, 2, 4, 3, name="cat", more="<part><name>head</name></part>") + OBJECT.format(
        7, 5, 8, 6, name="dog", more=""
    )
    files = {f"{place}Annotations/a.xml": VOC.format(objects=objects).encode(), **more}
    (found,) = everything(FolderSource(url=str(lay_out(folder / "set", files))))
    return found


@pytest.mark.parametrize("mode", ["L", "P", "RGB"])
def test_voc_masks_belong_to_objects(tmp_path: Path, mode: str) -> None:
    """The value of a pixel is the place of its object; other values, and parts of objects, are counted as unknown."""
    found = voc(tmp_path, **{"SegmentationObject/a.png": png(VALUES, mode)}).annotations
    cat, dog, *others = (one.shape for one in found)
    assert isinstance(cat, Mask)
    assert np.argwhere(masks.to_pixels(cat)).tolist() == [[1, 2], [1, 3], [2, 2], [2, 3]]
    assert found[0].box == Box(1, 1, 3, 2)
    assert dog == Box(6, 4, 2, 2)
    assert others == [Unknown("part of an object"), Unknown("mask of no object")]


@pytest.mark.parametrize("data", [b"no picture", png([[0]], "L")])
def test_unsound_voc_masks_are_refused(tmp_path: Path, data: bytes) -> None:
    """A mask that is no picture, or of another size than its XML says, is refused by name."""
    with pytest.raises(RequestError, match=r"SegmentationObject/a\.png"):
        voc(tmp_path, **{"SegmentationObject/a.png": data})


@pytest.mark.parametrize("place", ["VOCdevkit/VOC2012/", "VOC2007/"])
def test_voc_years_are_datasets(tmp_path: Path, place: str) -> None:
    """The folders of the original are found where they lie, below a year."""
    found = voc(tmp_path, place, **{f"{place}JPEGImages/a.jpg": picture(1, form="JPEG")})
    assert found.dataset_id == place.split("/")[-2]
    assert found.original
    assert found.original.ref == f"{place}JPEGImages/a.jpg"


def test_voc_beside_pictures(tmp_path: Path) -> None:
    """Roboflow puts XML and picture side by side in the folder of the split, and outlines into `polygon`."""
    outline = "<polygon><x1>1.5</x1><y1>1</y1><x2>6</x2><y2>1</y2><x3>6</x3><y3>5</y3></polygon>"
    document = VOC.format(objects=OBJECT.format(1, 1, 7, 6, name="cat", more=outline)).encode()
    files = {"valid/a.xml": document, "valid/a.jpg": picture(1, form="JPEG"), "README.txt": b"x"}
    (found,) = everything(FolderSource(url=str(lay_out(tmp_path / "set", files))))
    assert (found.name, found.split) == ("a.jpg", "valid")
    shape = found.annotations[0].shape
    assert isinstance(shape, Polygon)
    assert shape.parts[0].ring == ((1.5, 1.0), (6.0, 1.0), (6.0, 5.0))
