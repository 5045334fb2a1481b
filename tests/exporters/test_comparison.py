"""What the README says of other tools beside ours, carried out: shapes that a format has no place for."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from datumaro.components.annotation import Annotation, Bbox, Ellipse, Polygon
from datumaro.components.dataset import Dataset as DatumaroDataset
from datumaro.components.dataset_base import DatasetItem
from datumaro.components.media import Image

from exporters import registry
from tests.conformance.exporters import run_export
from tests.fakes.datasets import SQUARE, dataset, entry, one_of_each

BOX = one_of_each()["box"]


@pytest.mark.parametrize(
    ("theirs", "shape", "written"),
    [
        ("yolo", Polygon([20, 20, 40, 20, 40, 40], label=0, id=2), "*.txt"),
        ("voc", Polygon([20, 20, 40, 20, 40, 40], label=0, id=2), "*.xml"),
        ("cvat", Ellipse(20, 20, 40, 40, label=0, id=2), "*.xml"),
    ],
)
def test_datumaro_leaves_shapes_out_without_a_word(
    theirs: str, shape: Annotation, written: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a box and another shape the box is written, and nothing is said of the other, in no log and no warning."""
    said = io.StringIO()
    for name, drawn in {
        "box": [Bbox(1, 1, 10, 10, label=0, id=1)],
        "both": [Bbox(1, 1, 10, 10, label=0, id=1), shape],
    }.items():
        picture = Image.from_numpy(np.zeros((80, 100, 3), np.uint8))
        item = DatasetItem(id="a", subset="train", media=picture, annotations=drawn)
        with (
            contextlib.redirect_stderr(said),
            contextlib.redirect_stdout(said),
            warnings.catch_warnings(record=True) as warned,
        ):
            warnings.simplefilter("always")
            DatumaroDataset.from_iterable([item], categories=["car"]).export(
                str(tmp_path / name), theirs, save_media=True
            )
        assert not warned
    labels = [{path.name: path.read_bytes() for path in (tmp_path / name).rglob(written)} for name in ("box", "both")]
    assert labels[0]
    assert labels[0] == labels[1]
    assert not said.getvalue()
    assert not caplog.records


@pytest.mark.parametrize(("ours", "shape"), [("yolo", SQUARE), ("createml", one_of_each()["ellipse"])])
def test_here_they_are_counted(ours: str, shape: object) -> None:
    """The same of ours: what has no place in the format is left out, counted, and named with the reason."""
    made = run_export(registry.get(ours), [dataset()], [entry("e1", BOX, shape)])  # type: ignore[arg-type]
    (left,) = made.tally.left_out
    assert (left.kind, left.count) == ("annotations", 1)
    assert left.reason.startswith(f"{ours} cannot hold the shape")


@pytest.mark.parametrize(("ours", "shape"), [("pascal_voc", SQUARE), ("cvat", one_of_each()["ellipse"])])
def test_here_they_are_written_where_the_format_can(ours: str, shape: object) -> None:
    """Pascal VOC has outlines as pictures of classes and objects, CVAT has ellipses."""
    made = run_export(registry.get(ours), [dataset()], [entry("e1", BOX, shape)])  # type: ignore[arg-type]
    assert made.tally.left_out == ()
