"""A COCO file of any size, read in bounded memory.

Images and annotations come in any order, so they are first filed by image in a temporary database on disk; then each
image comes out with its annotations, both in order of their ids.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from typing import IO, Any, Protocol

import ijson
import orjson

from blocks.layouts.coco_records import number_of, to_category
from blocks.layouts.json_file import UNSOUND, compacted, unsound
from blocks.scratch import scratch_database
from blocks.storage_errors import translated
from exporters.errors import RequestError
from exporters.foreign_json import Shallow
from exporters.model import (
    Category,
)

_SCHEMA = (
    "create table images (id text primary key, number integer, record blob) without rowid",
    "create table annotations (image text, number integer, position integer, record blob)",
)

_SOON = 10_000
"""Tokens: what a document is shows in its head."""


class Opener(Protocol):
    def __call__(self) -> IO[bytes]: ...


def is_coco(opener: Opener, shown: str) -> bool:
    """Whether a JSON file looks like COCO: it has images or annotations, not just categories."""
    with translated(shown), opener() as handle, contextlib.suppress(*UNSOUND):
        others = 0
        for prefix, event, value in ijson.parse(Shallow(handle), use_float=True):
            if prefix == "" and event == "map_key" and value in ("images", "annotations"):
                return True
            others += not prefix.startswith("categories")  # of which there may be many before them
            if others > _SOON or prefix == "shapes":  # LabelMe's, of which there may be very many
                return False
    return False


def read_categories(opener: Opener, shown: str) -> tuple[Category, ...]:
    try:
        return tuple(to_category(record) for record in _items(opener, "categories.item", shown))
    except (KeyError, TypeError, ValueError):
        raise RequestError(
            f"{shown} has a category that cannot be read; each needs an id and whole keypoints."
        ) from None


def read_licenses(opener: Opener, shown: str) -> list[Any]:
    return list(_items(opener, "licenses.item", shown))


def list_images(opener: Opener, shown: str) -> Iterator[bytes]:
    """One JSON document an image: `{"image": {...}, "annotations": [...], "zero": number}`, by image id;
    `zero` is what `_number_for_zero` says.

    Raises:
        RequestError: an id is missing or occurs twice, or an annotation names an image that the file does not list.
    """
    with scratch_database(*_SCHEMA) as db:
        try:
            db.executemany(
                "insert into images values (?, ?, ?)",
                (
                    (_key(image, "id", shown), number_of(image), compacted(image, shown))
                    for image in _items(opener, "images.item", shown)
                ),
            )
        except sqlite3.IntegrityError:
            raise RequestError(f"{shown} has two images with one id; give each its own.") from None
        db.executemany(
            "insert into annotations values (?, ?, ?, ?)",
            (
                (_key(one, "image_id", shown), number_of(one), position, compacted(one, shown))
                for position, one in enumerate(_items(opener, "annotations.item", shown))
            ),
        )
        db.execute("create index by_image on annotations (image, number, position)")
        _refuse_orphans(db, shown)
        if not db.execute("select exists (select 1 from images) and exists (select 1 from annotations)").fetchone()[0]:
            _refuse_unless_lists(opener, shown)
        _refuse_repeated(db, shown)
        zero = _number_for_zero(db)
        for image_id, image in db.execute("select id, record from images order by number, id"):
            rows = db.execute("select record from annotations where image = ? order by number, position", (image_id,))
            annotations = b",".join(row[0] for row in rows)
            yield b'{"image":%b,"annotations":[%b],"zero":%b}' % (image, annotations, orjson.dumps(zero))


def _refuse_repeated(db: sqlite3.Connection, shown: str) -> None:
    query = "select number from annotations where number is not null group by number having count(*) > 1 limit 1"
    repeated = db.execute(query).fetchone()
    if repeated:
        raise RequestError(f"{shown} has two annotations with the id {repeated[0]}; give each its own.")


def _refuse_unless_lists(opener: Opener, shown: str) -> None:
    """What is no list of records reads like an empty one. (A file may go without: test sets have no annotations.)"""
    with translated(shown), opener() as handle:
        for prefix, event, _ in ijson.parse(Shallow(handle), use_float=True):
            if prefix in ("images", "annotations") and event not in ("start_array", "end_array"):
                raise RequestError(f"{shown} is not COCO: its {prefix} are no list; correct it there.")


def _number_for_zero(db: sqlite3.Connection) -> int | None:
    """The number for an annotation whose id is 0, which COCO's evaluator takes for a miss: the first free one.

    None when the ids are not of a kind that can be kept: missing or negative.
    """
    counts = "select count(*), count(distinct number), coalesce(max(number), 0) from annotations"
    total, distinct, largest = db.execute(counts).fetchone()
    return largest + 1 if distinct == total else None


def _key(record: Mapping[str, Any], name: str, shown: str) -> str:
    if record.get(name) is None:
        raise RequestError(f"{shown} has a record without {name}; every one needs it.")
    return str(record[name])


def _refuse_orphans(db: sqlite3.Connection, shown: str) -> None:
    """An annotation of no image would vanish without anyone noticing."""
    query = "select image, count(*) over () from annotations where image not in (select id from images) limit 1"
    orphan = db.execute(query).fetchone()
    if orphan:
        raise RequestError(
            f"{shown} has {orphan[1]} annotations of images that it does not list (the first of image {orphan[0]}); "
            f"add the images or remove the annotations."
        )


def _items(opener: Opener, prefix: str, shown: str) -> Iterator[dict[str, Any]]:
    with translated(shown), opener() as handle:
        try:
            for item in ijson.items(Shallow(handle), prefix, use_float=True):
                if not isinstance(item, dict):
                    raise RequestError(f"{shown} is not COCO: {prefix} must be objects; correct it there.")
                yield item
        except UNSOUND as error:
            raise unsound(error, shown) from None
