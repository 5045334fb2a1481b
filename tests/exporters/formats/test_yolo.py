"""What the YOLO formats promise beside what every format does, read by the rules of Ultralytics' own reader.

That reader leaves a whole picture out for one row that it does not like, with a line in a log, and takes a picture for
background when it finds no labels: `prove` looks for both as the reader would, from another folder.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from datumaro.components.dataset import Dataset as DatumaroDataset
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image

from exporters import RequestError, registry
from exporters.model import Annotation, Box, Category, Entry, Part, Polygon, RotatedBox, Shape, Skeleton
from exporters.shapes import geometry, masks
from tests import strategies
from tests.conformance.exporters import Export, run_export
from tests.fakes import hostile
from tests.fakes.datasets import (
    BLOB,
    HEIGHT,
    KEYPOINTS,
    PAIR,
    PERSON,
    RING,
    SQUARE,
    WIDTH,
    annotation,
    dataset,
    entry,
    one_of_each,
    picture,
)

GOLDEN = Path(__file__).parent / "golden" / "yolo"
FORMATS = ("yolo", "yolo_obb", "yolo_pose", "yolo_segment")
BOX = Box(8.0, 6.0, 16.5, 12.25)
TURNED = RotatedBox(30.0, 20.0, 12.0, 6.0, 0.5)

Labels = dict[str, list[list[float]]]
"""Rows by the path of the picture."""


def export(name: str, *entries: Entry, **values: Any) -> Export:
    made = run_export(registry.get(name), [values.pop("dataset", dataset())], entries, **values)
    made.tally.check("the export")
    return made


def reasons(made: Export) -> dict[str, int]:
    return {left.reason: left.count for left in made.tally.left_out if left.kind == "annotations"}


def text(name: str, shape: Shape | Annotation, **values: Any) -> str:
    """The label file of an export of this shape alone."""
    return export(name, entry("e1", shape), **values).files["labels/e1.txt"].decode()


def row(name: str, shape: Shape | Annotation, **values: Any) -> list[float]:
    (line,) = text(name, shape, **values).splitlines()
    return [float(value) for value in line.split()]


# -- the proof --------------------------------------------------------------------------------------------------------


def prove(name: str, made: Export, folder: Path, *, roles: tuple[str, ...] = ("train",)) -> dict[str, Labels]:
    """Raise unless readers take every row of every picture; gives back the rows by role."""
    (folder / "first").mkdir()
    made.write(folder / "first")
    moved = (folder / "first").rename(folder / "moved")
    data = yaml.safe_load((moved / "data.yaml").read_text())
    assert "path" not in data
    assert sorted(data["names"]) == list(range(data["nc"]))
    assert all(type(one) is str for one in data["names"].values())
    assert {role for role in ("train", "val", "test") if role in data} == set(roles)
    read: dict[str, Labels] = {}
    for role in roles:
        read[role] = {}
        for path in pictures(moved, data[role]):
            before, _, after = path.relative_to(moved.parent).as_posix().rpartition("/images/")
            labels = moved.parent / f"{before}/labels/{after.rpartition('.')[0]}.txt"
            assert labels.is_file(), "a missing file would make the picture background"
            read[role][path.relative_to(moved).as_posix()] = rows_of(name, labels, data)
    return read


def pictures(root: Path, listed: str | list[str]) -> Iterator[Path]:
    """The pictures of a role: of a folder with all below it, of a list, or of several of these."""
    for one in listed if isinstance(listed, list) else [listed]:
        assert not Path(one).is_absolute()
        place = root / one
        if place.is_dir():
            yield from sorted(path for path in place.rglob("*") if path.is_file())
            continue
        for line in place.read_text().strip().splitlines():
            assert line.startswith("./")
            found = place.parent / line
            assert found.is_file()
            yield found


def rows_of(name: str, labels: Path, data: dict[str, Any]) -> list[list[float]]:
    lines = labels.read_text().splitlines()
    assert len(set(lines)) == len(lines), "duplicates are removed"
    return [refused_row(name, line, data) for line in lines]


def refused_row(name: str, line: str, data: dict[str, Any]) -> list[float]:
    """The row of a line; raises where the reader would refuse its picture."""
    fields = line.split(" ")
    assert fields[0].isdigit()
    assert int(fields[0]) < data["nc"]
    values = [float(field) for field in fields]
    assert all(math.isfinite(value) for value in values)
    box = values[1:5]
    if name == "yolo":
        assert len(fields) == 5
    elif name == "yolo_pose":
        count, dimensions = data.get("kpt_shape", (0, 3))
        assert len(fields) == 5 + count * dimensions
        assert dimensions == 3
        assert set(values[7::3]) <= {0, 1, 2}
        assert all(0 <= value <= 1 for at, value in enumerate(values[5:]) if at % 3 != 2)
    else:
        assert len(fields) == 9 if name == "yolo_obb" else len(fields) >= 7
        assert len(fields) % 2 == 1
        xs, ys = values[1::2], values[2::2]
        box = [(min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2, max(xs) - min(xs), max(ys) - min(ys)]
        assert all(-0.01 <= value <= 1.01 for value in box)
    if name in ("yolo", "yolo_pose"):
        (center_x, center_y, width, height) = box
        assert min(width, height) > 0
        assert center_x - width / 2 >= 0 <= center_y - height / 2
        assert center_x + width / 2 <= 1 >= center_y + height / 2
    if name == "yolo_segment":
        assert all(0 <= value <= 1 for value in values[1:])
    return values


def test_proof_finds_mistakes(tmp_path: Path) -> None:
    """The proof finds pixels, percentages, corners for centres, unknown classes, odd rows and pictures not paired."""
    data = {"nc": 1}
    for wrong in (
        "0 8 6 16.5 12.25",
        "0 50 50 100 100",
        "0 0 0 1 1",
        "1 0.5 0.5 1 1",
        "0 0.5 0.5 1",
        "0 0.5 0.5 nan 1",
    ):
        with pytest.raises(AssertionError):
            refused_row("yolo", wrong, data)
    made = export("yolo", entry("e1", BOX))
    del made.files["labels/e1.txt"]
    with pytest.raises(AssertionError, match="background"):
        prove("yolo", made, tmp_path)


@pytest.mark.parametrize("name", FORMATS)
def test_golden_files(name: str, tmp_path: Path) -> None:
    """A small export is, to the byte, the files that lie beside this test to be looked at."""
    shapes = list(one_of_each().values())
    entries = [
        entry("e1", *shapes, PAIR, RING, split="train"),
        entry("e2", name="folder/e2.png", split="val"),
    ]
    made = export(name, *entries)
    prove(name, made, tmp_path, roles=("train", "val"))
    assert {
        path.relative_to(GOLDEN / name).as_posix(): path.read_bytes() for path in (GOLDEN / name).rglob("*.*")
    } == made.files


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=25)  # each writes a folder
@given(entries=strategies.entry_lists("d1", margin=25))
def test_any_export_is_read_whole(name: str, tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]) -> None:
    """Whatever the entries, readers take every picture and every row: as many as the books say went out."""
    entries = [
        replace(one, split=None, medias=tuple(replace(media, mime_type="image/png") for media in one.medias))
        for one in entries
    ]
    made = export(name, *entries, shard_size=2)
    if not made.medias:
        return
    read = prove(name, made, tmp_path_factory.mktemp("any"))
    assert len(read["train"]) == len(made.medias) == made.tally.went_out.get("entries", 0)
    assert sum(map(len, read["train"].values())) == made.tally.went_out.get("annotations", 0)


def test_datumaro_reads_boxes(tmp_path: Path) -> None:
    """Another reader finds the same pictures, classes and boxes in the delivered folder, a negative among them."""
    made = export(
        "yolo", entry("e1", BOX, split="train"), entry("e2", split="train"), entry("e3", SQUARE, BOX, split="val")
    )
    made.write(tmp_path)
    for path in made.medias:
        Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / path)
    read = DatumaroDataset.import_from(str(tmp_path), "yolo")
    found = {(item.id, item.subset): item.annotations for item in read}
    assert found.keys() == {("e1", "train"), ("e2", "train"), ("e3", "val")}
    assert found["e2", "train"] == []
    for key in (("e1", "train"), ("e3", "val")):
        (one,) = found[key]
        assert one.get_bbox() == pytest.approx([8.0, 6.0, 16.5, 12.25], abs=1e-4)
        assert read.categories()[next(iter(read.categories()))][one.label].name == "car"


# -- the layout -------------------------------------------------------------------------------------------------------


def data_of(made: Export) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(made.files["data.yaml"].decode())
    return read


def test_names_are_quoted() -> None:
    """Class names that YAML has another meaning for, hostile ones too, are read back as they are."""
    names = ["no", "on", "1.0", "null", "2001-01-01", "~", "a: b", "# c", "'", '"', "\\", *dict.fromkeys(hostile.NAMES)]
    many = dataset(categories=[Category(id=f"c{at}", name=name) for at, name in enumerate(dict.fromkeys(names))])
    assert list(data_of(export("yolo", dataset=many))["names"].values()) == list(dict.fromkeys(names))


def test_classes_keep_the_order_of_the_project() -> None:
    """Classes count from 0 in the order that the project declares them, not in that of their names or of the data."""
    declared = dataset(categories=[Category(id="z", name="zebra", number=7), Category(id="a", name="ape", number=3)])
    made = export("yolo", entry("e1", annotation("x", BOX, category_id="a")), dataset=declared)
    assert data_of(made)["names"] == {0: "zebra", 1: "ape"}
    assert made.files["labels/e1.txt"].startswith(b"1 ")


def test_folders_called_images_do_not_mislead(tmp_path: Path) -> None:
    """Pictures in a folder `images` of their own, or of a split of that name, still find their labels."""
    entries = [
        entry("e1", BOX, name="images/a.png"),
        entry("e2", BOX, name="x/images/images/a.png"),
        entry("e3", BOX, name="images"),
        entry("e4", BOX, name="Images/labels/a.png"),
    ]
    read = prove("yolo", export("yolo", *entries), tmp_path)
    assert [len(rows) for rows in read["train"].values()] == [1, 1, 1, 1]
    made = export("yolo", entry("e5", BOX, split="images"))
    assert set(made.medias) == {"images/~69mages/e5.png"}
    assert "labels/~69mages/e5.txt" in made.files


def test_folders_with_extensions_are_in_nobodys_way(tmp_path: Path) -> None:
    """A folder called like a picture, or like the label file of one, does not lie where that file has to."""
    entries = [
        entry("e1", BOX, name="a.png"),
        entry("e2", BOX, name="a.PNG/b.png"),
        entry("e3", BOX, name="a.txt/b.png"),
        entry("e4", BOX, name="b.bin"),
        entry("e5", BOX, name="b.png/c.png"),
    ]
    read = prove("yolo", export("yolo", *entries), tmp_path)["train"]
    assert sorted(read) == [
        "images/a~2ePNG/b.png",
        "images/a~2etxt/b.png",
        "images/a~id-e1.png",
        "images/b~2epng/c.png",
        "images/b~id-e4.png",
    ]


def test_pictures_of_one_stem_have_labels_of_their_own(tmp_path: Path) -> None:
    """`a.jpg` beside `a.png`, and one name in two folders or splits, do not share a label file."""
    entries = [
        entry("e1", BOX, name="a.png"),
        entry("e2", name="a.jpg"),
        entry("e3", BOX, name="x/0001.png"),
        entry("e4", name="y/0001.png"),
    ]
    read = prove("yolo", export("yolo", *entries), tmp_path)["train"]
    assert {path: len(rows) for path, rows in read.items()} == {
        "images/a~id-e1.png": 1,
        "images/a~id-e2.jpg": 0,
        "images/x/0001.png": 1,
        "images/y/0001.png": 0,
    }


@pytest.mark.parametrize("name", FORMATS)
def test_hostile_names_are_read(name: str, tmp_path: Path) -> None:
    """Pictures of hostile names are all found, with their labels."""
    shape = {"yolo_segment": SQUARE}.get(name, Box(1.0, 2.0, 3.0, 4.0))
    entries = [entry(f"e{at}", shape, name=one) for at, one in enumerate(hostile.NAMES)]
    read = prove(name, export(name, *entries), tmp_path)["train"]
    assert len(read) == len(hostile.NAMES)
    assert all(len(rows) == 1 for rows in read.values())


def test_negatives_have_an_empty_file() -> None:
    """A picture that somebody looked at and found nothing in has an empty label file; one not looked at is left out."""
    made = export("yolo", entry("e1"), entry("e2", state="in_progress"))
    assert made.files["labels/e1.txt"] == b""
    assert set(made.medias) == {"images/e1.png"}


# -- splits -----------------------------------------------------------------------------------------------------------


def test_splits_have_folders(tmp_path: Path) -> None:
    """Each split has its folder, by which data.yaml names it, whichever of its usual names it has."""
    entries = [entry("e1", BOX, split="train"), entry("e2", split="valid"), entry("e3", BOX, split="test")]
    made = export("yolo", *entries, shard_size=1)
    assert {role: data_of(made)[role] for role in ("train", "val", "test")} == {
        "train": "images/train",
        "val": "images/valid",
        "test": "images/test",
    }
    read = prove("yolo", made, tmp_path, roles=("train", "val", "test"))
    assert read["val"] == {"images/valid/e2.png": []}


def test_entries_without_a_split_are_trained_on(tmp_path: Path) -> None:
    """Beside entries of a split, those without one are for training only, whatever their folder is called."""
    entries = [entry("e1", BOX, name="val/a.png"), entry("e2", BOX, split="val"), entry("e3", BOX, split="train")]
    read = prove("yolo", export("yolo", *entries, shard_size=1), tmp_path, roles=("train", "val"))
    assert sorted(read["train"]) == ["images/train/e3.png", "images/val/a.png"]
    assert sorted(read["val"]) == ["images/val/e2.png"]


def test_splits_of_other_names_are_named() -> None:
    """Pictures of a split that trainers know no use for are written, and data.yaml says that it does not use them."""
    made = export("yolo", entry("e1", BOX, split="holdout"), entry("e2", BOX, split="train"))
    assert "images/holdout/e1.png" in made.medias
    assert b'"images/holdout"' in made.files["data.yaml"]
    assert "images/holdout" not in map(str, data_of(made).values())


def test_missing_val() -> None:
    """Without a split val none is written and a comment says so, or it is that of training where an option says so."""
    made = export("yolo", entry("e1", BOX, split="train"))
    assert "val" not in data_of(made)
    assert b"# No picture is in a split for val" in made.files["data.yaml"]
    made = export("yolo", entry("e1", BOX, split="train"), options={"missing_val": "train"})
    assert data_of(made)["val"] == "images/train"


# -- boxes ------------------------------------------------------------------------------------------------------------


def test_box_is_centre_and_extent() -> None:
    """A box is its centre, width and height as shares of the picture's, the class first."""
    assert text("yolo", BOX) == "0 0.2539060 0.2526040 0.257812 0.255208\n"


def test_box_of_the_whole_picture() -> None:
    """The box of a whole picture is 0.5 0.5 1 1."""
    assert row("yolo", Box(0.0, 0.0, WIDTH, HEIGHT)) == [0, 0.5, 0.5, 1, 1]


@given(strategies.boxes(width=4000, height=3001), st.sampled_from(["yolo", "yolo_pose"]))
def test_boxes_read_back(box: Box, name: str) -> None:
    """Every edge comes back to half a millionth of the picture's side, and none lies outside."""
    one = entry("e1", box, medias=(picture("m", width=4000, height=3001, mime_type=None),))
    values = [float(value) for value in export(name, one).files["labels/e1.txt"].split()]
    center_x, center_y, width, height = values[1:5]
    read = (center_x - width / 2, center_y - height / 2, center_x + width / 2, center_y + height / 2)
    assert all(0 <= edge <= 1 for edge in read)
    expected = geometry.ltwh_to_ltrb(box)
    for edge, value, side in zip(read, expected, (4000, 3001, 4000, 3001), strict=True):
        assert abs(edge * side - value) <= 0.51e-6 * side


def test_box_too_small_for_the_precision() -> None:
    """A box of which rounding leaves nothing is left out and counted, not written with an extent of 0."""
    made = export("yolo", entry("e1", Box(1.0, 1.0, 1e-6, 5.0)))
    assert made.files["labels/e1.txt"] == b""
    assert reasons(made) == {"nothing is left of its box when it is rounded to millionths of its picture": 1}


def test_annotations_over_the_border_cannot_be_kept() -> None:
    """Coordinates outside the picture would cost the whole picture, so that nobody can ask for them."""
    with pytest.raises(RequestError, match="out_of_picture"):
        export("yolo", entry("e1", BOX), options={"out_of_picture": "keep"})
    assert row("yolo", Box(-10.0, -10.0, 42.0, 34.0)) == [0, 0.25, 0.25, 0.5, 0.5]


def test_polygons_are_not_boxes_unless_asked_for() -> None:
    """A polygon in a detection set is left out and counted by name, or its box where that is asked for."""
    made = export("yolo", entry("e1", SQUARE, TURNED))
    assert reasons(made) == {"yolo cannot hold the shape polygon": 1, "yolo cannot hold the shape rotated box": 1}
    made = export("yolo", entry("e1", SQUARE), options={"convert": "polygon_to_box"})
    assert made.tally.changed == {"converted: polygon to box": 1}
    assert len(made.files["labels/e1.txt"].splitlines()) == 1


@pytest.mark.parametrize("name", FORMATS)
def test_crowds_are_left_out(name: str) -> None:
    """A crowd is not written as an object."""
    shape = SQUARE if name == "yolo_segment" else BOX
    made = export(name, entry("e1", annotation("a", shape, is_crowd=True)))
    assert made.files["labels/e1.txt"] == b""
    assert reasons(made) == {f"{name} cannot hold crowds": 1}


def test_duplicates_are_left_out() -> None:
    """Of rows that are the same, readers keep one: so does the export, and counts the others."""
    made = export("yolo", entry("e1", BOX, BOX, annotation("c", BOX, category_id="c-tree")))
    assert len(made.files["labels/e1.txt"].splitlines()) == 2
    assert reasons(made) == {"yolo readers drop it: its row is there already": 1}


def test_small_pictures_and_attributes_are_counted() -> None:
    """Pictures that readers leave out for their size, and attributes, which no row holds, are in the books."""
    small = entry("e1", Box(1.0, 1.0, 2.0, 2.0), medias=(picture("m", width=9, height=40),))
    made = export("yolo", small, entry("e2", annotation("a", BOX, attributes={"truncated": True})))
    assert made.tally.changed == {
        "attributes are not held": 1,
        "its picture is under 10 pixels on a side, which YOLO readers leave out": 1,
    }


def test_pictures_have_an_extension_that_readers_know() -> None:
    """A picture without an extension that readers know gets that of its type, or is counted as passed over."""
    unknown = picture("m", mime_type=None)
    made = export(
        "yolo", entry("e1", BOX, name="a.bin"), entry("e2", BOX, name=".b"), entry("e3", name="c", medias=(unknown,))
    )
    assert set(made.medias) == {"images/a.png", "images/~2eb.png", "images/c"}
    assert {"labels/a.txt", "labels/~2eb.txt", "labels/c.txt"} < made.files.keys()
    assert made.tally.changed == {"its picture has no extension that YOLO readers know: they pass over it": 1}


# -- segments ---------------------------------------------------------------------------------------------------------


def test_polygon_is_its_points() -> None:
    """A polygon is its ring as it came, as shares of width and height."""
    assert text("yolo_segment", SQUARE) == "0 0.156250 0.208333 0.312500 0.208333 0.312500 0.416667 0.156250 0.416667\n"


@given(strategies.polygons(width=4000, height=3001))
def test_polygons_read_back(polygon: Polygon) -> None:
    """Every vertex comes back in its place, to half a millionth of the picture's side."""
    one = entry("e1", polygon, medias=(picture("m", width=4000, height=3001, mime_type=None),))
    made = export("yolo_segment", one)
    if made.tally.changed:  # cut at the border
        return
    values = [float(value) for value in made.files["labels/e1.txt"].split()][1:]
    read = list(zip(values[0::2], values[1::2], strict=True))
    assert len(read) == len(polygon.parts[0].ring)
    for (x, y), (share_x, share_y) in zip(polygon.parts[0].ring, read, strict=True):
        assert abs(share_x * 4000 - x) <= 0.51e-6 * 4000
        assert abs(share_y * 3001 - y) <= 0.51e-6 * 3001


def painted(values: list[float]) -> np.ndarray[Any, Any]:
    """The pixels of a row as trainers paint them, on a picture 16 times as large, so that their thick edge is thin."""
    points = np.array(values[1:]).reshape(-1, 2) * (WIDTH * 16, HEIGHT * 16)
    canvas = np.zeros((HEIGHT * 16, WIDTH * 16), np.uint8)
    cv2.fillPoly(canvas, [points.round().astype(np.int32)], 1)
    return canvas


@pytest.mark.parametrize("shape", [RING, PAIR])
def test_holes_and_parts_are_joined_by_seams(shape: Polygon) -> None:
    """A hole stays one, and two parts stay apart, in the single row that an object has, as trainers paint it."""
    made = export("yolo_segment", entry("e1", shape))
    read = painted([float(value) for value in made.files["labels/e1.txt"].split()])
    area = geometry.area(shape) * 16 * 16
    assert area <= read.sum() <= area * 1.05
    (change,) = made.tally.changed
    assert "seams of no width" in change


def test_parts_are_rows_where_asked_for() -> None:
    """With parts=rows each part is a row of its own, which is counted; the annotation is still one."""
    made = export("yolo_segment", entry("e1", PAIR), options={"parts": "rows"})
    assert [line.count(b" ") for line in made.files["labels/e1.txt"].splitlines()] == [8, 6]
    assert made.tally.went_out["annotations"] == 1
    assert made.tally.changed == {"its parts became rows of their own": 1}


def test_masks_are_polygons_where_asked_for() -> None:
    """A mask becomes its outline by option, along the borders of its pixels: painted, it is the mask again."""
    values = row("yolo_segment", BLOB, options={"convert": "mask_to_polygon"})
    ring = [(x * WIDTH, y * HEIGHT) for x, y in zip(values[1::2], values[2::2], strict=True)]
    assert masks.from_pixels(masks.rasterize([Part(tuple(ring))], WIDTH, HEIGHT)) == BLOB


# -- keypoints --------------------------------------------------------------------------------------------------------


def test_skeleton_is_a_box_and_points() -> None:
    """A skeleton is its box and all its points with their visibility; one not labelled is 0 0 0."""
    shape = Skeleton(((16.0, 12.0), (32.0, 24.0), (60.0, 40.0)), (2, 1, 0))
    assert row("yolo_pose", shape) == [1, 0.375, 0.375, 0.25, 0.25, 0.25, 0.25, 2, 0.5, 0.5, 1, 0, 0, 0]


def test_keypoints_are_declared() -> None:
    """data.yaml has the number of points, which change places in a mirrored picture, and their names."""
    data = data_of(export("yolo_pose"))
    assert data["kpt_shape"] == [3, 3]
    assert data["flip_idx"] == [0, 2, 1]
    assert data["kpt_names"] == {0: [], 1: list(KEYPOINTS), 2: []}


def test_flips_that_names_do_not_say_are_not_made_up() -> None:
    """Where names of points tell neither left nor right, there is no flip_idx, and trainers do not mirror."""
    for names in (("1", "2"), ("left_eye", "nose"), ("left_eye", "left_eye")):
        asked = dataset(categories=[Category(id="a", name="a", keypoints=names)])
        assert "flip_idx" not in data_of(export("yolo_pose", dataset=asked))
    asked = dataset(categories=[Category(id="a", name="a", keypoints=("L-Eye", "R-Eye", "LEFT EAR", "RIGHT EAR"))])
    assert data_of(export("yolo_pose", dataset=asked))["flip_idx"] == [1, 0, 3, 2]


def test_rows_have_as_many_points_as_the_largest_class() -> None:
    """Readers want one number of points in all rows: a class with fewer, or a box alone, has the rest unlabelled."""
    asked = dataset(
        categories=[
            Category(id="a", name="a", keypoints=("x", "y", "z", "w")),
            Category(id="b", name="b", keypoints=("x", "y")),
        ]
    )
    pair = annotation("1", Skeleton(((8.0, 6.0), (16.0, 12.0)), (2, 2)), category_id="b")
    alone = annotation("2", BOX, category_id="a")
    lines = export("yolo_pose", entry("e1", pair, alone), dataset=asked).files["labels/e1.txt"].decode().splitlines()
    assert [len(line.split()) for line in lines] == [17, 17]
    assert lines[0].endswith(" 0.125000 0.125000 2 0.250000 0.250000 2 0 0 0 0 0 0")
    assert lines[1].endswith(" 0 0 0" * 4)


def test_points_outside_the_picture_are_unlabelled() -> None:
    """A visible point outside the picture, which would cost the picture, is written as not labelled, and counted."""
    shape = Skeleton(((12.0, 5.0), (6.0, 14.0), (-5.0, 3.0)), (2, 2, 2), outline=SQUARE)
    made = export("yolo_pose", entry("e1", shape))
    assert made.files["labels/e1.txt"].endswith(b" 0 0 0\n")
    assert made.tally.changed == {"clipped to the picture": 1}


def test_skeletons_of_another_number_of_points_are_left_out() -> None:
    """A skeleton whose points are not those of its class is left out and counted."""
    made = export(
        "yolo_pose", entry("e1", annotation("a", Skeleton(((1.0, 2.0), (9.0, 9.0)), (2, 2)), category_id=PERSON))
    )
    assert reasons(made) == {"it has another number of points than its category": 1}


# -- rotated boxes ----------------------------------------------------------------------------------------------------


@given(strategies.rotated_boxes())
def test_rotated_boxes_read_back(box: RotatedBox) -> None:
    """The four corners are those of the box, to a thousandth of a pixel, and so is the rectangle that they make."""
    made = export("yolo_obb", entry("e1", box))
    if made.tally.left_out:
        return
    values = [float(value) for value in made.files["labels/e1.txt"].split()]
    read = np.array(values[1:]).reshape(4, 2) * (WIDTH, HEIGHT)
    assert np.abs(read - np.array(geometry.corners(box))).max() < 1e-3
    sides = [math.dist(read[at], read[(at + 1) % 4]) for at in range(4)]
    assert sides == pytest.approx([box.width, box.height] * 2, abs=1e-3)


def test_corners_are_in_ring_order() -> None:
    """Upright boxes have their corners too, clockwise from the top left one."""
    assert row("yolo_obb", Box(16.0, 12.0, 32.0, 24.0)) == [0, 0.25, 0.25, 0.75, 0.25, 0.75, 0.75, 0.25, 0.75]


def test_rotated_box_far_outside_is_left_out() -> None:
    """A box so far outside that readers would refuse its picture is left out; one over the border is counted."""
    made = export(
        "yolo_obb", entry("e1", RotatedBox(63.0, 20.0, 40.0, 6.0, 0.1), RotatedBox(75.0, 20.0, 30.0, 6.0, 0.1))
    )
    assert len(made.files["labels/e1.txt"].splitlines()) == 1
    assert reasons(made) == {"yolo_obb readers would refuse its picture: too much of it lies outside": 1}
    assert any("reaches over the border" in change for change in made.tally.changed)
