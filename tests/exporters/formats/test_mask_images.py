"""What the format `masks` promises beside what every format does, read by OpenCV and Pillow."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from PIL import Image

from exporters.errors import RequestError
from exporters.formats.mask_images import MaskImageExporter
from exporters.model import Box, Category, Ellipse, Entry, Part, Polygon, Shape
from exporters.naming import without_extension
from exporters.pictures import painting
from tests import strategies
from tests.conformance.exporters import Export, run_export
from tests.fakes import hostile
from tests.fakes.datasets import BLOB, HEIGHT, PAIR, RING, SQUARE, WIDTH, annotation, dataset, entry, picture

GOLDEN = Path(__file__).parent / "golden" / "masks"
BOTH = {"kind": "both"}
SPECK = Polygon((Part(((5.6, 5.6), (5.9, 5.6), (5.9, 5.9))),))
"""Between the centres of pixels."""


def export(*entries: Entry, **values: Any) -> Export:
    made = run_export(MaskImageExporter(), [values.pop("dataset", dataset())], entries, **values)
    made.tally.check("the export")
    return made


def values_of(made: Export, path: str) -> Any:
    return cv2.imdecode(np.frombuffer(made.files[path], np.uint8), cv2.IMREAD_UNCHANGED)


def classes_of(made: Export, path: str = "semantic/e1.png") -> Any:
    """The class numbers, as a reader that minds the palette gets them."""
    return np.asarray(Image.open(io.BytesIO(made.files[path])))


def lines(made: Export) -> list[dict[str, Any]]:
    return [json.loads(line) for line in made.files["instances.jsonl"].splitlines()]


def reasons(made: Export) -> dict[str, int]:
    return {left.reason: left.count for left in made.tally.left_out if left.kind == "annotations"}


def prove(made: Export) -> None:
    """Raise unless every picture has masks of its size, whose values are all explained."""
    known = {one["value"] for one in json.loads(made.files["classes.json"])}
    for path in made.medias:
        stem = without_extension(path.removeprefix("images/"))
        semantic, instances = (f"{folder}/{stem}.png" for folder in ("semantic", "instances"))
        assert classes_of(made, semantic).shape == values_of(made, instances).shape == (HEIGHT, WIDTH)
        assert set(np.unique(classes_of(made, semantic)).tolist()) <= known
        assert ((classes_of(made, semantic) > 0) == (values_of(made, instances) > 0)).all()
    for line in lines(made):
        instances = values_of(made, line["file_name"])
        assert instances.dtype == np.uint16
        areas = {one["value"]: one["area"] for one in line["instances"]}
        found, counts = np.unique(instances[instances > 0], return_counts=True)
        assert dict(zip(found.tolist(), counts.tolist(), strict=True)) == areas
        assert line["image"] in made.medias


def test_golden_files() -> None:
    """A small export is, to the byte, the files that lie beside this test to be looked at."""
    crowd = annotation("crowd", BLOB, is_crowd=True, attributes={"count": 3})
    made = export(entry("e1", SQUARE, Ellipse(40.0, 20.0, 9.0, 6.0), crowd), entry("e2", split="val"), options=BOTH)
    prove(made)
    for path in ("semantic/e1.png", "instances/e1.png", "semantic/val/e2.png", "instances.jsonl", "classes.json"):
        assert made.files[path] == (GOLDEN / path.replace("/", "-")).read_bytes(), path


@given(strategies.entry_lists("d1", margin=25))
def test_any_export_is_sound(entries: list[Entry]) -> None:
    """Whatever the entries, the index has every object of every mask and its area."""
    made = export(*entries, options=BOTH, shard_size=2)
    for line in lines(made):
        instances = values_of(made, line["file_name"])
        found, counts = np.unique(instances[instances > 0], return_counts=True)
        areas = {one["value"]: one["area"] for one in line["instances"]}
        assert dict(zip(found.tolist(), counts.tolist(), strict=True)) == areas


def test_hostile_entries_are_sound() -> None:
    """Pictures of any name have their masks at the same path."""
    entries = [entry(f"e{index}", SQUARE, name=name) for index, name in enumerate(hostile.NAMES)]
    prove(export(*entries, options=BOTH))


@given(strategies.polygons() | strategies.masks() | strategies.ellipses())
def test_class_has_the_pixels_of_its_shape(shape: Shape) -> None:
    """A class has exactly the pixels whose centre lies in the shape, or one if there is none."""
    made = export(entry("e1", shape))
    painted = painting.pixels(shape, WIDTH, HEIGHT)
    if painted.any():
        assert (classes_of(made) == painted).all()
    else:
        assert (classes_of(made) > 0).sum() == made.tally.went_out.get("annotations", 0)


def test_values_are_class_numbers_from_one() -> None:
    """0 is background, classes count from 1 in the project's order, 255 is to be ignored; classes.json says so."""
    tree = annotation("t", RING, category_id="c-tree")
    made = export(entry("e1", annotation("c", SQUARE, category_id="c-car")), entry("e2", tree))
    assert set(np.unique(classes_of(made))) == {0, 1}
    assert set(np.unique(classes_of(made, "semantic/e2.png"))) == {0, 3}
    named = [(one["value"], one["name"]) for one in json.loads(made.files["classes.json"])]
    assert named == [(0, "background"), (1, "car"), (2, "person"), (3, "tree"), (255, "ignore")]


def test_files_show_the_colours_of_the_classes() -> None:
    """A viewer shows each class in the colour that classes.json names, without any colour in between."""
    made = export(entry("e1", Ellipse(30.0, 20.0, 9.3, 6.1, 0.4)))
    image = Image.open(io.BytesIO(made.files["semantic/e1.png"])).convert("RGB")
    legend = {one["value"]: tuple(one["color"]) for one in json.loads(made.files["classes.json"])}
    assert {color for _, color in image.getcolors() or ()} == {legend[0], legend[1]}


def test_crowds_are_ignored() -> None:
    """The pixels of a crowd are 255 in the semantic mask, and an object of their own in the other."""
    made = export(entry("e1", annotation("crowd", BLOB, is_crowd=True)), options=BOTH)
    assert set(np.unique(classes_of(made))) == {0, 255}
    assert lines(made)[0]["instances"][0]["is_crowd"] is True


def test_more_classes_than_colours() -> None:
    """Beyond 254 classes values are 16 bits deep and 65535 is ignored: no class is taken for what is to be ignored."""
    many = dataset(categories=[Category(id=f"c{number}", name=f"n{number}") for number in range(255)])
    crowd = annotation("crowd", BLOB, category_id="c1", is_crowd=True)
    made = export(entry("e1", annotation("a", SQUARE, category_id="c254"), crowd), dataset=many)
    assert set(np.unique(values_of(made, "semantic/e1.png"))) == {0, 255, 65535}
    assert json.loads(made.files["classes.json"])[-1] == {"value": 65535, "name": "ignore"}


def test_later_annotations_cover_earlier_ones() -> None:
    """Where objects overlap the later annotation is seen, and the one below is counted as changed."""
    above = annotation(
        "above", Polygon((Part(((15.0, 10.0), (30.0, 10.0), (30.0, 20.0), (15.0, 20.0))),)), category_id="c-tree"
    )
    made = export(entry("e1", SQUARE, above), options=BOTH)
    assert classes_of(made)[15, 18] == 3
    assert made.tally.changed == {"partly covered by another annotation": 1}
    assert [one["area"] for one in lines(made)[0]["instances"]] == [50, 150]


def test_overlap_within_a_class_is_no_loss_to_it() -> None:
    """A semantic mask loses nothing where two objects of one class overlap; an instance mask does."""
    assert export(entry("e1", SQUARE, RING)).tally.changed == {}
    assert export(entry("e1", SQUARE, RING), options=BOTH).tally.changed == {"partly covered by another annotation": 1}


def test_what_is_covered_as_a_whole_is_left_out() -> None:
    """An object of which nothing is to be seen is counted as left out, not as delivered."""
    cover = annotation("cover", Ellipse(15.0, 15.0, 20.0, 20.0), category_id="c-tree")
    made = export(entry("e1", SQUARE, cover))
    assert reasons(made) == {"masks cannot hold it: others cover all of it": 1}
    assert set(np.unique(classes_of(made))) == {0, 3}


def test_specks_are_not_lost() -> None:
    """An object between the centres of pixels is painted as one pixel, and counted."""
    made = export(entry("e1", SPECK))
    assert np.argwhere(classes_of(made)).tolist() == [[5, 5]]
    assert made.tally.changed == {"painted as one pixel: it covers the centre of none": 1}


def test_boxes_are_painted_only_when_asked_for() -> None:
    """A box does not say which pixels its object covers: it is left out unless it is converted."""
    one = entry("e1", Box(10.0, 10.0, 10.0, 10.0))
    assert reasons(export(one)) == {"masks cannot hold the shape box": 1}
    assert classes_of(export(one, options={"convert": "box_to_polygon"})).sum() == 100


def test_negatives_are_all_background() -> None:
    """A picture that a person found empty has a mask of zeros."""
    assert not classes_of(export(entry("e1"))).any()


def test_index_says_what_values_mean() -> None:
    """instances.jsonl has each value's annotation, class, area and attributes."""
    made = export(
        entry("e1", annotation("a7", PAIR, attributes={"note": "é"}), split="val"), options={"kind": "instance"}
    )
    assert made.files.keys() == {"instances/val/e1.png", "instances.jsonl", "classes.json"}
    (line,) = lines(made)
    assert (line["file_name"], line["image"]) == ("instances/val/e1.png", "images/val/e1.png")
    (one,) = line["instances"]
    assert (one["value"], one["id"], one["class"], one["class_number"]) == (1, "a7", "car", 1)
    assert one["attributes"] == {"note": "é"}


def test_attributes_that_are_not_held_are_counted() -> None:
    """A semantic mask alone has no place for attributes, and says so."""
    made = export(entry("e1", annotation("a", SQUARE, attributes={"a": 1})))
    assert made.tally.changed == {"attributes are not held": 1}


def test_pictures_that_share_a_stem_have_masks_apart() -> None:
    """a.png and a.jpg are told apart, since their masks have the same name."""
    made = export(entry("e1", SQUARE, name="a.png"), entry("e2", RING, name="a.jpg"))
    assert len([path for path in made.files if path.startswith("semantic/")]) == 2


def test_pictures_too_large_are_a_fault_of_their_entry() -> None:
    """A picture that would not fit in memory is left out as a fault, not painted until the run dies."""
    huge = entry("e1", medias=(picture("m", width=1 << 20, height=1 << 20, mime_type="application/dicom"),))
    made = export(huge, media="none", skips_faults=True)
    (left,) = [one for one in made.tally.left_out if one.kind == "entries"]
    assert left.is_fault
    assert "too large" in left.reason


def test_too_many_classes_are_refused() -> None:
    """More classes than 16 bits can number are refused with a way out."""
    many = dataset(categories=[Category(id=f"c{number}", name=f"n{number}") for number in range(65535)])
    with pytest.raises(RequestError, match="only_classes"):
        export(entry("e1", annotation("a", SQUARE, category_id="c1")), dataset=many)
