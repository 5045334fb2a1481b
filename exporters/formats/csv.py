"""`csv`: one table of all annotations, for spreadsheets and data frames (RFC 4180, UTF-8, lines end with CR LF).

    annotations.csv    a row an annotation; an entry without any has one row, in which the columns from annotation_id
                       to updated_at are empty
    classes.csv        a row a class: number, name, parent, color, keypoints, skeleton (the last two as JSON)

    dataset_id, entry_id, name                     the entry, in the platform's words
    path                                           of its media file in the package; empty where it is not part of it
    split, state, entry_attributes                 attributes as JSON
    picture_width, picture_height                  in pixels, upright
    annotation_id, category, category_number       the class by name, and by its number in classes.csv
    shape, left, top, width, height, area          the kind of shape; its extent in pixels from the picture's top-left
                                                   corner, empty for what has no place on a picture
    geometry                                       all of the shape as JSON, in the words of `exporters.model`
    is_crowd, group_id, attributes                 0 or 1; attributes as JSON
    stage, created_by, created_at, updated_at      as the platform says

Shapes are as they were drawn, what reaches over the border of the picture included (option out_of_picture).

Numbers are numbers, with a point. A spreadsheet would run a text that begins with one of `= + - @`, a tab or a line
end as a formula: before such a text, and before one that begins with an apostrophe, stands one more apostrophe. A
program that reads it drops the first apostrophe of a text that begins with one, or has `guard_formulas` turned off.
Masks can make long cells: Python's own reader wants `csv.field_size_limit` raised for them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from pydantic import Field

from exporters.assembly import Assembly
from exporters.base import Exporter
from exporters.formats.borders import KeepingOptions
from exporters.holds import Holds
from exporters.item import Item, Placed
from exporters.model import SHAPES, encode, shape_name
from exporters.shard import Shard

ENTRY_COLUMNS = (
    "dataset_id",
    "entry_id",
    "name",
    "path",
    "split",
    "state",
    "entry_attributes",
    "picture_width",
    "picture_height",
)
ANNOTATION_COLUMNS = (
    "annotation_id",
    "category",
    "category_number",
    "shape",
    "left",
    "top",
    "width",
    "height",
    "area",
    "geometry",
    "is_crowd",
    "group_id",
    "attributes",
    "stage",
    "created_by",
    "created_at",
    "updated_at",
)
CLASS_COLUMNS = ("number", "name", "parent", "color", "keypoints", "skeleton")

GUARDED = frozenset("=+-@\t\r\n'")

Cell = str | float | None


class CsvOptions(KeepingOptions):
    guard_formulas: bool = Field(
        default=True,
        description="Put an apostrophe before texts that a spreadsheet would take for a formula, and before those "
        "that begin with an apostrophe.",
    )


class CsvExporter(Exporter[CsvOptions]):
    name = "csv"
    description = "One CSV table with a row an annotation, for spreadsheets and data frames."
    version = 2
    is_entrywise = True
    holds = Holds(shapes=frozenset(SHAPES) - {"unknown"})
    options = CsvOptions

    def convert(self, item: Item, shard: Shard[CsvOptions]) -> None:
        entry = _entry_cells(item)
        rows = [(*entry, *_annotation_cells(one)) for one in item.annotations]
        rows = rows or [(*entry, *[None] * len(ANNOTATION_COLUMNS))]
        shard.append("annotations", _table(rows, is_guarded=shard.options.guard_formulas))
        shard.keep(item.annotations)

    def assemble(self, package: Assembly[CsvOptions]) -> None:
        head = _table([ENTRY_COLUMNS + ANNOTATION_COLUMNS], is_guarded=False)
        package.file("annotations.csv", [head, *package.pieces("annotations")])
        classes = [
            (one.number, one.name, one.parent, one.color, _json(one.keypoints), _json(one.skeleton))
            for one in package.classes.classes
        ]
        is_guarded = package.options.guard_formulas
        package.file("classes.csv", [_table([CLASS_COLUMNS], is_guarded=False), _table(classes, is_guarded=is_guarded)])


def _entry_cells(item: Item) -> tuple[Cell, ...]:
    entry = item.entry
    path = item.files.get(entry.original.id) if entry.original else None
    width, height = item.size or (None, None)
    attributes = _json(entry.attributes)
    return (entry.dataset_id, entry.id, entry.name, path, entry.split, entry.state, attributes, width, height)


def _annotation_cells(one: Placed) -> tuple[Cell, ...]:
    annotation, box, category = one.annotation, one.box, one.category
    return (
        annotation.id,
        category.name if category else None,
        category.number if category else None,
        shape_name(annotation.shape),
        *((box.left, box.top, box.width, box.height, one.area) if box else (None, None, None, None, None)),
        _json(annotation.shape),
        int(annotation.is_crowd),
        annotation.group_id,
        _json(annotation.attributes),
        annotation.stage,
        annotation.created_by,
        annotation.created_at,
        annotation.updated_at,
    )


def _json(value: object) -> str | None:
    return encode(value).decode() if value else None


def _table(rows: Iterable[Sequence[Cell]], *, is_guarded: bool) -> bytes:
    buffer = io.StringIO(newline="")
    write = csv.writer(buffer).writerow
    for row in rows:
        write([_guarded(cell) if type(cell) is str else cell for cell in row] if is_guarded else row)
    return buffer.getvalue().encode()


def _guarded(text: str) -> str:
    return f"'{text}" if text[:1] in GUARDED else text
