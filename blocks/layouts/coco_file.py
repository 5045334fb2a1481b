"""A COCO file of any size, read in bounded memory.

Images and annotations come in any order, so they are first filed by image in a temporary database on disk; then each
image comes out with its annotations, both in order of their ids.
"""

from __future__ import annotations

import contextlib
import math
import sqlite3
from collections.abc import Iterator, Mapping
from typing import IO, Any, Protocol

import ijson
import orjson

from blocks.layouts.json_file import UNSOUND, compacted, unsound
from blocks.scratch import scratch_database
from blocks.storage_errors import translated
from blocks.values import finite, identifier, mapping
from exporters.errors import OuthaulError, RequestError
from exporters.foreign_json import Shallow
from exporters.model import (
    Annotation,
    Box,
    Category,
    Entry,
    Mask,
    Media,
    Part,
    Point,
    Polygon,
    Shape,
    Skeleton,
    Unknown,
    compact,
)
from exporters.shapes import cocorle, masks

IMAGE_KEYS = frozenset({"id", "file_name", "width", "height"})

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
        return tuple(_category(record) for record in _items(opener, "categories.item", shown))
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
                    (_key(image, "id", shown), _number(image), compacted(image, shown))
                    for image in _items(opener, "images.item", shown)
                ),
            )
        except sqlite3.IntegrityError:
            raise RequestError(f"{shown} has two images with one id; give each its own.") from None
        db.executemany(
            "insert into annotations values (?, ?, ?, ?)",
            (
                (_key(one, "image_id", shown), _number(one), position, compacted(one, shown))
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


def to_entry(document: Mapping[str, Any], dataset_id: str, split: str | None, media: Media) -> Entry:
    image = document["image"]
    size = (media.width or 0, media.height or 0)
    return Entry(
        id=str(image["id"]),
        dataset_id=dataset_id,
        name=str(image.get("file_name") or ""),
        number=_number(image),
        split=split,
        medias=(media,),
        annotations=tuple(_annotation(one, size, document["zero"]) for one in document["annotations"]),
        attributes={key: value for key, value in image.items() if key not in IMAGE_KEYS},
        raw=compact(orjson.dumps(image)),
    )


def _annotation(record: Mapping[str, Any], size: tuple[int, int], zero: int | None) -> Annotation:
    box = _box(record.get("bbox"))
    return Annotation(
        id=str(record.get("id", "")),
        shape=_shape(record, box, size),
        category_id=None if record.get("category_id") is None else str(record["category_id"]),
        number=None if zero is None else _number(record) or zero,
        box=box,
        area=_measure(record.get("area")),
        is_crowd=bool(record.get("iscrowd")),
        attributes=mapping(record.get("attributes")),
        raw=compact(orjson.dumps(record)),
    )


def _shape(record: Mapping[str, Any], box: Box | None, size: tuple[int, int]) -> Shape:
    outline = _outline(record.get("segmentation"), size)
    if isinstance(outline, Unknown):
        return outline
    keypoints = record.get("keypoints")
    if isinstance(keypoints, list) and keypoints and len(keypoints) % 3 == 0:
        try:
            points = tuple((finite(x), finite(y)) for x, y in zip(keypoints[0::3], keypoints[1::3], strict=True))
            return Skeleton(points, tuple(_small(seen) for seen in keypoints[2::3]), outline)
        except (TypeError, ValueError, ArithmeticError):
            return Unknown("keypoints that cannot be read")
    return outline or box or Unknown("annotation without box or segmentation")


def _outline(segmentation: Any, size: tuple[int, int]) -> Polygon | Mask | Unknown | None:
    try:
        if isinstance(segmentation, list) and segmentation:
            return Polygon(tuple(Part(_ring(flat)) for flat in segmentation))
        if isinstance(segmentation, dict):
            height, width = segmentation["size"]
            counts = segmentation["counts"]
            runs = cocorle.decompress(counts) if isinstance(counts, str) else tuple(int(run) for run in counts)
            mask = Mask(int(width), int(height), runs)
            if not masks.is_sound(mask) or (all(size) and (mask.width, mask.height) != size):
                return Unknown("mask whose runs do not fit its picture")
            return mask
    except (OuthaulError, TypeError, ValueError, LookupError, ArithmeticError):
        return Unknown("segmentation that cannot be read")
    return None


def _ring(flat: Any) -> tuple[Point, ...]:
    if len(flat) < 2 or len(flat) % 2:
        raise ValueError(len(flat))
    return tuple((finite(x), finite(y)) for x, y in zip(flat[0::2], flat[1::2], strict=True))


def _box(value: Any) -> Box | None:
    try:
        left, top, width, height = map(finite, value)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return Box(left, top, width, height)


def _category(record: Mapping[str, Any]) -> Category:
    return Category(
        id=str(record["id"]),
        name=str(record["id"]) if (name := identifier(record.get("name"))) is None else name,
        number=_number(record),
        parent=identifier(record.get("supercategory")) or None,
        keypoints=tuple(map(str, record.get("keypoints") or ())),
        skeleton=tuple((_small(start) - 1, _small(end) - 1) for start, end in record.get("skeleton") or ()),
    )


def _measure(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and math.isfinite(value) else None


def _small(value: Any) -> int:
    number = int(value)
    if abs(number) >= 1 << 31:
        raise ValueError(value)
    return number


def _number(record: Mapping[str, Any]) -> int | None:
    number = record.get("id")
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 1 << 63 else None


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
