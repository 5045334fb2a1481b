"""IDAH's records turned into the record model. Pure functions.

What of a record is of another type than promised is left out of the model,
never out of the record, which goes along as it came.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from blocks.idah_client import Resource
from blocks.idah_points import Size
from blocks.idah_shapes import MODEL_SHAPES, to_shape
from blocks.values import identifier, mapping, text
from exporters.model import Annotation, Category, Dataset, Entry, Media, State

_STATES: dict[str, State] = {"completed": "completed", "errored": "rejected"}


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
                shapes.setdefault(category_id, []).append(MODEL_SHAPES.get(kind, "unknown"))
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
    duration, frame_rate = _positive(meta.get("duration")), _frame_rate(meta)
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
        duration=duration,
        frame_rate=frame_rate,
        # The editor rounds down, statistics round; nobody has annotated a frame behind the greater of the two.
        frames_count=round(duration * frame_rate) if duration and frame_rate else None,
        raw=resource.raw,
    )


def to_annotation(resource: Resource, size: Size | None) -> Annotation:
    attributes = resource.attributes
    label = mapping(attributes.get("annotation"))
    metadata = mapping(attributes.get("metadata"))
    return Annotation(
        id=resource.id,
        shape=to_shape(attributes.get("dimensions"), size),
        category_id=identifier(label.get("category")) or None,
        group_id=identifier(metadata.get("group_id")),
        # The editors write `attributes`; the platform's guide says `properties`.
        attributes=mapping(label.get("properties")) | mapping(label.get("attributes")),
        created_by=text(attributes.get("created_by_email")),
        created_at=text(attributes.get("created_at")),
        updated_at=text(attributes.get("updated_at")),
        raw=resource.raw,
    )


def _frame_rate(meta: Mapping[str, Any]) -> float | None:
    """Frames a second. The fraction is the exact one: 30000/1001 is no 29.97."""
    frames, _, seconds = str(meta.get("r_frame_rate")).partition("/")
    if frames.isdecimal() and seconds.isdecimal() and int(frames) and int(seconds):
        return int(frames) / int(seconds)
    return _positive(meta.get("fps"))


def _positive(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        return None
    return float(value)


def _count(value: Any) -> int | None:
    """A whole number that is not negative, `300.0` included."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 63:
        return None
    return int(value) if value == int(value) else None
