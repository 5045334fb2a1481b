"""LabelMe and Datumaro as these tools write their JSON."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from blocks.folder import FolderSource
from exporters.errors import RequestError
from exporters.model import (
    Box,
    Classification,
    Ellipse,
    Entry,
    Mask,
    Polygon,
    Polyline,
    RotatedBox,
    Skeleton,
    Unknown,
)
from exporters.shapes import masks
from tests.blocks.samples import everything, lay_out
from tests.fakes import layouts

RIGHT = math.pi / 2


def open_files(folder: Path, **files: Any) -> FolderSource:
    return FolderSource(url=str(lay_out(folder / "set", files)))


# -- LabelMe ----------------------------------------------------------------------------------------------------------


def labelme(folder: Path, *shapes: Any, **values: Any) -> Entry:
    document = {"shapes": list(shapes), "imagePath": "a.png", "imageWidth": 100, "imageHeight": 80, **values}
    (found,) = everything(open_files(folder, **{"a.json": document, "a.png": layouts.picture(1, (100, 80))}))
    return found


def shape(kind: str, *points: Any, **values: Any) -> dict[str, Any]:
    return {"label": "car", "shape_type": kind, "points": points, "group_id": None, "flags": {}, **values}


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (shape("rectangle", [100, 80], [0, 0]), Box(0, 0, 100, 80)),
        (shape("circle", [5, 5], [8, 9]), Ellipse(5, 5, 5, 5)),
        (shape("line", [1, 2], [3, 4]), Polyline(((1, 2), (3, 4)))),
        (shape("linestrip", [1, 2], [3, 4], [5, 6]), Polyline(((1, 2), (3, 4), (5, 6)))),
        (shape("point", [1, 2]), Skeleton(((1, 2),), (2,))),
        (shape("oriented_rectangle", [4, 2], [4, 6], [2, 6], [2, 2]), RotatedBox(3, 4, 4, 2, math.pi / 2)),
        (shape("rectangle", [1, 2]), Unknown("rectangle")),
        (shape("star", [1, 2]), Unknown("star")),
        (shape("polygon", [1, "x"]), Unknown("polygon that cannot be read")),
        (shape("mask", [1, 1], [2, 2], mask="bm8gcG5n"), Unknown("mask that cannot be read")),
    ],
)
def test_labelme_shapes(tmp_path: Path, given: Any, read: Any) -> None:
    """Each type of shape is the shape it stands for; what cannot be placed is unknown by its type."""
    (found,) = labelme(tmp_path, given).annotations
    assert found.shape == read


def test_labelme_masks_are_crops(tmp_path: Path) -> None:
    """A mask is a PNG of the rectangle whose first corner is its first pixel."""
    folder = lay_out(tmp_path / "set", layouts.labelme().files)
    mask = everything(FolderSource(url=str(folder)))[0].annotations[1]
    assert isinstance(mask.shape, Mask)
    assert masks.bounds(mask.shape) == Box(6, 7, 3, 2)
    assert mask.attributes == {"cut": True, "description": "in leaf"}


def test_labelme_groups(tmp_path: Path) -> None:
    """Polygons of one group that are alike are parts of one object; whatever is not is a group of several."""
    square, triangle = ([1, 1], [5, 1], [5, 5], [1, 5]), ([10, 10], [20, 10], [20, 20])
    alike = [shape("polygon", *square, group_id=1), shape("polygon", *triangle, group_id=1)]
    (found,) = labelme(tmp_path / "1", *alike).annotations
    assert isinstance(found.shape, Polygon)
    assert [len(part.ring) for part in found.shape.parts] == [4, 3]
    assert found.group_id is None
    mixed = [shape("polygon", *square, group_id=1), shape("rectangle", [1, 1], [5, 5], group_id=1)]
    assert [one.group_id for one in labelme(tmp_path / "2", *mixed).annotations] == ["1", "1"]
    unlike = [alike[0], {**alike[1], "label": "bus"}]
    assert len(labelme(tmp_path / "3", *unlike).annotations) == 2


def test_labelme_flags_are_classes(tmp_path: Path) -> None:
    """Flags of the picture that are true are classes of it; the path of the picture may be a Windows one."""
    found = labelme(tmp_path, flags={"night": True, "rain": False}, imagePath="..\\photos\\a.png")
    assert [(one.shape, one.category_id) for one in found.annotations] == [(Classification(), "night")]
    assert found.attributes == {"rain": False}
    assert found.original
    assert found.original.ref == "a.png"


@pytest.mark.parametrize("data", [b'{"shapes":[1]}', b'{"shapes":[],"x":NaN}', b'{"shapes":[' + b"[" * 5000])
def test_unsound_labelme_is_refused(tmp_path: Path, data: bytes) -> None:
    """What is no JSON, or has other things than shapes, is refused by the file's name."""
    with pytest.raises(RequestError, match=r"a\.json"):
        everything(open_files(tmp_path, **{"a.json": data}))


# -- Datumaro ---------------------------------------------------------------------------------------------------------


def datumaro(folder: Path, *annotations: Any, **categories: Any) -> FolderSource:
    item = {"id": "a", "annotations": list(annotations), "image": {"path": "a.png", "size": [80, 100]}}
    labels = {"labels": [{"name": "car", "parent": ""}, {"name": "person"}]}
    document = {"infos": {}, "categories": {"label": labels, **categories}, "items": [item]}
    return open_files(folder, **{"annotations/train.json": document})


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"type": "bbox", "bbox": [0, 0, 100, 80]}, Box(0, 0, 100, 80)),
        ({"type": "bbox", "bbox": [10, 20, 20, 40], "attributes": {"rotation": 90}}, RotatedBox(20, 40, 20, 40, RIGHT)),
        ({"type": "ellipse", "points": [10, 20, 30, 60]}, Ellipse(20, 40, 10, 20)),
        ({"type": "polyline", "points": [1, 2, 3, 4]}, Polyline(((1, 2), (3, 4)))),
        ({"type": "points", "points": [1, 2, 3, 4], "visibility": [2, 0]}, Skeleton(((1, 2), (3, 4)), (2, 0))),
        ({"type": "label"}, Classification()),
        ({"type": "caption", "caption": "x"}, Unknown("caption")),
        ({"type": "polygon", "points": [1, 2, 3]}, Unknown("polygon that cannot be read")),
        ({"type": "mask", "rle": {"counts": "01", "size": [1, 1]}}, Unknown("mask that does not fit its picture")),
        ({"type": "mask", "rle": {"counts": "Z", "size": [80, 100]}}, Unknown("mask that cannot be read")),
    ],
)  # fmt: skip
def test_datumaro_annotations(tmp_path: Path, given: Any, read: Any) -> None:
    """Each type is the shape it stands for; what has no place on a picture is unknown by its type."""
    (one,) = everything(datumaro(tmp_path, {"id": 1, "label_id": 0, **given}))
    assert one.annotations[0].shape == read
    assert (one.split, one.annotations[0].category_id, one.annotations[0].attributes) == ("train", "0", {})


def test_datumaro_parts_and_groups(tmp_path: Path) -> None:
    """Polygons of one id, group and label are one object; a group of others stays a group."""

    def polygon(id_: int, group: int) -> dict[str, Any]:
        return {"id": id_, "type": "polygon", "points": [0, 0, 9, 0, 9, 9], "group": group, "label_id": 0}

    given = [polygon(1, 1), polygon(1, 1), polygon(2, 2), polygon(3, 2), polygon(0, 0), polygon(0, 0)]
    (one,) = everything(datumaro(tmp_path, *given))
    parts = [(len(found.shape.parts), found.group_id) for found in one.annotations if isinstance(found.shape, Polygon)]
    assert parts == [(2, None), (1, "2"), (1, "2"), (1, None), (1, None)]


def test_datumaro_categories(tmp_path: Path) -> None:
    """Labels come in their order, with key points and colours where the file has them."""
    points = {"items": [{"label_id": 1, "labels": ["head", "foot"], "joints": [[1, 2]]}]}
    colors = {"colormap": [{"label_id": 0, "r": 255, "g": 0, "b": 16}]}
    car, person = datumaro(tmp_path, points=points, mask=colors).dataset("annotations/train").categories
    assert (car.id, car.name, car.color) == ("0", "car", "#ff0010")
    assert (person.keypoints, person.skeleton) == (("head", "foot"), ((0, 1),))
