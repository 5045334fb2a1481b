"""The record model in the words of the platform that contextual exporters are written for.

Used where a source sends no record of that platform, so that an exporter written for it works with every source. What
the platform has no word for (a skeleton, a polygon of several parts) is given in the record model's own: the shape's
name as `type`, its fields, pixels.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from exporters.arrays import np
from exporters.model import (
    Annotation,
    Box,
    Category,
    Classification,
    Dataset,
    Ellipse,
    Entry,
    Keyframe,
    Mask,
    Media,
    Point,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Track,
    Unknown,
)
from exporters.shapes import masks

TILE = 128
"""Pixels along each side of a mask's tile."""
TYPES = {
    "box": "idah-image:bounding-box",
    "rotated_box": "idah-image:bounding-box",
    "polygon": "idah-image:polygon",
    "polyline": "idah-image:line",
    "ellipse": "idah-image:ellipse",
    "mask": "idah-image:mask",
    "track": "idah-video:bounding-box",
    "classification": "entry:root",
}
"""The platform's types of shapes; several of ours can be one of its."""
STATUSES = {"completed": "completed", "in_progress": "in_progress", "rejected": "errored"}


def dataset_fields(dataset: Dataset) -> dict[str, Any]:
    return {
        "id": dataset.id,
        "type": "dataset:datasets",
        "name": dataset.name,
        "modality": modality(dataset.modality),
        "labeling_configuration": _labels(dataset.categories),
        "entries_total_count": dataset.entries_count,
    }


def _labels(categories: Sequence[Category]) -> dict[str, dict[str, Any]]:
    """The classes by the shape they are declared for; of those that no source declares a shape for, by boxes."""
    labels: dict[str, dict[str, Any]] = {}
    for category in categories:
        value = {"id": category.id, "label": category.name, "color": category.color, "parent": category.parent}
        for shape in category.shapes or ("box",):
            labels.setdefault(TYPES.get(shape, shape), {"values": []})["values"].append(value)
    return labels


def modality(name: str) -> str:
    return name if name.startswith("idah-") else f"idah-{name}"


def entry_fields(entry: Entry) -> dict[str, Any]:
    original = entry.original
    return {
        "id": entry.id,
        "type": "dataset:entries",
        "dataset_id": entry.dataset_id,
        "name": entry.name,
        "status": STATUSES[entry.state],
        "resource": original.ref if original else None,
        "created_at": entry.created_at,
        "updated_at": entry.updated_at,
    }


def annotation_fields(annotation: Annotation, entry: Entry) -> dict[str, Any]:
    return {
        "id": annotation.id,
        "type": "dataset:annotations",
        "dataset_id": entry.dataset_id,
        "entry_id": entry.id,
        "dimensions": dimensions(annotation.shape, entry.original),
        "annotation": {"category": annotation.category_id, "attributes": annotation.attributes},
        "metadata": {"group_id": annotation.group_id} if annotation.group_id is not None else None,
        "created_by_email": annotation.created_by,
        "created_at": annotation.created_at,
        "updated_at": annotation.updated_at,
    }


def media_fields(media: Media, entry: Entry) -> dict[str, Any]:
    original = entry.original
    size = {"width": media.width, "height": media.height}
    return {
        "id": media.id,
        "type": "media:medias",
        "resource": original.ref if original else media.ref,
        "key": media.key,
        "filename": media.name,
        "size": media.size,
        "mime_type": media.mime_type,
        "meta": {name: value for name, value in size.items() if value is not None},
    }


def dimensions(shape: Shape, media: Media | None) -> dict[str, Any]:
    """A shape as the platform writes it: shares of the picture's width and height, masks as tiles of pixels."""
    if isinstance(shape, Classification):
        return {"type": "entry:root"}
    if isinstance(shape, Mask):
        return {"type": "idah-image:mask", "points": [], **_tiles(shape)}
    placed = _placed(shape, media.width, media.height) if media and media.width and media.height else None
    if placed is None:
        own: dict[str, Any] = msgspec.to_builtins(shape)
        return {**own, "type": shape.name if isinstance(shape, Unknown) else own["type"]}
    return placed


def _placed(shape: Shape, width: int, height: int) -> dict[str, Any] | None:
    def shares(points: Sequence[Point]) -> list[list[float]]:
        return [[x / width, y / height] for x, y in points]

    match shape:
        case Box(left, top, box_width, box_height):
            return _box(shares(_corners(left, top, box_width, box_height)), 0.0)
        case RotatedBox(x, y, box_width, box_height, angle):
            return _box(shares(_corners(x - box_width / 2, y - box_height / 2, box_width, box_height)), angle)
        case Polygon((part,)) if not part.holes:
            return {"type": "idah-image:polygon", "points": shares(part.ring)}
        case Polyline(points):
            return {"type": "idah-image:line", "points": shares(points)}
        case Ellipse(x, y, radius_x, radius_y) if math.isclose(radius_x, radius_y):
            return {"type": "idah-image:circle", "points": shares([(x, y)]), "radius": radius_x / min(width, height)}
        case Ellipse(x, y, radius_x, radius_y, angle):
            return {"type": "idah-image:ellipse", "points": shares([(x, y), (radius_x, radius_y)]), "angle": angle}
        case Track(keyframes):
            return _track(keyframes, width, height)
    return None


def _track(keyframes: Sequence[Keyframe], width: int, height: int) -> dict[str, Any] | None:
    """A track whose key frames are all boxes, or all polygons, and all in the picture."""
    placed = [_placed(one.shape, width, height) for one in keyframes if not one.is_outside]
    kinds = {one["type"].partition(":")[2] if one else "" for one in placed}
    if len(placed) != len(keyframes) or kinds not in ({"bounding-box"}, {"polygon"}):
        return None
    frames = [
        {"frame": keyframe.frame, **{name: value for name, value in (one or {}).items() if name != "type"}}
        for keyframe, one in zip(keyframes, placed, strict=True)
    ]
    span = {"start": keyframes[0].frame, "end": keyframes[-1].frame}
    return {"type": f"idah-video:{kinds.pop()}", **span, "frames": frames}


def _box(points: list[list[float]], angle: float) -> dict[str, Any]:
    return {"type": "idah-image:bounding-box", "points": points, "angle": angle}


def _corners(left: float, top: float, width: float, height: float) -> list[Point]:
    """Clockwise from the top left."""
    right, bottom = left + width, top + height
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _tiles(mask: Mask) -> Mapping[str, dict[str, str]]:
    """The painted tiles of a mask; what hangs over the picture at its right and bottom is not painted."""
    columns, rows = -(-mask.width // TILE), -(-mask.height // TILE)
    pixels = np.zeros((rows * TILE, columns * TILE), dtype=np.bool_)
    pixels[: mask.height, : mask.width] = masks.to_pixels(mask)
    tiles = {
        f"tile-{column}x{row}": pixels[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
        for row in range(rows)
        for column in range(columns)
    }
    return {key: {"rle": _runs(tile)} for key, tile in tiles.items() if tile.any()}


def _runs(tile: masks.Pixels) -> str:
    """Run lengths row by row, zeros first, the last run not written; two bytes where a run is over 127."""
    flat = tile.ravel()
    changes = np.flatnonzero(np.diff(flat, prepend=False)).tolist()
    data = bytearray()
    for start, end in zip([0, *changes], changes, strict=False):
        run = end - start
        data += bytes([run]) if run < 0x80 else bytes([0x80 | run >> 8, run & 0xFF])
    return base64.b64encode(bytes(data)).decode()
