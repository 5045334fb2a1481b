"""The shapes of LabelMe JSON."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from blocks.layouts.crops import DOES_NOT_FIT, on_picture
from blocks.pictures import decoded
from blocks.values import finite
from exporters.model import (
    Box,
    Ellipse,
    Part,
    Point,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    Unknown,
)

Record = Mapping[str, Any]
_ALIKE = ("shape_type", "label", "flags", "description")


def joined(records: Sequence[dict[str, Any]]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """The shapes of each object with the place of its first, from 1: several where they are parts of one polygon."""
    groups: dict[Any, list[dict[str, Any]]] = {}
    for record in records:
        if isinstance(record.get("group_id"), int | str):
            groups.setdefault(record["group_id"], []).append(record)
    whole = {group_id: parts for group_id, parts in groups.items() if len(parts) > 1 and _are_parts(parts)}
    for number, record in enumerate(records, 1):
        group_id = record.get("group_id") if isinstance(record.get("group_id"), int | str) else None
        parts = whole.get(group_id)
        if parts is None:
            yield number, [record]
        elif parts[0] is record:
            yield number, parts


def _are_parts(records: Sequence[Record]) -> bool:
    first = records[0]
    alike = all(record.get(name) == first.get(name) for record in records for name in _ALIKE)
    return alike and first.get("shape_type", "polygon") == "polygon"


def to_shape(parts: Sequence[Record], size: tuple[int, int]) -> Shape:
    """The shape of an object on a picture of this size."""
    kind = parts[0].get("shape_type", "polygon")
    try:
        points = [(finite(x), finite(y)) for x, y in parts[0]["points"]]
        if kind == "polygon":
            return Polygon(tuple(Part(_ring(part)) for part in parts))
        if kind == "mask":
            return _mask(parts[0], points, size)
        return _shape(str(kind), points)
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return Unknown(f"{kind} that cannot be read")


def _ring(record: Record) -> tuple[Point, ...]:
    return tuple((finite(x), finite(y)) for x, y in record["points"])


def _shape(kind: str, points: Sequence[Point]) -> Shape:
    match kind, points:
        case "rectangle", [(x0, y0), (x1, y1)]:
            return Box(min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0))
        case "oriented_rectangle", [(x0, y0), (x1, y1), (x2, y2), (x3, y3)]:
            width, height = math.dist((x0, y0), (x1, y1)), math.dist((x1, y1), (x2, y2))
            angle = math.atan2(y1 - y0, x1 - x0)
            return RotatedBox((x0 + x1 + x2 + x3) / 4, (y0 + y1 + y2 + y3) / 4, width, height, angle)
        case "circle", [center, rim]:
            radius = math.dist(center, rim)
            return Ellipse(*center, radius, radius)
        case "line" | "linestrip", [_, _, *_]:
            return Polyline(tuple(points))
        case "point" | "points", [_, *_]:
            return Skeleton(tuple(points), (2,) * len(points))
    return Unknown(kind)


def _mask(record: Record, points: Sequence[Point], size: tuple[int, int]) -> Shape:
    """The crop that is a mask, in its place on the picture."""
    (left, top), _ = points
    with decoded(base64.b64decode(record["mask"])) as picture:
        if picture.width > size[0] or picture.height > size[1]:
            return DOES_NOT_FIT
        crop = np.asarray(picture.convert("L")) > 0
    return on_picture(crop, round(left), round(top), size)
