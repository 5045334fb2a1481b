"""What the format `csv` promises beside what every format does, read by Python's own reader and by pandas."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.formats.csv import ANNOTATION_COLUMNS, CLASS_COLUMNS, ENTRY_COLUMNS, CsvExporter
from exporters.model import Category, Entry, Mask, Shape
from tests import strategies
from tests.conformance.exporters import Export, run_export
from tests.fakes import hostile
from tests.fakes.datasets import HEIGHT, WIDTH, annotation, dataset, entry, one_of_each

GOLDEN = Path(__file__).parent / "golden" / "csv"
BOX = one_of_each()["box"]
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'", "'=1", "''")


def export(*entries: Entry, **values: Any) -> Export:
    made = run_export(CsvExporter(), [values.pop("dataset", dataset())], entries, **values)
    made.tally.check("the export")
    return made


@pytest.fixture(autouse=True)
def _long_cells() -> Iterator[None]:
    before = csv.field_size_limit(sys.maxsize)
    yield
    csv.field_size_limit(before)


def table(made: Export, path: str = "annotations.csv", *, is_guarded: bool = True) -> list[dict[str, str]]:
    """The rows of a file, the guard taken off; raises unless all of them have all columns and end with CR LF."""
    text = made.files[path].decode("utf-8")
    head, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert tuple(head) == (CLASS_COLUMNS if path == "classes.csv" else ENTRY_COLUMNS + ANNOTATION_COLUMNS)
    assert text.endswith("\r\n")
    assert all(len(row) == len(head) for row in rows)
    return [
        {name: cell[1:] if is_guarded and cell.startswith("'") else cell for name, cell in zip(head, row, strict=True)}
        for row in rows
    ]


def test_golden_files() -> None:
    """A small export is, to the byte, the files that lie beside this test to be looked at."""
    shapes = one_of_each()
    odd = annotation("e1-odd", shapes["polygon"], attributes={"note": 'a "quote", and a comma'}, created_by="-ada")
    entries = [
        entry("e1", shapes["box"], odd, shapes["classification"], split="train"),
        entry("e2", name="=1+1.png", attributes={"scene": "é"}),
    ]
    made = export(*entries)
    assert made.files == {name: (GOLDEN / name).read_bytes() for name in ("annotations.csv", "classes.csv")}


@given(strategies.entry_lists("d1", margin=30))
def test_any_export_reads_back(entries: list[Entry]) -> None:
    """Whatever the entries, every one that went out has a row for each annotation, or one; all of it comes back."""
    made = export(*entries, shard_size=2, options={"out_of_picture": "keep"})
    rows = table(made)
    by_id = {one.id: one for one in entries}
    annotations = {one.id: one for some in entries for one in some.annotations}
    assert len({row["entry_id"] for row in rows}) == made.tally.went_out.get("entries", 0)
    assert sum(bool(row["annotation_id"]) for row in rows) == made.tally.went_out.get("annotations", 0)
    for row in rows:
        assert row["name"] == by_id[row["entry_id"]].name
        if not row["annotation_id"]:
            assert not any(row[column] for column in ANNOTATION_COLUMNS)
            continue
        one = annotations[row["annotation_id"]]
        assert msgspec.json.decode(row["geometry"], type=Shape) == one.shape
        assert json.loads(row["attributes"] or "{}") == one.attributes
        assert row["is_crowd"] == str(int(one.is_crowd))


@given(strategies.boxes())
def test_boxes_are_numbers(box: Any) -> None:
    """Extents are plain numbers that read back exactly, negative or small ones too."""
    (row,) = table(export(entry("e1", box)))
    assert [float(row[column]) for column in ("left", "top", "width", "height")] == [*msgspec.structs.astuple(box)]
    assert float(row["area"]) == box.width * box.height
    assert (row["picture_width"], row["picture_height"]) == (str(WIDTH), str(HEIGHT))


def test_pandas_reads_it() -> None:
    """Pandas reads the table with numbers as numbers, an entry without annotations as one row with nothing in it."""
    made = export(entry("e1", BOX, BOX, split="train"), entry("e2", split="val"))
    frame = pd.read_csv(io.BytesIO(made.files["annotations.csv"]))
    assert frame["left"].dtype == float
    assert frame["entry_id"].tolist() == ["e1", "e1", "e2"]
    assert frame["left"].isna().tolist() == [False, False, True]
    assert frame["path"].tolist() == ["images/train/e1.png"] * 2 + ["images/val/e2.png"]
    assert pd.read_csv(io.BytesIO(made.files["classes.csv"]))["name"].tolist() == ["car", "person", "tree"]


@given(st.lists(st.sampled_from(FORMULAS) | strategies.TEXTS, min_size=4, max_size=4))
def test_no_text_is_run_as_a_formula(texts: list[str]) -> None:
    """No cell of text begins as a formula does, and each comes back when its first apostrophe is dropped."""
    name, category, author, group = texts
    one = annotation("a", BOX, category_id="c", created_by=author, group_id=group)
    made = export(entry("e1", one, name=name), dataset=dataset(categories=[Category(id="c", name=category)]))
    (raw,) = table(made, is_guarded=False)
    texts_only = {column: cell for column, cell in raw.items() if column not in ("left", "top", "width", "height")}
    assert not any(cell[:1] in tuple("=+-@\t\r\n") for cell in texts_only.values() if cell)
    (row,) = table(made)
    assert [row["name"], row["category"], row["created_by"], row["group_id"]] == texts
    assert table(made, "classes.csv")[0]["name"] == category


def test_guard_can_be_turned_off() -> None:
    """With `guard_formulas` off, texts stand as they are."""
    made = export(entry("e1", name="=1+1"), options={"guard_formulas": False})
    assert table(made, is_guarded=False)[0]["name"] == "=1+1"


def test_negative_numbers_have_no_guard() -> None:
    """A number below 0 is a number, not a text with an apostrophe."""
    made = export(
        entry("e1", one_of_each()["box"], annotation("a", replaced(-5.5))), options={"out_of_picture": "keep"}
    )
    assert [row["left"] for row in table(made, is_guarded=False)] == ["8.0", "-5.5"]


def replaced(left: float) -> Any:
    return msgspec.structs.replace(BOX, left=left)


def test_hostile_texts_read_back() -> None:
    """Names with line ends, quotes, separators or zero bytes come back as they were, also those of classes."""
    rows = table(export(*hostile.entries()))
    assert [row["name"] for row in rows] == list(hostile.NAMES)
    many = hostile.categories()
    made = export(*hostile.of_every_category(many), dataset=many)
    names = [one.name for one in made.classes.classes]
    assert [row["name"] for row in table(made, "classes.csv")] == names
    assert [row["category"] for row in table(made)] == names


def test_every_shape_has_a_row() -> None:
    """Every shape but those that nobody could place has a row, with all of its geometry."""
    shapes = one_of_each()
    made = export(entry("e1", *shapes.values()))
    read = {row["shape"]: msgspec.json.decode(row["geometry"], type=Shape) for row in table(made)}
    assert read == {name: shape for name, shape in shapes.items() if name != "unknown"}


def test_long_cells_read_back() -> None:
    """A mask of many runs is one cell, however long."""
    mask = Mask(400, 300, tuple([1] * 400 * 300))
    size = {"width": 400, "height": 300}
    one = entry("e1", mask)
    one = msgspec.structs.replace(one, medias=tuple(msgspec.structs.replace(media, **size) for media in one.medias))
    (row,) = table(export(one))
    assert len(row["geometry"]) > 131072  # Python's limit, until it is raised
    assert msgspec.json.decode(row["geometry"], type=Shape) == mask


def test_splits_are_a_column() -> None:
    """Entries of all splits are in one table, in their order, with the split they belong to."""
    splits = ["val", None, "train"]
    made = export(*(entry(f"e{index}", BOX, split=split) for index, split in enumerate(splits)), shard_size=1)
    assert [row["split"] for row in table(made)] == ["val", "", "train"]
