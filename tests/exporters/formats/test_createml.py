"""What the format `createml` promises beside what every format does, read by a strict reader of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given

from exporters.formats.createml import CreatemlExporter
from exporters.model import Box, Category, Entry
from tests import strategies
from tests.conformance.exporters import Export, run_export
from tests.fakes.datasets import HEIGHT, WIDTH, annotation, dataset, entry, one_of_each

GOLDEN = Path(__file__).parent / "golden" / "createml" / "annotations.json"
BOX = Box(10.0, 5.0, 20.0, 30.0)


def export(*entries: Entry, **values: Any) -> Export:
    made = run_export(CreatemlExporter(), [values.pop("dataset", dataset())], entries, **values)
    made.tally.check("the export")
    return made


def prove(made: Export, path: str = "images/annotations.json") -> dict[str, list[tuple[str, Box]]]:
    """Raise unless the file is what Create ML takes; gives labels and boxes back, by picture."""
    read = json.loads(made.files[path])
    folder = path.rpartition("/")[0]
    found: dict[str, list[tuple[str, Box]]] = {}
    for picture in read:
        assert set(picture) == {"image", "annotations"}
        assert f"{folder}/{picture['image']}" in made.medias
        boxes = []
        for one in picture["annotations"]:
            assert set(one) == {"label", "coordinates"}
            x, y, width, height = (one["coordinates"][name] for name in ("x", "y", "width", "height"))
            assert width > 0
            assert height > 0
            boxes.append((one["label"], Box(x - width / 2, y - height / 2, width, height)))
        found[picture["image"]] = boxes
    assert len(found) == len(read)
    return found


def test_golden_file() -> None:
    """A small export is, to the byte, the file that lies beside this test to be looked at."""
    made = export(entry("e1", *one_of_each().values()), entry("e2"), entry("e3", name="folder/e3.png"))
    prove(made)
    assert made.files == {"images/annotations.json": GOLDEN.read_bytes()}


def test_boxes_are_given_by_their_centre() -> None:
    """X and y are the centre, in pixels, not the corner."""
    read = json.loads(export(entry("e1", BOX)).files["images/annotations.json"])
    assert read[0]["annotations"][0]["coordinates"] == {"x": 20.0, "y": 20.0, "width": 20.0, "height": 30.0}


@given(strategies.boxes())
def test_boxes_read_back(box: Box) -> None:
    """What is read back is the box that went out, to a millionth of a pixel."""
    ((_, read),) = prove(export(entry("e1", box)))["e1.png"]
    for name in ("left", "top", "width", "height"):
        assert abs(getattr(read, name) - getattr(box, name)) < 1e-6


def test_full_picture_is_the_full_picture() -> None:
    """A box over the whole picture has its centre in the middle and the picture's size."""
    assert prove(export(entry("e1", Box(0.0, 0.0, WIDTH, HEIGHT))))["e1.png"] == [("car", Box(0.0, 0.0, WIDTH, HEIGHT))]


def test_each_split_has_its_file_beside_its_pictures() -> None:
    """Splits lie in folders of their own, in shards of any size; a picture without annotations is listed."""
    entries = [entry("e1", BOX, split="train"), entry("e2", split="val"), entry("e3", BOX, split="train")]
    for size in (1, 1000):
        made = export(*entries, shard_size=size)
        assert list(prove(made, "images/train/annotations.json")) == ["e1.png", "e3.png"]
        assert prove(made, "images/val/annotations.json") == {"e2.png": []}


def test_crowds_are_left_out_and_counted() -> None:
    """A region of a crowd is not written as an object."""
    made = export(entry("e1", annotation("a", BOX, is_crowd=True), BOX))
    assert made.tally.left_out_count("annotations") == 1
    assert len(prove(made)["e1.png"]) == 1


def test_labels_are_any_text() -> None:
    """Names of classes with quotes, newlines and other letters are JSON texts like any other."""
    names = ['say "no"', "line\nbreak", "ёлка 🎄"]
    many = dataset(categories=[Category(id=name, name=name) for name in names])
    made = export(entry("e1", *(annotation(name, BOX, category_id=name) for name in names)), dataset=many)
    assert [label for label, _ in prove(made)["e1.png"]] == names
