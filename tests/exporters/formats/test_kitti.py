"""What the format `kitti` promises beside what every format does, read by Datumaro and checked besides."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from datumaro.components.annotation import AnnotationType
from datumaro.components.dataset import Dataset as DatumaroDataset
from hypothesis import given
from PIL import Image

from exporters.formats.kitti import KittiExporter
from exporters.model import Box, Category, Entry
from exporters.shapes import geometry
from tests import strategies
from tests.conformance.exporters import Export, run_export
from tests.fakes import hostile
from tests.fakes.datasets import HEIGHT, WIDTH, annotation, dataset, entry, one_of_each, picture

GOLDEN = Path(__file__).parent / "golden" / "kitti"
BOX = Box(8.0, 6.0, 16.5, 12.25)
UNKNOWN = "-1 -1 -1 -1000 -1000 -1000 -10"
"""Dimensions, place and turn of an object of which only the picture is known."""


def export(*entries: Entry, **values: Any) -> Export:
    made = run_export(KittiExporter(), [values.pop("dataset", dataset())], entries, **values)
    made.tally.check("the export")
    return made


def rows(made: Export, number: int = 0, folder: str = "training") -> list[str]:
    return made.files[f"{folder}/label_2/{number:06d}.txt"].decode().splitlines()


def reasons(made: Export) -> dict[str, int]:
    return {left.reason: left.count for left in made.tally.left_out if left.kind == "annotations"}


def prove(made: Export) -> int:
    """Raise unless each picture has its labels under its number, each row of them sound; gives back how many rows."""
    count = 0
    pictures = {path.replace("image_2", "label_2").partition(".")[0] for path in made.medias}
    labels = {path: data for path, data in made.files.items() if "/label_2/" in path}
    assert {path.removesuffix(".txt") for path in labels} >= pictures
    for path, data in labels.items():
        assert Path(path).stem.isdigit()
        for line in data.decode().split("\n")[:-1]:
            prove_row(line)
            count += 1
    names = [json.loads(line)["number"] for line in made.files["names.jsonl"].splitlines()]
    assert sorted(names) == sorted(Path(path).stem for path in labels)
    return count


def prove_row(line: str) -> None:
    fields = line.split()
    assert len(fields) == 15
    numbers = [float(field) for field in fields[1:]]
    assert all(math.isfinite(number) for number in numbers)
    left, top, right, bottom = numbers[3:7]
    assert left < right
    assert top < bottom
    if fields[0] == "DontCare":
        return
    assert 0 <= numbers[0] <= 1
    assert fields[2] in {"0", "1", "2", "3"}
    assert all(number == -10 or abs(number) <= math.pi + 0.005 for number in (numbers[2], numbers[13]))


def test_golden_files() -> None:
    """A small export is, to the byte, the files that lie beside this test to be looked at."""
    own = {"truncated": 0.25, "occluded": 2, "alpha": -1.5, "dimensions": [1.5, 1.6, 3.9], "location": [1, 2, 30]}
    made = export(
        entry("e1", one_of_each()["box"], annotation("own", BOX, attributes=own), split="train"),
        entry("e2", annotation("crowd", BOX, is_crowd=True), name="folder/e2.png", split="test"),
        entry("e3"),
        options={"crowds": "dont_care"},
    )
    prove(made)
    assert made.files == {path.relative_to(GOLDEN).as_posix(): path.read_bytes() for path in GOLDEN.rglob("*.*")}


@given(strategies.entry_lists("d1", margin=25))
def test_any_export_is_sound(entries: list[Entry]) -> None:
    """Whatever the entries, rows are sound, and as many as the books say went out."""
    made = export(*entries, shard_size=2, options={"crowds": "dont_care"})
    assert prove(made) == made.tally.went_out.get("annotations", 0)


def test_datumaro_reads_it(tmp_path: Path) -> None:
    """Another reader finds the same pictures, types, boxes and flags, also of classes whose names have blanks."""
    asked = dataset(categories=[Category(id="a", name="traffic light"), Category(id="b", name="Car")])
    one = annotation("1", BOX, category_id="a", attributes={"occluded": 1})
    made = export(
        entry("e1", one, annotation("2", Box(0, 0, WIDTH, HEIGHT), category_id="b")), entry("e2"), dataset=asked
    )
    made.write(tmp_path / "first")
    moved = (tmp_path / "first").rename(tmp_path / "moved")
    for path in made.medias:
        Image.new("RGB", (WIDTH, HEIGHT)).save(moved / path)
    read = DatumaroDataset.import_from(str(moved), "kitti_detection")
    labels = read.categories()[AnnotationType.label]
    found = {item.id: item.annotations for item in read}
    assert found.keys() == {"000000", "000001"}
    assert [one.get_bbox() for one in found["000000"]] == [[8.0, 6.0, 16.5, 12.25], [0, 0, WIDTH, HEIGHT]]
    assert [labels[one.label].name for one in found["000000"]] == ["traffic_light", "Car"]
    assert [one.attributes["occluded"] for one in found["000000"]] == [True, False]
    assert found["000001"] == []


def test_row_is_left_top_right_bottom() -> None:
    """A box is its edges in pixels from 0 with two decimals; what is not known has the value that says so."""
    assert rows(export(entry("e1", BOX))) == [f"car 0.00 0 -10 8.00 6.00 24.50 18.25 {UNKNOWN}"]
    assert rows(export(entry("e1", Box(-0.0, -0.0, WIDTH, HEIGHT)))) == [
        f"car 0.00 0 -10 0.00 0.00 {WIDTH}.00 {HEIGHT}.00 {UNKNOWN}"
    ]


@given(strategies.boxes())
def test_boxes_read_back(box: Box) -> None:
    """Every edge comes back to half a hundredth of a pixel, and none lies outside the picture."""
    (line,) = rows(export(entry("e1", box)))
    read = [float(field) for field in line.split()[4:8]]
    assert all(abs(one - other) <= 0.005 + 1e-9 for one, other in zip(read, geometry.ltwh_to_ltrb(box), strict=True))
    assert min(read) >= 0
    assert read[2] <= WIDTH
    assert read[3] <= HEIGHT


def test_box_too_small_for_the_precision() -> None:
    """A box of which two decimals leave nothing is left out and counted."""
    made = export(entry("e1", Box(1.0, 1.0, 0.001, 5.0)))
    assert rows(made) == []
    assert reasons(made) == {"nothing is left of its box when it is rounded to hundredths of pixels": 1}


def test_attributes_that_kitti_knows() -> None:
    """Attributes that a row has a place for are written there, as numbers or as text; others are counted."""
    own = {
        "truncated": "0.5",
        "occluded": True,
        "alpha": 1.25,
        "rotation_y": -3.14,
        "dimensions": [1.5, 1.6, 3.9],
        "location": [-2, 1.7, 30],
    }
    made = export(entry("e1", annotation("a", BOX, attributes=own)))
    assert rows(made) == ["car 0.50 1 1.25 8.00 6.00 24.50 18.25 1.50 1.60 3.90 -2.00 1.70 30.00 -3.14"]
    assert made.tally.changed == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("truncated", 2),
        ("truncated", "no"),
        ("occluded", 4),
        ("occluded", 0.5),
        ("alpha", 90),
        ("rotation_y", math.nan),
        ("dimensions", [1, 2]),
        ("location", "1 2 3"),
        ("location", [1, 2, math.inf]),
        ("color", "red"),
    ],
)
def test_attributes_that_do_not_fit(name: str, value: Any) -> None:
    """A value that its place has no room for is not bent: it is counted as not held."""
    made = export(entry("e1", annotation("a", BOX, attributes={name: value})))
    assert rows(made) == [f"car 0.00 0 -10 8.00 6.00 24.50 18.25 {UNKNOWN}"]
    assert made.tally.changed == {"attributes are not held": 1}


@pytest.mark.parametrize(
    ("box", "attributes", "is_rounded"),
    [
        (BOX, {"truncated": 0.25, "dimensions": [1.5, 1.6, 3.9]}, False),
        (Box(0.1, 0.2, 0.2 + 1e-12, 10.1), {}, False),
        (Box(8.004, 6.0, 16.5, 12.25), {}, True),
        (BOX, {"alpha": 1.2345}, True),
        (BOX, {"location": (1.0, 2.0, 30.125)}, True),
    ],
)
def test_rounding_is_counted_where_it_changes_something(box: Box, attributes: Any, is_rounded: bool) -> None:
    """An object whose numbers two decimals do not hold is counted as changed; one that they hold is not."""
    made = export(entry("e1", annotation("a", box, attributes=attributes)))
    assert made.tally.changed == ({"its numbers are rounded to two decimals": 1} if is_rounded else {})


def test_numbers_beyond_all_floats_are_not_held() -> None:
    """An attribute that is too large a number is counted as not held."""
    made = export(entry("e1", annotation("a", BOX, attributes={"truncated": 10**400})))
    assert made.tally.changed == {"attributes are not held": 1}


def test_blanks_in_classes_are_counted() -> None:
    """A class that has to be written without its blanks is counted with each of its objects."""
    asked = dataset(categories=[Category(id="a", name="traffic light"), Category(id="b", name="Car")])
    objects = [annotation("1", BOX, category_id="a"), annotation("2", BOX, category_id="b")]
    made = export(entry("e1", *objects), dataset=asked)
    assert made.tally.changed == {"blanks in the name of its class are written otherwise": 1}


def test_crowds_are_regions_not_to_care_about() -> None:
    """Crowds are left out and counted, or written as DontCare, which is counted too."""
    crowd = entry("e1", annotation("a", BOX, is_crowd=True))
    assert reasons(export(crowd)) == {"kitti holds crowds only with crowds=dont_care": 1}
    made = export(crowd, options={"crowds": "dont_care"})
    assert rows(made) == [f"DontCare -1 -1 -10 8.00 6.00 24.50 18.25 {UNKNOWN}"]
    assert made.tally.changed == {"written as DontCare, without its class": 1}


def test_pictures_are_numbered_by_their_place() -> None:
    """Numbers count the entries of the export from 0, those left out too, whatever the size of shards."""
    entries = [entry("e1", BOX, name="x/a.jpeg"), entry("e2", state="rejected"), entry("e3", BOX, name="y/a.PNG")]
    for size in (1, 1000):
        made = export(*entries, shard_size=size)
        assert set(made.medias) == {"training/image_2/000000.jpeg", "training/image_2/000002.PNG"}
        names = [json.loads(line) for line in made.files["names.jsonl"].splitlines()]
        assert [(one["number"], one["id"], one["name"]) for one in names] == [
            ("000000", "e1", "x/a.jpeg"),
            ("000002", "e3", "y/a.PNG"),
        ]


def test_splits_have_lists() -> None:
    """Each split has its list of numbers; that of test lies apart, as KITTI has it; labels are written for all."""
    made = export(
        entry("e1", BOX, split="train"), entry("e2", BOX, split="val"), entry("e3", BOX, split="test"), entry("e4")
    )
    assert made.files["ImageSets/train.txt"] == b"000000\n"
    assert made.files["ImageSets/val.txt"] == b"000001\n"
    assert made.files["ImageSets/test.txt"] == b"000002\n"
    assert len(rows(made, 2, "testing")) == 1
    assert rows(made, 3) == []


def test_types_have_no_blanks_and_stay_apart() -> None:
    """Blanks in names of classes become _; names that would become one, and empty ones, are escaped."""
    names = [
        "traffic light",
        "a b",
        "a_b",
        "a\tb",
        "",
        " ",
        "~",
        "a~20b",
        "Person_sitting",
        *dict.fromkeys(hostile.NAMES),
    ]
    names = list(dict.fromkeys(names))
    asked = dataset(categories=[Category(id=f"c{at}", name=name) for at, name in enumerate(names)])
    made = export(
        entry("e1", *[annotation(f"a{at}", BOX, category_id=f"c{at}") for at in range(len(names))]), dataset=asked
    )
    assert prove(made) == len(names)
    types = [line.split(" ")[0] for line in rows(made)]
    assert len(set(types)) == len(names)
    assert types[:3] == ["traffic_light", "a~20b", "a_b"]
    assert types[names.index("Person_sitting")] == "Person_sitting"


def test_hostile_names_are_numbers() -> None:
    """Entries of hostile names have numbers for names, and their true ones in names.jsonl."""
    made = export(*hostile.entries())
    assert prove(made) == len(hostile.NAMES)
    assert [json.loads(line)["name"] for line in made.files["names.jsonl"].split(b"\n")[:-1]] == list(hostile.NAMES)


def test_negatives_have_an_empty_file() -> None:
    """A picture without objects has an empty file; one whose size nobody knows is left out by name."""
    made = export(entry("e1"), entry("e2", medias=(picture("m", width=None, height=None),)), media="none")
    assert made.files["training/label_2/000000.txt"] == b""
    assert "training/label_2/000001.txt" not in made.files
