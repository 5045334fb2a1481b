"""Datasets that lie in folders in other people's layouts: what comes in is what a reader of the format would see."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from blocks.folder import FolderSource
from exporters.errors import RequestError
from exporters.model import Box, Entry, Polygon, RotatedBox, Skeleton


def lay_out(folder: Path, files: dict[str, str | bytes]) -> FolderSource:
    for name, content in files.items():
        path = folder / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return FolderSource(url=str(folder / "set"))


def picture(width: int = 100, height: int = 80, **values: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "JPEG", **values)
    return buffer.getvalue()


def entries(source: FolderSource) -> list[Entry]:
    (found,) = source.choose([])
    return list(source.read(source.dataset(found.id), list(source.list_entries(found, {})), "original"))


def test_a_folder_of_nothing_known_is_refused_with_all_that_is(tmp_path: Path) -> None:
    """The message names every layout that was looked for."""
    with pytest.raises(RequestError, match=r"COCO JSON.*Pascal VOC.*YOLO"):
        entries(lay_out(tmp_path, {"readme.txt": "nothing"}))


# -- Pascal VOC -------------------------------------------------------------------------------------------------------

VOC = """<annotation><folder>x</folder><filename>{name}</filename><size><width>100</width><height>80</height>
<depth>3</depth></size><object><name>car</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult>
<bndbox><xmax>100</xmax><xmin>1</xmin><ymin>1</ymin><ymax>80</ymax></bndbox></object></annotation>"""


def test_voc_is_read(tmp_path: Path) -> None:
    """Corners are 1-based and inclusive: the whole picture is the whole picture. Flags are attributes."""
    source = lay_out(tmp_path, {
        "Annotations/a.xml": VOC.format(name="a.jpg"),
        "Annotations/b.xml": "<annotation><filename>b.jpg</filename></annotation>",
        "JPEGImages/a.jpg": picture(),
        "JPEGImages/b.jpg": picture(),
        "ImageSets/Main/train.txt": "a\n",
        "ImageSets/Main/val.txt": "b\n",
        "ImageSets/Main/trainval.txt": "a\nb\n",
        "ImageSets/Main/car_train.txt": "a 1\n",
    })  # fmt: skip
    one, other = entries(source)
    assert (one.id, one.name, one.split, other.split) == ("a", "a.jpg", "train", "val")
    (found,) = one.annotations
    assert found.shape == Box(0.0, 0.0, 100.0, 80.0)
    assert found.attributes == {"truncated": True, "difficult": False, "pose": "Left"}
    assert [category.name for category in source.dataset("set").categories] == ["car"]
    assert one.original
    assert one.original.version
    assert not other.annotations


@pytest.mark.parametrize("text", ["<annotation>", '<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>'])
def test_unsound_xml_is_refused_by_name(tmp_path: Path, text: str) -> None:
    """What is no XML, or could be a bomb, is named and refused."""
    with pytest.raises(RequestError, match=r"Annotations/a\.xml"):
        entries(lay_out(tmp_path, {"Annotations/a.xml": text}))


# -- YOLO -------------------------------------------------------------------------------------------------------------


def yolo(tmp_path: Path, rows: str, extra: str = "") -> list[Entry]:
    document = f"train: images/train\nval: images/val\nnames: [car, 'no']\n{extra}"
    return entries(lay_out(tmp_path, {
        "data.yaml": document,
        "images/train/a.jpg": picture(),
        "labels/train/a.txt": rows,
        "images/val/sub/b.jpg": picture(),
    }))  # fmt: skip


def test_yolo_boxes_are_read(tmp_path: Path) -> None:
    """Shares of the picture become pixels; a picture without a label file is a negative."""
    one, other = yolo(tmp_path, "0 0.5 0.5 1.0 1.0\n1 0.25 0.5 0.5 0.25\n")
    assert [(found.category_id, found.shape) for found in one.annotations] == [
        ("0", Box(0.0, 0.0, 100.0, 80.0)),
        ("1", Box(0.0, 30.0, 50.0, 20.0)),
    ]
    assert (one.name, one.split, other.name, other.split) == ("a.jpg", "train", "sub/b.jpg", "val")
    assert other.state == "completed"


def test_yolo_classes_may_be_written_with_a_point(tmp_path: Path) -> None:
    """The class `1.0`, as arrays of numbers are saved, is the class 1."""
    (one, _) = yolo(tmp_path, "1.0 0.5 0.5 1.0 1.0\n")
    assert [found.category_id for found in one.annotations] == ["1"]


def test_yolo_outlines_points_and_corners_are_read(tmp_path: Path) -> None:
    """The number of fields says what a row is; `task: obb` makes four corners a rotated box."""
    corners = "0 0.1 0.125 0.3 0.125 0.3 0.25 0.1 0.25\n"
    ((found,),) = [one.annotations for one in yolo(tmp_path / "1", corners)[:1]]
    assert isinstance(found.shape, Polygon)
    ((found,),) = [one.annotations for one in yolo(tmp_path / "2", corners, "task: obb\n")[:1]]
    assert found.shape == RotatedBox(
        pytest.approx(20.0), pytest.approx(15.0), pytest.approx(20.0), pytest.approx(10.0), 0.0
    )  # type: ignore[arg-type]
    ((found,),) = [
        one.annotations for one in yolo(tmp_path / "3", "0 .5 .5 1 1 .1 .5 2 0 0 0\n", "kpt_shape: [2, 3]")[:1]
    ]
    assert found.shape == Skeleton(((10.0, 40.0), (0.0, 0.0)), (2, 0))


def test_yolo_measures_on_the_upright_picture(tmp_path: Path) -> None:
    """A picture that its EXIF tag turns is measured as trainers see it: turned."""
    exif = Image.Exif()
    exif[0x0112] = 6
    files = {"data.yaml": "train: images\nnames: [a]", "images/a.jpg": picture(100, 80, exif=exif)}
    (one,) = entries(lay_out(tmp_path, {**files, "labels/a.txt": "0 0.5 0.5 1 1"}))
    assert one.annotations[0].shape == Box(0.0, 0.0, 80.0, 100.0)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("5 0.5 0.5 1 1", "class 5"),
        ("0 0.5 0.5 1", "4 fields"),
        ("car 0.5 0.5 1 1", "no row of numbers"),
        ("0 nan 0.5 1 1", "no row of numbers"),
        ("0.5 0.5 0.5 1 1", "no row of numbers"),
        ("0 0.5 0.5 1 1 0.91", "6 fields.* if the last one is a confidence, remove it"),
    ],
)
def test_unsound_rows_are_refused_with_their_line(tmp_path: Path, rows: str, words: str) -> None:
    """A row that cannot be read names its file, its line and what is wrong: nothing is guessed."""
    with pytest.raises(RequestError, match=f"labels/train/a.txt, line 1.*{words}"):
        yolo(tmp_path, rows)


@pytest.mark.parametrize(
    ("document", "words"),
    [("train: [", "no sound YAML"), ("train: nowhere\nnames: [a]", "nowhere"), ("train: images\n", "names no classes")],
)
def test_unsound_yaml_is_refused(tmp_path: Path, document: str, words: str) -> None:
    """A data.yaml that cannot be followed is refused with what is wrong in it."""
    files = {"data.yaml": document, "images/a.jpg": picture(), "labels/a.txt": "0 .5 .5 1 1"}
    with pytest.raises(RequestError, match=words):
        entries(lay_out(tmp_path, files))
