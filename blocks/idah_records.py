"""IDAH's records turned into the record model. Pure functions; the only place that knows the platform's shapes.

Coordinates come as shares of the picture's width and height, masks as tiles of pixels. What cannot be placed (a shape
of another plug-in, points that are no numbers, a picture of unknown size) becomes `Unknown` under the platform's word
for it, and the record keeps all of it.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from blocks.idah_client import Resource
from blocks.values import finite, identifier, mapping, text
from exporters.model import (
    Annotation,
    Box,
    Category,
    Classification,
    Dataset,
    Ellipse,
    Entry,
    Mask,
    Media,
    Part,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    State,
    Unknown,
)
from exporters.shapes import masks

TILE = 128
"""Pixels along each side of a mask's tile."""

DECIMALS = 6
"""Pixels are rounded to a millionth: it undoes the division by the picture's size, so that 37 comes back as 37."""

_TILE_KEY = re.compile(r"tile-([0-9]+)x([0-9]+)", re.ASCII)
_MODEL_SHAPES = {
    "idah-image:bounding-box": "box",
    "idah-image:polygon": "polygon",
    "idah-image:line": "polyline",
    "idah-image:circle": "ellipse",
    "idah-image:ellipse": "ellipse",
    "idah-image:mask": "mask",
    "entry:root": "classification",
}
_STATES: dict[str, State] = {"completed": "completed", "errored": "rejected"}

Size = tuple[int, int]


def to_dataset(resource: Resource) -> Dataset:
    attributes = resource.attributes
    return Dataset(
        id=resource.id,
        name=text(attributes.get("name")) or resource.id,
        modality=(text(attributes.get("modality")) or "").removeprefix("idah-"),
        categories=tuple(to_categories(mapping(attributes.get("labeling_configuration")))),
        entries_count=_count(attributes.get("entries_total_count")),
        raw=resource.raw,
    )


def to_categories(configuration: Mapping[str, Any]) -> Iterable[Category]:
    """Categories of all shape types, each once, in the order the project shows them."""
    blocks = [(kind, block) for kind, block in configuration.items() if isinstance(block, dict)]
    blocks.sort(key=lambda pair: (_order(pair[1].get("order")), pair[0]))  # keys of a JSON column have no order
    found: dict[str, dict[str, Any]] = {}
    shapes: dict[str, list[str]] = {}
    for kind, block in blocks:
        values = block.get("values")
        for value in map(mapping, values if isinstance(values, list) else ()):
            if category_id := identifier(value.get("id")):
                found.setdefault(category_id, value)
                shapes.setdefault(category_id, []).append(_MODEL_SHAPES.get(kind, "unknown"))
    for category_id, value in found.items():
        yield Category(
            id=category_id,
            name=text(value.get("label")) or category_id,
            parent=identifier(value.get("parent")) or category_id.rpartition("/")[0] or None,
            color=text(value.get("color")),
            shapes=tuple(dict.fromkeys(shapes[category_id])),
        )


def _order(value: Any) -> float:
    return value if isinstance(value, int | float) else math.inf


def to_entry(resource: Resource, annotations: Sequence[Resource], medias: Sequence[Media]) -> Entry:
    attributes = resource.attributes
    original = next((media for media in medias if not media.key), None)
    size = (original.width, original.height) if original and original.width and original.height else None
    return Entry(
        id=resource.id,
        dataset_id=text(attributes.get("dataset_id")) or "",
        name=text(attributes.get("name")) or "",
        state=_STATES.get(text(attributes.get("status")) or "", "in_progress"),
        medias=tuple(medias),
        annotations=tuple(to_annotation(annotation, size) for annotation in annotations),
        created_at=text(attributes.get("created_at")),
        updated_at=text(attributes.get("updated_at")),
        raw=resource.raw,
    )


def to_media(resource: Resource) -> Media:
    attributes = resource.attributes
    meta = mapping(attributes.get("meta"))
    return Media(
        id=resource.id,
        name=text(attributes.get("filename")) or "",
        ref=text(attributes.get("resource"))
        or resource.id,  # without one there is no file, which shows when it is read
        key=text(attributes.get("key")) or "",
        version=resource.id,  # the storage's own random name: other bytes get another one
        size=_count(attributes.get("size")),
        mime_type=text(attributes.get("mime_type")),
        width=_count(meta.get("width")),
        height=_count(meta.get("height")),
        frame="stored",  # as far as could be found out, the editor does not turn pictures
        raw=resource.raw,
    )


def to_annotation(resource: Resource, size: Size | None) -> Annotation:
    attributes = resource.attributes
    label = mapping(attributes.get("annotation"))
    metadata = mapping(attributes.get("metadata"))
    return Annotation(
        id=resource.id,
        shape=to_shape(attributes.get("dimensions") or {}, size),
        category_id=identifier(label.get("category")) or None,
        group_id=identifier(metadata.get("group_id")),
        attributes=mapping(label.get("attributes")),
        created_by=text(attributes.get("created_by_email")),
        created_at=text(attributes.get("created_at")),
        updated_at=text(attributes.get("updated_at")),
        raw=resource.raw,
    )


def to_shape(dimensions: Mapping[str, Any], size: Size | None) -> Shape:
    """A shape in pixels on a picture of this width and height."""
    kind = str(dimensions.get("type", "without a type")) if isinstance(dimensions, Mapping) else "without a type"
    if kind == "entry:root":
        return Classification()
    if kind not in _MODEL_SHAPES:
        return Unknown(kind)
    if size is None:
        return Unknown(f"{kind} on a picture of unknown size")
    try:
        return _placed(kind, dimensions, size)
    except (ValueError, TypeError, LookupError, ArithmeticError):
        return Unknown(f"{kind} that cannot be read")


def _placed(kind: str, dimensions: Mapping[str, Any], size: Size) -> Shape:
    width, height = size
    if kind == "idah-image:mask":
        return to_mask(dimensions, size)
    points = [(_pixels(x, width), _pixels(y, height)) for x, y in dimensions["points"]]
    angle = finite(dimensions.get("angle") or 0.0)
    match kind:
        case "idah-image:bounding-box":
            return _box(points, angle)
        case "idah-image:polygon" if len(points) >= 3:
            return Polygon((Part(tuple(points)),))
        case "idah-image:line" if len(points) >= 2:
            return Polyline(tuple(points))
        case "idah-image:circle":
            radius = _pixels(dimensions["radius"], min(size))
            return Ellipse(*points[0], radius, radius)
        case "idah-image:ellipse":
            return Ellipse(*points[0], *points[1], angle)
    raise ValueError(kind)


def _box(points: Sequence[tuple[float, float]], angle: float) -> Box | RotatedBox:
    """A box from its corners before the turn; after edits they come in any order."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    left, top = min(xs), min(ys)
    width, height = finite(round(max(xs) - left, DECIMALS)), finite(round(max(ys) - top, DECIMALS))
    if math.isclose(math.remainder(angle, math.pi), 0.0, abs_tol=1e-9):
        return Box(left, top, width, height)
    return RotatedBox(left + width / 2, top + height / 2, width, height, angle)


def to_mask(dimensions: Mapping[str, Any], size: Size) -> Mask:
    """A mask from its tiles. Tiles at the border hang over the picture; what they paint there is cut off.

    Raises:
        ValueError: a tile's run lengths cannot be read.
    """
    width, height = size
    pixels = np.zeros((height, width), dtype=np.bool_)
    for key, tile in dimensions.items():
        match = _TILE_KEY.fullmatch(key)
        if match:
            left, top = int(match[1]) * TILE, int(match[2]) * TILE
            view = pixels[top : top + TILE, left : left + TILE]
            view |= decode_tile(tile["rle"])[: view.shape[0], : view.shape[1]]
    return masks.from_pixels(pixels)


def decode_tile(text: str) -> masks.Pixels:
    """A tile of 128 x 128 pixels from base64 run lengths: row by row, zeros first, the last run not written.

    Raises:
        ValueError: the text is no base64, ends within a run, or has runs for more pixels than there are.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    runs, position = [], 0
    while position < len(data):
        run = data[position]
        position += 1
        if run & 0x80:
            if position == len(data):
                raise ValueError("a run of two bytes is cut after the first")
            run = (run & 0x7F) << 8 | data[position]
            position += 1
        runs.append(run)
    rest = TILE * TILE - sum(runs)
    if rest < 0:
        raise ValueError("the runs paint more pixels than a tile has")
    runs.append(rest)
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(TILE, TILE)


def _pixels(share: Any, extent: int) -> float:
    return round(finite(finite(share) * extent), DECIMALS)


def _count(value: Any) -> int | None:
    """A whole number that is not negative, `300.0` included."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 63:
        return None
    return int(value) if value == int(value) else None
