"""Records of COCO as what they stand for: categories, images with their annotations, segmentations, key points."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson

from blocks.values import finite, identifier, mapping
from exporters.errors import OuthaulError
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


def to_entry(document: Mapping[str, Any], dataset_id: str, split: str | None, media: Media) -> Entry:
    image = document["image"]
    size = (media.width or 0, media.height or 0)
    return Entry(
        id=str(image["id"]),
        dataset_id=dataset_id,
        name=str(image.get("file_name") or ""),
        number=number_of(image),
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
        number=None if zero is None else number_of(record) or zero,
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


def to_category(record: Mapping[str, Any]) -> Category:
    return Category(
        id=str(record["id"]),
        name=str(record["id"]) if (name := identifier(record.get("name"))) is None else name,
        number=number_of(record),
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


def number_of(record: Mapping[str, Any]) -> int | None:
    number = record.get("id")
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 1 << 63 else None
