"""What the format `coco` promises beside what every format does, read by COCO's own library and checked besides.

The library accepts dangling ids, negative sizes and ids from 0, so that loading proves little: `prove` asks what
trainers and evaluators rely on, and has the dataset evaluated against itself.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import json
import math
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from PIL import Image, ImageOps
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from exporters.formats.coco import CocoExporter
from exporters.model import (
    Annotation,
    Box,
    Category,
    Classification,
    Ellipse,
    Entry,
    Mask,
    Media,
    Part,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    Unknown,
)
from exporters.pictures.upright import MediaFile
from exporters.shapes import cocorle, geometry, masks
from tests import strategies
from tests.conformance.exporters import Export, run_export
from tests.fakes import hostile
from tests.fakes.datasets import (
    BLOB,
    CATEGORIES,
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
    fetched,
    one_of_each,
    picture,
)

GOLDEN = Path(__file__).parent / "golden" / "coco" / "instances.json"
PATH = "annotations/instances.json"
ORIENTATION_TAG = 0x0112
LARGE = 908400000632
"""An id of the real COCO set; it takes 40 bits."""

# pycocotools 2.0.11 hands numpy 2 arrays of its own that lack the `copy` argument.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def export(*entries: Entry, **values: Any) -> Export:
    made = run_export(CocoExporter(), [values.pop("dataset", dataset())], entries, **values)
    made.tally.check("the export")
    return made


def document(made: Export, path: str = PATH) -> dict[str, Any]:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    read: dict[str, Any] = json.loads(made.files[path], parse_constant=refuse)
    return read


def rows(*entries: Entry, **values: Any) -> list[dict[str, Any]]:
    """The annotations of an export that proves sound."""
    made = export(*entries, **values)
    read: list[dict[str, Any]] = prove(document(made))["annotations"]
    return read


def row(shape: Shape | Annotation, **values: Any) -> dict[str, Any]:
    """The only annotation of an export of this shape alone."""
    (one,) = rows(entry("e1", shape), **values)
    return one


def reasons(made: Export, kind: str = "annotations") -> dict[str, int]:
    return {left.reason: left.count for left in made.tally.left_out if left.kind == kind}


# -- the proof --------------------------------------------------------------------------------------------------------


def prove(read: dict[str, Any], *, inside: bool = True) -> dict[str, Any]:
    """Raise unless a document is what readers of COCO rely on; gives it back."""
    assert {"info", "licenses", "images", "annotations", "categories"} <= read.keys()
    for key in ("images", "annotations", "categories"):
        ids = [one["id"] for one in read[key]]
        least = 1 if key == "annotations" else 0  # the evaluator takes a match with annotation 0 for a miss
        assert all(type(id_) is int and id_ >= least for id_ in ids), key
        assert len(set(ids)) == len(ids), key
    assert len({one["name"] for one in read["categories"]}) == len(read["categories"])
    assert len({one["file_name"] for one in read["images"]}) == len(read["images"])
    images = {one["id"]: one for one in read["images"]}
    categories = {one["id"]: one for one in read["categories"]}
    for one in images.values():
        assert all(type(one[key]) is int and one[key] > 0 for key in ("width", "height"))
    for one in read["annotations"]:
        prove_annotation(one, images[one["image_id"]], categories[one["category_id"]], inside=inside)
    coco = loaded(read)
    for one in read["annotations"]:
        if one["segmentation"]:
            prove_mask(one, coco.annToMask(one), inside=inside)
    prove_evaluation(coco, "bbox")
    prove_evaluation(coco, "segm")
    return read


def prove_annotation(one: dict[str, Any], image: dict[str, Any], category: dict[str, Any], *, inside: bool) -> None:
    left, top, width, height = one["bbox"]
    assert all(type(value) in (int, float) and math.isfinite(value) for value in (*one["bbox"], one["area"]))
    assert width > 0
    assert height > 0
    assert one["area"] >= 0
    assert one["iscrowd"] in (0, 1)
    if inside:
        assert left >= 0
        assert top >= 0
        assert left + width <= image["width"] + 1e-9
        assert top + height <= image["height"] + 1e-9
    segmentation = one["segmentation"]
    if isinstance(segmentation, dict):
        assert segmentation["size"] == [image["height"], image["width"]]
        assert sum(cocorle.decompress(segmentation["counts"])) == image["height"] * image["width"]
    for flat in segmentation if isinstance(segmentation, list) else []:
        assert len(flat) >= 6
        assert len(flat) % 2 == 0
        assert all(math.isfinite(value) for value in flat)
    if "keypoints" in one:
        seen = one["keypoints"][2::3]
        assert len(one["keypoints"]) == 3 * len(category["keypoints"])
        assert set(seen) <= {0, 1, 2}
        assert one["num_keypoints"] == sum(value > 0 for value in seen)


def prove_mask(one: dict[str, Any], mask: Any, *, inside: bool) -> None:
    """Area and box agree with the pixels that the library paints, but for those that an edge goes through."""
    if not inside:
        return
    left, top, width, height = one["bbox"]
    edges = 3 * (width + height)  # of a ring and its hole that were painted
    if isinstance(one["segmentation"], list):
        edges = 0.0
        for flat in one["segmentation"]:
            ring = list(zip(flat[0::2], flat[1::2], strict=True))
            edges += sum(math.dist(a, b) for a, b in zip(ring, [*ring[1:], ring[0]], strict=True)) + 4
        xs, ys = ([value for flat in one["segmentation"] for value in flat[axis::2]] for axis in (0, 1))
        extent = (min(xs), min(ys), max(xs), max(ys))
        assert extent == pytest.approx((left, top, left + width, top + height), abs=1)
    assert abs(one["area"] - mask.sum()) <= edges
    painted_rows, painted_columns = np.nonzero(mask)
    if len(painted_rows):
        assert painted_columns.min() >= left - 1
        assert painted_rows.min() >= top - 1
        assert painted_columns.max() + 1 <= left + width + 1
        assert painted_rows.max() + 1 <= top + height + 1


def loaded(read: dict[str, Any]) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):  # it reports its progress
        coco = COCO()
        coco.dataset = copy.deepcopy(read)  # the evaluator writes into it
        coco.createIndex()
    return coco


def prove_evaluation(coco: COCO, kind: str) -> None:
    """Evaluated against itself, every category with an object has an average precision of 1."""
    found = [one for one in coco.dataset["annotations"] if not one["iscrowd"]]
    if kind == "segm":  # the evaluator cannot take boxes without a segmentation
        found = [one for one in found if one["segmentation"]]
        kept = [one for one in coco.dataset["annotations"] if one["segmentation"]]
        coco = loaded(coco.dataset | {"annotations": kept})
    # Beyond a hundred objects of a category in a picture the evaluator counts no more.
    crowded = Counter((one["image_id"], one["category_id"]) for one in found)
    if not found or max(crowded.values()) > 100:
        return
    with contextlib.redirect_stdout(io.StringIO()):
        results = [
            {"image_id": one["image_id"], "category_id": one["category_id"], "score": 1.0}
            | ({"bbox": one["bbox"]} if kind == "bbox" else {"segmentation": coco.annToRLE(one)})
            for one in found
            if kind == "bbox" or coco.annToMask(one).any()  # slivers between pixel centres have no pixels to match
        ]
        if not results:
            return
        evaluation = COCOeval(coco, coco.loadRes(results), kind)
        evaluation.evaluate()
        evaluation.accumulate()
    complete = {one["category_id"] for one in results} - {
        one["category_id"] for one in found if kind == "segm" and not coco.annToMask(one).any()
    }
    for index, category_id in enumerate(evaluation.params.catIds):
        if category_id in complete:
            precision = evaluation.eval["precision"][:, :, index, 0, -1]
            assert precision.min() == pytest.approx(1.0), (kind, category_id)


def test_proof_finds_ids_from_zero() -> None:
    """The evaluation, by which all is proved below, finds what it is there for: an annotation of id 0."""
    read = document(export(entry("e1", SQUARE), entry("e2", SQUARE)))
    for one in read["annotations"]:
        one["id"] -= 1
    with pytest.raises(AssertionError):
        prove_evaluation(loaded(read), "bbox")


def test_golden_file() -> None:
    """A small export is, to the byte, the file that lies beside this test to be looked at."""
    shapes = one_of_each()
    entries = [
        entry("e1", shapes["box"], shapes["polygon"], shapes["mask"], shapes["skeleton"]),
        entry("e2", RING, annotation("e2-crowd", BLOB, is_crowd=True), name="folder/e2.png"),
        entry("e3"),
    ]
    made = export(*entries)
    prove(document(made))
    assert made.files[PATH] == GOLDEN.read_bytes()


@given(strategies.entry_lists("d1", margin=25))
def test_any_export_is_sound(entries: list[Entry]) -> None:
    """Whatever the entries, with annotations over every border, what is written proves sound."""
    made = export(*entries, shard_size=2)
    for path in made.files:
        prove(document(made, path))


def test_written_folder_is_read_by_pycocotools(tmp_path: Path) -> None:
    """COCO's own library opens the delivered file, moved to another place, and finds the pictures beside it."""
    made = export(entry("e1", SQUARE, name="a/b.png"), entry("e2", BLOB))
    made.write(tmp_path / "first")
    moved = (tmp_path / "first").rename(tmp_path / "moved")
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(moved / PATH)
    assert len(coco.getImgIds()) == len(coco.getAnnIds()) == 2
    assert all((moved / "images" / image["file_name"]).is_file() for image in coco.imgs.values())


def test_hostile_entries_are_sound() -> None:
    """Hostile names and categories give sound documents, whose pictures have a name each."""
    prove(document(export(*hostile.entries())))
    many = hostile.categories()
    read = prove(document(export(*hostile.of_every_category(many), dataset=many)))
    assert len(read["categories"]) == len(many.categories)


# -- ids --------------------------------------------------------------------------------------------------------------


def test_ids_of_the_source_are_kept() -> None:
    """A source's own ids of images, annotations and categories are kept, those over 32 bits and the gaps too."""
    numbered = dataset(categories=[Category(id="c1", name="car", number=3), Category(id="c9", name="bus", number=90)])
    one = entry("e1", annotation("a", SQUARE, category_id="c9", number=LARGE), number=LARGE + 1)
    two = entry("e2", annotation("b", SQUARE, category_id="c1", number=7), number=5)
    read = prove(document(export(one, two, dataset=numbered)))
    assert [image["id"] for image in read["images"]] == [LARGE + 1, 5]
    assert [(row["id"], row["image_id"], row["category_id"]) for row in read["annotations"]] == [
        (LARGE, LARGE + 1, 90),
        (7, 5, 3),
    ]
    assert [(category["id"], category["name"]) for category in read["categories"]] == [(3, "car"), (90, "bus")]


def test_ids_count_from_one() -> None:
    """Where the source has no ids, they count from 1, those of annotations on through all images."""
    read = prove(document(export(entry("e1", SQUARE, SQUARE), entry("e2", SQUARE), shard_size=1)))
    assert [image["id"] for image in read["images"]] == [1, 2]
    assert [one["id"] for one in read["annotations"]] == [1, 2, 3]
    assert [one["id"] for one in read["categories"]] == [1, 2, 3]


def test_ids_of_the_source_from_zero_are_replaced() -> None:
    """A source that counts its annotations from 0 gets ids from 1: the evaluator takes a match with 0 for a miss."""
    annotations = [annotation(f"a{number}", SQUARE, number=number) for number in range(2)]
    assert [one["id"] for one in rows(entry("e1", annotations[0]), entry("e2", annotations[1]))] == [1, 2]


def test_categories_and_images_of_the_source_keep_their_zero() -> None:
    """Only annotations cannot have the id 0: a category or an image that has it in the source keeps it."""
    numbered = dataset(categories=[Category(id="a", name="a", number=0), Category(id="b", name="b", number=1)])
    one = entry("e1", annotation("x", SQUARE, category_id="b"), number=0)
    read = prove(document(export(one, dataset=numbered)))
    assert [category["id"] for category in read["categories"]] == [0, 1]
    assert [image["id"] for image in read["images"]] == [0]


# -- shapes -----------------------------------------------------------------------------------------------------------


def test_box_is_left_top_width_height() -> None:
    """A box is written as floats in pixels from 0, with its area and without a segmentation."""
    one = row(Box(8.0, 6.0, 16.5, 12.25))
    assert one["bbox"] == [8.0, 6.0, 16.5, 12.25]
    assert one["area"] == 16.5 * 12.25
    assert one["segmentation"] == []
    assert one["iscrowd"] == 0


def test_box_of_the_whole_picture() -> None:
    """The box of a whole picture is 0, 0, W, H."""
    assert row(Box(0.0, 0.0, WIDTH, HEIGHT))["bbox"] == [0, 0, WIDTH, HEIGHT]


def test_polygon_is_one_flat_list() -> None:
    """A polygon is a list of its coordinates, with the area of its outline, not of its box."""
    triangle = Polygon((Part(((10.0, 10.0), (30.5, 10.0), (10.0, 20.0))),))
    one = row(triangle)
    assert one["segmentation"] == [[10.0, 10.0, 30.5, 10.0, 10.0, 20.0]]
    assert one["bbox"] == [10.0, 10.0, 20.5, 10.0]
    assert one["area"] == 20.5 * 10 / 2


def test_object_of_several_parts_is_one_annotation() -> None:
    """All parts of an object are in one annotation, which covers the pixels of each."""
    one = row(PAIR)
    assert [len(flat) for flat in one["segmentation"]] == [8, 6]
    assert one["area"] == 170
    assert one["bbox"] == [10, 10, 30, 34]
    mask = pixels_of(one)
    assert mask[15, 15]
    assert mask[32, 35]
    assert not mask[25, 25]


def test_polygon_with_a_hole_becomes_a_mask_without_it() -> None:
    """COCO's polygons are joined by union: one with a hole is written as run lengths, the hole's pixels left out."""
    one = row(RING)
    assert isinstance(one["segmentation"], dict)
    assert one["iscrowd"] == 0
    assert one["area"] == 400 - 64
    mask = pixels_of(one)
    assert mask.sum() == 400 - 64
    assert not mask[10:18, 10:18].any()


@given(strategies.masks())
def test_mask_keeps_its_pixels(mask: Mask) -> None:
    """A mask read by COCO's own library has the pixels that it came with; an empty one is left out by reason."""
    made = export(entry("e1", mask))
    read = prove(document(made))["annotations"]
    if masks.area(mask):
        assert (pixels_of(read[0]).astype(bool) == masks.to_pixels(mask)).all()
        assert read[0]["area"] == masks.area(mask)
        assert Box(*read[0]["bbox"]) == masks.bounds(mask)
    else:
        assert reasons(made) == {"nothing of it is marked": 1}


def pixels_of(one: dict[str, Any], size: tuple[int, int] = (WIDTH, HEIGHT)) -> Any:
    image = {"id": one["image_id"], "width": size[0], "height": size[1]}
    return loaded({"images": [image], "annotations": [one], "categories": []}).annToMask(one)


def test_crowd_is_run_lengths_with_its_flag() -> None:
    """A crowd keeps its flag and its run lengths; nothing else has the flag."""
    crowd, other = rows(entry("e1", annotation("a", BLOB, is_crowd=True), SQUARE))
    assert crowd["iscrowd"] == 1
    assert isinstance(crowd["segmentation"]["counts"], str)
    assert other["iscrowd"] == 0


def test_crowd_drawn_as_a_polygon_is_run_lengths_too() -> None:
    """In COCO a crowd's segmentation is always run lengths, and readers tell crowds by that: outlines are painted."""
    crowd = row(annotation("a", PAIR, is_crowd=True))
    assert crowd["iscrowd"] == 1
    assert isinstance(crowd["segmentation"], dict)


def test_box_and_area_of_the_source_are_kept() -> None:
    """A source that states box and area apart from the shape, as COCO does, gets its own back."""
    one = row(annotation("a", SQUARE, box=Box(10.0, 10.0, 10.0, 9.5), area=98.5))
    assert one["bbox"] == [10.0, 10.0, 10.0, 9.5]
    assert one["area"] == 98.5


def test_attributes_are_carried() -> None:
    """Attributes of an annotation go along; one without has no such key."""
    with_one, without = rows(entry("e1", annotation("a", SQUARE, attributes={"occluded": True, "n": "é"}), SQUARE))
    assert with_one["attributes"] == {"occluded": True, "n": "é"}
    assert "attributes" not in without


@pytest.mark.parametrize(
    ("shape", "word"),
    [
        (RotatedBox(30.0, 20.0, 12.0, 6.0, 0.5), "rotated box"),
        (Ellipse(30.0, 20.0, 9.0, 4.0), "ellipse"),
        (Polyline(((1.0, 1.0), (5.0, 9.0))), "polyline"),
        (Classification(), "classification"),
        (Unknown("cuboid"), "cuboid"),
    ],
)
def test_shape_that_coco_lacks_is_left_out_by_name(shape: Shape, word: str) -> None:
    """What COCO cannot hold is counted under its name; the rest of the entry is written."""
    made = export(entry("e1", shape, SQUARE))
    assert reasons(made) == {f"coco cannot hold the shape {word}": 1}
    assert len(prove(document(made))["annotations"]) == 1


def test_annotation_without_a_category_is_left_out() -> None:
    """An annotation that nobody classified is counted, not given to some class."""
    assert reasons(export(entry("e1", annotation("a", SQUARE, category_id=None)))) == {"it has no category": 1}


def test_undeclared_category_is_written() -> None:
    """A category that only annotations know stands behind the declared ones."""
    read = prove(document(export(entry("e1", annotation("a", SQUARE, category_id="new")))))
    assert [one["name"] for one in read["categories"]] == ["car", "person", "tree", "new"]
    assert read["annotations"][0]["category_id"] == 4


def test_category_has_its_parent() -> None:
    """A category's supercategory is its parent's name, or empty."""
    read = document(export())
    assert [one["supercategory"] for one in read["categories"]] == ["vehicle", "", ""]


@pytest.mark.parametrize("ring", [(), ((5.0, 5.0),), ((5.0, 5.0), (9.0, 9.0))], ids=["none", "one", "two"])
def test_outline_of_too_few_points_is_left_out(ring: tuple[tuple[float, float], ...]) -> None:
    """An outline of fewer than three points would crash readers far from here: it is counted and left out."""
    made = export(entry("e1", Polygon((Part(ring),)), SQUARE))
    assert len(prove(document(made))["annotations"]) == 1
    assert sum(reasons(made).values()) == 1


def test_parts_of_too_few_points_do_not_cost_the_annotation() -> None:
    """Such a part is left out and counted; the rest of the outline stays, or the box that the source states."""
    sliver = Part(((5.0, 5.0), (9.0, 9.0)))
    square = Part(((10.0, 10.0), (20.0, 10.0), (20.0, 20.0), (10.0, 20.0)))
    made = export(
        entry(
            "e1",
            annotation("both", Polygon((sliver, square))),
            annotation("boxed", Polygon((sliver,)), box=Box(5.0, 5.0, 4.0, 4.0)),
        )
    )
    both, boxed = prove(document(made))["annotations"]
    assert both["segmentation"] == [[10.0, 10.0, 20.0, 10.0, 20.0, 20.0, 10.0, 20.0]]
    assert (boxed["segmentation"], boxed["bbox"]) == ([], [5.0, 5.0, 4.0, 4.0])
    assert made.tally.changed == {"parts of fewer than three points left out": 2}


@pytest.mark.parametrize("mask", [Mask(10, 10, (5, 95)), Mask(WIDTH, HEIGHT, (5, 95))], ids=["size", "runs"])
def test_mask_that_does_not_fit_is_left_out(mask: Mask) -> None:
    """A mask of another size than its picture, or whose runs do not add up to it, is counted and left out."""
    made = export(entry("e1", mask, SQUARE))
    assert len(prove(document(made))["annotations"]) == 1
    assert sum(reasons(made).values()) == 1


# -- keypoints --------------------------------------------------------------------------------------------------------


def test_keypoints_are_triplets() -> None:
    """A skeleton is written as x, y, visibility in the category's order; a point not labelled is 0, 0, 0."""
    one = row(Skeleton(((12.0, 5.0), (6.0, 14.5), (33.0, 33.0)), (2, 1, 0)))
    assert one["keypoints"] == [12.0, 5.0, 2, 6.0, 14.5, 1, 0, 0, 0]
    assert one["num_keypoints"] == 2
    assert one["bbox"] == [6.0, 5.0, 6.0, 9.5]


def test_category_declares_its_keypoints() -> None:
    """A category with keypoints has their names and its edges by 1-based index; the others have neither key."""
    by_name = {one["name"]: one for one in document(export())["categories"]}
    assert by_name["person"]["keypoints"] == list(KEYPOINTS)
    assert by_name["person"]["skeleton"] == [[1, 2], [1, 3]]
    assert "keypoints" not in by_name["car"]
    assert "skeleton" not in by_name["car"]


def test_outline_of_a_skeleton_is_its_segmentation() -> None:
    """A skeleton's outline is its segmentation, and gives box and area."""
    one = row(Skeleton(((12.0, 12.0), (13.0, 13.0), (14.0, 14.0)), (2, 2, 2), SQUARE))
    assert one["segmentation"] == [[10.0, 10.0, 20.0, 10.0, 20.0, 20.0, 10.0, 20.0]]
    assert one["area"] == 100
    assert one["num_keypoints"] == 3


def test_keypoints_evaluate_against_themselves() -> None:
    """COCO's own keypoint evaluation of the dataset against itself gives an average precision of 1."""
    shapes = [
        Skeleton(((12.0 + shift, 5.0), (6.0 + shift, 14.0), (18.0 + shift, 30.0)), (2, 1, 2)) for shift in (0.0, 30.0)
    ]
    read = prove(document(export(entry("e1", *shapes))))
    coco = loaded(read)
    with contextlib.redirect_stdout(io.StringIO()):
        results = [
            {key: one[key] for key in ("image_id", "category_id", "keypoints")} | {"score": 1.0}
            for one in read["annotations"]
        ]
        evaluation = COCOeval(coco, coco.loadRes(results), "keypoints")
        evaluation.params.kpt_oks_sigmas = np.full(len(KEYPOINTS), 0.05)
        evaluation.params.catIds = [2]
        evaluation.evaluate()
        evaluation.accumulate()
    assert evaluation.eval["precision"][:, :, 0, 0, -1].min() == pytest.approx(1.0)


@pytest.mark.parametrize("category_id", ["c-car", PERSON])
def test_skeleton_of_another_count_is_left_out(category_id: str) -> None:
    """A skeleton that has not as many points as its category declares would shift them: it is counted and left out."""
    odd = annotation("a", Skeleton(((1.0, 1.0), (9.0, 9.0)), (2, 2)), category_id=category_id)
    made = export(entry("e1", odd, SQUARE))
    assert len(prove(document(made))["annotations"]) == 1
    assert sum(reasons(made).values()) == 1


def test_skeleton_of_nothing_is_left_out() -> None:
    """A skeleton of which no point was labelled is counted and left out."""
    made = export(entry("e1", Skeleton(((0.0, 0.0),) * 3, (0, 0, 0))))
    assert reasons(made) == {"nothing of it is marked": 1}


# -- the border of the picture ----------------------------------------------------------------------------------------

OVER = Box(-10.0, 40.0, 30.0, 20.0)
"""Reaches over two borders."""
FAR = Box(500.0, 500.0, 10.0, 10.0)


def test_clipping_is_the_default() -> None:
    """A box over the border is cut there, its area with it, and counted as changed."""
    made = export(entry("e1", OVER, SQUARE))
    one = prove(document(made))["annotations"][0]
    assert one["bbox"] == [0, 40, 20, 8]
    assert one["area"] == 160
    assert made.tally.changed == {"clipped to the picture": 1}


def test_what_lies_outside_is_left_out() -> None:
    """An annotation of which nothing is on the picture is counted and left out."""
    assert reasons(export(entry("e1", FAR, SQUARE))) == {"it lies outside its picture": 1}


def test_dropping_leaves_out_all_that_reaches_over() -> None:
    """Told to drop, an annotation over the border is left out with that reason."""
    made = export(entry("e1", OVER, FAR, SQUARE), options={"out_of_picture": "drop"})
    assert reasons(made) == {"it reaches over the border of its picture": 2}
    assert len(prove(document(made))["annotations"]) == 1


def test_keeping_keeps_coordinates() -> None:
    """Told to keep, an annotation over the border is written as it came."""
    made = export(entry("e1", OVER, FAR), options={"out_of_picture": "keep"})
    read = prove(document(made), inside=False)
    assert [one["bbox"] for one in read["annotations"]] == [[-10, 40, 30, 20], [500, 500, 10, 10]]
    assert made.tally.changed == {}


def test_clipped_polygon_has_its_own_box() -> None:
    """The box of a clipped polygon is the one around what is left of it."""
    spike = Polygon((Part(((20.0, 20.0), (100.0, 0.0), (100.0, 40.0))),))
    one = row(spike)
    (flat,) = one["segmentation"]
    assert one["bbox"] == pytest.approx([20.0, min(flat[1::2]), 44.0, max(flat[1::2]) - min(flat[1::2])])
    assert one["bbox"] == pytest.approx([20.0, 9.0, 44.0, 22.0])


@given(strategies.polygons(margin=25))
def test_clipped_box_fits_its_segmentation(polygon: Polygon) -> None:
    """Whatever is cut off, box and segmentation of an annotation end at the same places."""
    for one in rows(entry("e1", polygon)):
        flat = [value for ring in one["segmentation"] for value in ring]
        left, top, width, height = one["bbox"]
        assert (left, top) == pytest.approx((min(flat[0::2]), min(flat[1::2])), abs=1e-6)
        assert (left + width, top + height) == pytest.approx((max(flat[0::2]), max(flat[1::2])), abs=1e-6)


def test_clipped_skeleton_stays_in_the_picture() -> None:
    """Clipping leaves a skeleton no visible point outside its picture."""
    outside = Skeleton(((10.0, 10.0), (30.0, 30.0), (90.0, 20.0)), (2, 2, 2))
    one = row(outside)
    points = list(zip(one["keypoints"][0::3], one["keypoints"][1::3], strict=True))
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)
    assert one["num_keypoints"] == 2


def test_box_without_extent_is_counted() -> None:
    """Boxes of zero or negative extent are left out with a reason, the sound ones beside them are written."""
    made = export(hostile.degenerate())
    assert reasons(made) == {"its box has no extent": 4, "it lies outside its picture": 2}
    assert len(prove(document(made))["annotations"]) == 1


@pytest.mark.parametrize("out_of_picture", ["clip", "drop", "keep"])
def test_number_that_is_none_is_left_out(out_of_picture: str) -> None:
    """A coordinate that is not a number makes no JSON: its annotation is counted and left out, under each choice."""
    boxes = (Box(math.nan, 1.0, 5.0, 5.0), Box(1.0, 1.0, 5.0, math.nan))
    ring = SQUARE.parts[0].ring
    outlines = [Polygon((Part((*ring[:place], (math.nan, 5.0), *ring[place:])),)) for place in range(4)]
    hole = Polygon((Part(ring, (outlines[2].parts[0].ring,)),))
    odd = (*boxes, *outlines, hole)
    made = export(entry("e1", *odd, SQUARE), options={"out_of_picture": out_of_picture})
    assert len(prove(document(made))["annotations"]) == 1
    assert sum(reasons(made).values()) == len(odd)


# -- negatives --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "written", "left_out"),
    [
        ("reviewed", ["done"], {"it has no annotations yet": 1, "it was rejected on the platform": 1}),
        ("all", ["done", "open"], {"it was rejected on the platform": 1}),
        (
            "none",
            [],
            {"it has no annotations": 1, "it has no annotations yet": 1, "it was rejected on the platform": 1},
        ),
    ],
)
def test_entries_without_annotations(option: str, written: list[str], left_out: dict[str, int]) -> None:
    """Empty because a person found nothing, not done yet, and rejected are three things; the option chooses of them."""
    entries = [
        entry("done", state="completed"),
        entry("open", state="in_progress"),
        entry("refused", state="rejected"),
    ]
    made = export(*entries, options={"empty_entries": option})
    assert [image["file_name"] for image in document(made)["images"]] == [f"{name}.png" for name in written]
    assert reasons(made, "entries") == left_out


def test_rejected_entry_is_left_out_with_its_annotations() -> None:
    """What was rejected on the platform is left out whatever it has, and counted."""
    made = export(entry("e1", SQUARE, state="rejected"), options={"empty_entries": "all"})
    assert reasons(made, "entries") == {"it was rejected on the platform": 1}
    assert reasons(made) == {"its entry was left out": 1}


def test_entry_whose_annotations_are_all_left_out_is_written() -> None:
    """An image of which no annotation could be written is still there; the reasons are in the books."""
    read = document(export(entry("e1", Classification())))
    assert len(read["images"]) == 1
    assert read["annotations"] == []


# -- images -----------------------------------------------------------------------------------------------------------


def test_image_has_name_and_size() -> None:
    """An image has its path below the picture folder, and its size as whole numbers."""
    (image,) = document(export(entry("e1", name="a/b.png")))["images"]
    assert image == {"id": 1, "file_name": "a/b.png", "width": WIDTH, "height": HEIGHT}


def test_image_keeps_what_coco_knows() -> None:
    """Licence, links and the date of a picture go along; other attributes of an entry do not."""
    extras = {"license": 3, "flickr_url": "http://x/y", "coco_url": "http://x/z", "date_captured": "2013-11-14"}
    licences = [{"id": 3, "name": "CC", "url": "http://l"}]
    one = entry("e1", attributes=extras | {"weather": "fog"})
    read = document(export(one, dataset=dataset(attributes={"licenses": licences})))
    assert read["images"][0] == {"id": 1, "file_name": "e1.png", "width": WIDTH, "height": HEIGHT} | extras
    assert read["licenses"] == licences


@pytest.mark.parametrize(
    ("medias", "reason"),
    [((), "it has no picture"), ((picture("m", width=None, height=None),), "the size of its picture is not known")],
)
def test_entry_without_a_size_is_left_out(medias: tuple[Media, ...], reason: str) -> None:
    """COCO needs the size of each picture: an entry without is counted with the reason, unless the file tells."""
    assert reasons(export(entry("e1", SQUARE, medias=medias), media="none"), "entries") == {reason: 1}


def test_names_do_not_depend_on_media_being_there() -> None:
    """An export of annotations alone has the same document as one with pictures."""
    entries = [entry("e1", SQUARE, name="a.png"), entry("e2", SQUARE, name="A.png")]
    assert export(*entries, media="none").files == export(*entries, media="original").files


# -- splits -----------------------------------------------------------------------------------------------------------


def test_each_split_is_a_file() -> None:
    """Splits have a file each, of one class list, with ids unique through all of them so that they can be merged."""
    made = export(
        entry("e1", SQUARE, split="train"),
        entry("e2", SQUARE, SQUARE, split="val"),
        entry("e3", SQUARE, split="train"),
        shard_size=1,
    )
    assert set(made.files) == {"annotations/instances_train.json", "annotations/instances_val.json"}
    train, val = (prove(document(made, f"annotations/instances_{split}.json")) for split in ("train", "val"))
    assert [image["id"] for image in train["images"]] == [1, 3]
    assert [image["id"] for image in val["images"]] == [2]
    assert [one["id"] for one in train["annotations"]] == [1, 4]
    assert [one["id"] for one in val["annotations"]] == [2, 3]
    assert train["categories"] == val["categories"]
    assert [image["file_name"] for image in val["images"]] == ["e2.png"]
    assert set(made.medias) == {"images/train/e1.png", "images/val/e2.png", "images/train/e3.png"}


def test_split_of_negatives_is_a_file() -> None:
    """A split of which no image has an annotation is written all the same."""
    made = export(entry("e1", split="train"))
    assert prove(document(made, "annotations/instances_train.json"))["annotations"] == []


def test_empty_export_is_a_document() -> None:
    """An export without entries is a sound document with its classes."""
    read = prove(document(export()))
    assert (read["images"], read["annotations"]) == ([], [])
    assert len(read["categories"]) == len(CATEGORIES)


# -- pictures that lie on their side ----------------------------------------------------------------------------------


def photo(orientation: int) -> tuple[bytes, MediaFile]:
    """A stored picture with a white patch at 4..20 x 6..12, and a tag that turns it."""
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
    pixels[6:12, 4:20] = 255
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[ORIENTATION_TAG] = orientation
    out = io.BytesIO()
    image.save(out, "PNG", exif=exif)
    data = out.getvalue()
    file = MediaFile(
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        crc32=zlib.crc32(data),
        width=WIDTH,
        height=HEIGHT,
        orientation=orientation,
    )
    return data, file


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("frame", ["stored", "upright"])
def test_turned_picture_is_annotated_as_it_is_shown(frame: Any, orientation: int) -> None:
    """Size, box and mask are those of the picture as Pillow shows it, whichever way the source counts."""
    data, file = photo(orientation)
    with Image.open(io.BytesIO(data)) as image:
        shown = np.asarray(ImageOps.exif_transpose(image))
    patch = np.zeros((HEIGHT, WIDTH), dtype=bool)
    patch[6:12, 4:20] = True
    stored = (Box(4.0, 6.0, 16.0, 6.0), masks.from_pixels(patch))
    upright = tuple(geometry.to_upright(shape, WIDTH, HEIGHT, orientation) for shape in stored)
    size = (WIDTH, HEIGHT) if frame == "stored" else shown.shape[::-1]
    media = picture("m", frame=frame, width=size[0], height=size[1])
    one = entry("e1", *(stored if frame == "stored" else upright), medias=(media,))
    read = prove(document(export(one, files=lambda _media: file)))
    assert (read["images"][0]["width"], read["images"][0]["height"]) == shown.shape[::-1]
    box, mask = read["annotations"]
    left, top, width, height = (int(value) for value in box["bbox"])
    assert (shown[top : top + height, left : left + width] == 255).all()
    assert shown.sum() == 255 * width * height
    assert (pixels_of(mask, shown.shape[::-1]) * 255 == shown).all()


def test_size_that_only_the_file_knows() -> None:
    """Where the source does not know the size of a turned picture, the upright size of the file is written."""
    _, file = photo(6)
    one = entry("e1", Box(1.0, 1.0, 5.0, 5.0), medias=(picture("m", width=None, height=None),))
    (image,) = prove(document(export(one, files=lambda _media: file)))["images"]
    assert (image["width"], image["height"]) == (HEIGHT, WIDTH)


def test_file_of_another_size_is_a_fault() -> None:
    """A picture of another size than the source says is a fault of its entry: coordinates would be off."""

    def files(media: Media) -> MediaFile:
        return msgspec.structs.replace(fetched(media), width=10, height=10)

    made = export(entry("e1", SQUARE), files=files, skips_faults=True)
    assert made.tally.has_faults
    assert document(made)["images"] == []
