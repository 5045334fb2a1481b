"""What the format `datumaro` promises beside what every format does, read by Datumaro itself."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import datumaro
import numpy as np
import pytest
from datumaro.components.annotation import AnnotationType
from hypothesis import given

from exporters.formats.datumaro import DatumaroExporter
from exporters.model import (
    Box,
    Category,
    Classification,
    Ellipse,
    Entry,
    Mask,
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
    picture,
)

GOLDEN = Path(__file__).parent / "golden" / "datumaro" / "default.json"
ROUNDING = 0.00501
"""Datumaro rounds to two decimals."""

# Its readers of text formats use what the json package no longer wants.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def export(*entries: Entry, **values: Any) -> Export:
    made = run_export(DatumaroExporter(), [values.pop("dataset", dataset())], entries, **values)
    made.tally.check("the export")
    return made


def document(made: Export, subset: str = "default") -> dict[str, Any]:
    read: dict[str, Any] = json.loads(made.files[f"annotations/{subset}.json"])
    return read


def read_back(made: Export, folder: Path, entries: tuple[Entry, ...] = ()) -> Any:
    """The package as Datumaro reads it, strictly, moved away from where it was written."""
    for path, data in made.files.items():
        (folder / "first" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "first" / path).write_bytes(data)
    (data,) = {media_bytes(media) for one in entries[:1] for media in one.medias} or {b""}
    for path in made.medias:
        (folder / "first" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "first" / path).write_bytes(data)
    (folder / "first").rename(folder / "moved")
    return datumaro.Dataset.import_from(str(folder / "moved"), "datumaro")


def annotations(folder: Path, *shapes: Any, **values: Any) -> list[Any]:
    """What Datumaro reads of one picture with these annotations."""
    one = entry("e1", *shapes, **values)
    (item,) = read_back(export(one), folder)
    found: list[Any] = item.annotations
    return found


def test_golden_file() -> None:
    """A small export is, to the byte, the file that lies beside this test to be looked at."""
    held = [shape for name, shape in one_of_each().items() if name in DatumaroExporter.holds.shapes]
    crowd = annotation("crowd", BLOB, is_crowd=True, group_id="g", attributes={"note": "é"})
    made = export(entry("e1", *held), entry("e2", crowd, PAIR, RING, name="folder/e2.png"), entry("e3"))
    assert made.files["annotations/default.json"] == GOLDEN.read_bytes()


@given(shape=strategies.shapes())
def test_any_shape_reads_back(  # noqa: C901 - a case for each shape
    shape: Shape, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any shape comes back from Datumaro as it was, to the two decimals that it rounds to; masks to the pixel."""
    made = export(entry("e1", shape), options={"out_of_picture": "keep"})
    (item,) = read_back(made, tmp_path_factory.mktemp("read"))
    if not made.tally.went_out.get("annotations"):
        assert item.annotations == []
        return
    first = item.annotations[0]
    assert first.id == 1
    match shape:
        case Box(left, top, width, height):
            assert first.type == AnnotationType.bbox
            assert first.get_bbox() == pytest.approx([left, top, width, height], abs=2 * ROUNDING)
        case RotatedBox(x, y, width, height, angle):
            bbox = [x - width / 2, y - height / 2, width, height]
            assert first.get_bbox() == pytest.approx(bbox, abs=2 * ROUNDING)
            assert math.radians(first.attributes["rotation"]) == pytest.approx(angle % (2 * math.pi))
        case Ellipse(x, y, across, down):
            assert first.type == AnnotationType.ellipse
            assert first.points == pytest.approx([x - across, y - down, x + across, y + down], abs=ROUNDING)
        case Polygon(parts) if any(part.holes for part in parts):
            assert (first.image == masks.rasterize(parts, WIDTH, HEIGHT)).all()
        case Polygon(parts):
            assert first.type == AnnotationType.polygon
            assert first.points == pytest.approx([value for point in parts[0].ring for value in point], abs=ROUNDING)
        case Polyline(points):
            assert first.type == AnnotationType.polyline
            assert first.points == pytest.approx([value for point in points for value in point], abs=ROUNDING)
        case Mask():
            assert (first.image == masks.to_pixels(shape)).all()
        case Skeleton(points, visibility):
            assert first.points == pytest.approx([value for point in points for value in point], abs=ROUNDING)
            assert tuple(int(one) for one in first.visibility) == visibility
        case Classification():
            assert (first.type, first.label) == (AnnotationType.label, 0)


@given(strategies.entry_lists("d1", margin=20))
def test_any_entries_read_back(entries: list[Entry]) -> None:
    """Whatever the entries, labels exist, groups tie what belongs together, ids are numbers."""
    made = export(*entries, shard_size=2)
    for path in made.files:
        read = json.loads(made.files[path])
        labels = read["categories"]["label"]["labels"]
        assert len({item["id"] for item in read["items"]}) == len(read["items"])
        for item in read["items"]:
            by_id: dict[int, list[Any]] = {}
            for one in item["annotations"]:
                by_id.setdefault(one["id"], []).append(one)
                assert one["label_id"] is None or 0 <= one["label_id"] < len(labels)
            for several in by_id.values():
                assert len({one["group"] for one in several}) == 1
                assert len(several) == 1 or several[0]["group"] > 0


def test_labels_count_from_zero(tmp_path: Path) -> None:
    """A label's id is its place in the list, from 0; parents, keypoints and colours come along."""
    ontology = dataset(
        categories=[
            Category(id="v", name="vehicle", color="#ff8000"),
            Category(id="c-car", name="car", parent="v", color="red"),
            Category(id="c-person", name="person", keypoints=KEYPOINTS, skeleton=((0, 1), (0, 2)), number=9),
        ]
    )
    read = read_back(export(entry("e1", SQUARE), dataset=ontology), tmp_path)
    categories = read.categories()
    labels = categories[AnnotationType.label]
    assert [(one.name, one.parent) for one in labels] == [("vehicle", ""), ("car", "vehicle"), ("person", "")]
    assert categories[AnnotationType.mask].colormap == {0: (255, 128, 0)}
    points = categories[AnnotationType.points].items[2]
    assert tuple(points.labels) == KEYPOINTS
    assert {tuple(joint) for joint in points.joints} == {(1, 2), (1, 3)}
    (item,) = read
    assert item.annotations[0].label == 1


def test_sizes_are_height_then_width(tmp_path: Path) -> None:
    """The size of a picture is [height, width], and its file is found where the item says."""
    one = entry("e1", SQUARE, name="folder/e1.png", split="val", attributes={"weather": "dry"})
    (item,) = read_back(export(one), tmp_path, (one,))
    assert item.media.size == (HEIGHT, WIDTH)
    assert item.media.data.shape == (HEIGHT, WIDTH, 3)
    assert (item.id, item.subset, item.attributes) == ("folder/e1", "val", {"weather": "dry"})


def test_pictures_without_a_split_are_found(tmp_path: Path) -> None:
    """What has no split is the subset `default`; a split of that name is another one."""
    one, two = entry("e1", SQUARE), entry("e1b", SQUARE, name="e1.png", split="default")
    made = export(one, two)
    read = read_back(made, tmp_path, (one,))
    assert set(read.subsets()) == {"default", "~64efault"}
    assert all(item.media.data is not None for item in read)


def test_parts_are_tied_by_group(tmp_path: Path) -> None:
    """Parts of one object share a group of their own, and an object of one part has none."""
    found = annotations(tmp_path, PAIR, SQUARE)
    assert [(one.id, one.group) for one in found] == [(1, 1), (1, 1), (2, 0)]


def test_groups_of_the_source_are_kept(tmp_path: Path) -> None:
    """Annotations that the source grouped share a number, apart from those of objects in parts."""
    grouped = [annotation(f"a{index}", SQUARE, group_id=group) for index, group in enumerate(("x", "y", "x"))]
    found = annotations(tmp_path, *grouped, PAIR)
    assert [one.group for one in found] == [1, 2, 1, 3, 3]


def test_parts_within_a_group_are_counted() -> None:
    """Parts of an object that belongs to a group are in that group, told apart by its id, and counted."""
    made = export(entry("e1", annotation("a", PAIR, group_id="g")))
    assert made.tally.changed == {"its parts are tied by its group and its id": 1}
    assert {(one["id"], one["group"]) for one in document(made)["items"][0]["annotations"]} == {(1, 1)}


def test_holes_stay_free(tmp_path: Path) -> None:
    """A polygon with a hole is a mask in which the hole is free, and counted as changed."""
    made = export(entry("e1", RING))
    assert made.tally.changed == {"polygon with holes written as a mask": 1}
    (item,) = read_back(made, tmp_path)
    assert not item.annotations[0].image[14, 14]
    assert item.annotations[0].image.sum() == 20 * 20 - 8 * 8


def test_skeleton_has_its_outline_in_its_group(tmp_path: Path) -> None:
    """The outline of a skeleton is written beside its points, in the same group."""
    points, outline = annotations(tmp_path, Skeleton(((1.0, 2.0), (3.0, 4.0), (5.0, 6.0)), (2, 1, 0), SQUARE))
    assert (points.type, outline.type) == (AnnotationType.points, AnnotationType.polygon)
    assert points.group == outline.group > 0


def test_attributes_and_crowds(tmp_path: Path) -> None:
    """Attributes come along as they are, crowds as one of them; one of the same name gives way and is counted."""
    plain = annotation("a", SQUARE, attributes={"note": "é\n", "count": 3, "tags": ["x"]})
    crowd = annotation("b", BLOB, is_crowd=True)
    found = annotations(tmp_path, plain, crowd)
    assert [one.attributes for one in found] == [{"note": "é\n", "count": 3, "tags": ["x"]}, {"is_crowd": True}]
    clash = annotation("c", RotatedBox(20.0, 20.0, 8.0, 6.0, math.pi / 2), attributes={"rotation": "left"})
    made = export(entry("e1", clash))
    assert document(made)["items"][0]["annotations"][0]["attributes"] == {"rotation": 90.0}
    assert sum("rotation" in change for change in made.tally.changed) == 2


def test_order_of_annotations_is_their_z_order(tmp_path: Path) -> None:
    """A later annotation lies above an earlier one."""
    assert [one.z_order for one in annotations(tmp_path, SQUARE, BLOB, SQUARE)] == [0, 1, 2]


def test_annotation_without_a_category_keeps_its_shape(tmp_path: Path) -> None:
    """A shape without a category has no label; for a class of the whole picture, it is needed."""
    made = export(
        entry("e1", annotation("a", SQUARE, category_id=None), annotation("b", Classification(), category_id=None))
    )
    (item,) = read_back(made, tmp_path)
    assert [one.label for one in item.annotations] == [None]
    assert [left.reason for left in made.tally.left_out if left.kind == "annotations"] == [
        "a class of the whole picture needs a category"
    ]


def test_hole_in_a_picture_of_unknown_size_is_left_out() -> None:
    """Where the size of a mask is not known, a polygon with a hole is left out with a reason."""
    made = export(entry("e1", RING, SQUARE, medias=(picture("m", width=None, height=None),)), media="none")
    assert made.tally.by_shape == {"polygon": 1}
    assert "size" not in document(made)["items"][0]["image"]


def test_hostile_entries_read_back(tmp_path: Path) -> None:
    """Names, splits and categories of any kind are read by Datumaro, each item with its picture's path."""
    entries = hostile.entries()
    read = read_back(export(*entries), tmp_path)
    assert len(read) == len(entries)
    assert np.unique([item.media.path for item in read]).size == len(entries)


def test_hostile_splits_and_categories_read_back(tmp_path: Path) -> None:
    """Splits of any name are subsets of their own, categories of any name labels of their own."""
    many = hostile.categories()
    entries = [entry(f"e{index}", SQUARE, split=split) for index, split in enumerate(hostile.SPLITS)]
    read = read_back(export(*entries, *hostile.of_every_category(many), dataset=many), tmp_path)
    assert len(read.subsets()) == len(hostile.SPLITS) + 1
    assert len(read.categories()[AnnotationType.label]) == len(many.categories) + 1  # and the squares' own
