"""Packages that another tool has written: Datumaro's own writers, which share no code with ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blocks.folder import FolderSource
from exporters.errors import RequestError
from exporters.model import Box

LEFT, TOP, WIDTH, HEIGHT = 4, 5, 10, 8


def written(folder: Path, form: str) -> FolderSource:
    """Three pictures in two splits, the first with a car and a person, the last with a car."""
    from datumaro.components.annotation import Bbox  # noqa: PLC0415 - it takes a second to import
    from datumaro.components.dataset import Dataset  # noqa: PLC0415
    from datumaro.components.dataset_base import DatasetItem  # noqa: PLC0415
    from datumaro.components.media import Image  # noqa: PLC0415

    def box(number: int, label: int) -> Bbox:
        return Bbox(LEFT, TOP, WIDTH, HEIGHT, label=label, id=number, group=number)

    blank = np.zeros((48, 64, 3), np.uint8)
    items = [
        DatasetItem(id=f"{number:06d}", subset=subset, media=Image.from_numpy(data=blank), annotations=boxes)
        for number, subset, boxes in ((1, "train", [box(1, 0), box(2, 1)]), (2, "train", []), (3, "val", [box(3, 0)]))
    ]
    Dataset.from_iterable(items, categories=["car", "person"]).export(str(folder), form, save_media=True)
    return FolderSource(url=str(folder))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("form", ["datumaro", "coco_instances", "cvat", "kitti_detection", "yolo", "yolo_ultralytics"])
def test_what_datumaro_writes_is_read(tmp_path: Path, form: str) -> None:
    """Pictures, splits, classes and boxes are what they were, to a thousandth of a pixel."""
    source = written(tmp_path / "street", form)
    seen = []
    for found in source.catalog():
        dataset = source.dataset(found.id)
        names = {one.id: one.name for one in dataset.categories}
        assert list(names.values()) == ["car", "person"]
        for one in source.read(dataset, list(source.list_entries(dataset, {})), "original"):
            assert one.original
            assert (one.original.width, one.original.height, bool(one.original.version)) == (64, 48, True)
            for each in one.annotations:
                assert isinstance(each.shape, Box)
                edges = (each.shape.left, each.shape.top, each.shape.width, each.shape.height)
                assert edges == pytest.approx((LEFT, TOP, WIDTH, HEIGHT), abs=1e-3)
            classes = sorted(names[each.category_id] for each in one.annotations if each.category_id)
            seen.append((Path(one.name).stem, one.split, classes))
    assert sorted(seen) == [
        ("000001", "train", ["car", "person"]),
        ("000002", "train", []),
        ("000003", "val", ["car"]),
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_the_old_labelme_is_not_taken_for_voc(tmp_path: Path) -> None:
    """XML of LabelMe on the web lies in folders like those of VOC, and is refused rather than misread."""
    source = written(tmp_path / "street", "label_me")
    with pytest.raises(RequestError, match="holds no dataset that is known here"):
        source.catalog()
