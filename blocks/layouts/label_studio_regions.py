"""The results of Label Studio as annotations.

Coordinates are percent of the picture, taken to a billionth of a pixel; a rectangle turns clockwise about its top-left
corner, which is where it lies after the turn. Regions that share an id are one region, described by several controls:
labels, choices and texts of it come together. A key point is a skeleton of one point; a polygon that is not closed is a
line. Choices of the whole task are a classification each. Video rectangles are tracks, from the frame before that which
Label Studio counts from 1. What has several labels is an annotation for each.

What our own exporter keeps in `meta` of a region (attributes, crowd, group) is taken from there.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import orjson
from msgspec import Raw

from blocks.layouts.label_studio_shapes import to_shape
from blocks.values import finite, identifier, mapping, text
from exporters.model import Annotation, Classification, Polygon, Relation, Shape, Unknown

Region = Mapping[str, Any]
_OF_A_REGION = ("choices", "textarea", "rating", "number", "taxonomy", "datetime")
"""Controls that describe a region, or where there is none, the whole task."""


class Task:
    """A task, and what its regions say of its file."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        found = record.get("annotations", record.get("completions"))
        self.opinions: Sequence[Mapping[str, Any]] = [mapping(one) for one in found] if isinstance(found, list) else []
        """What each person made of it."""
        authors = mapping(record.get("meta")).get("authors")
        self._authors: Sequence[Any] = authors if isinstance(authors, list) else []

    def author(self, place: int) -> str | None:
        """Who made an annotation: an e-mail address where it is known, else the number of a user."""
        by = self.opinions[place].get("completed_by")
        email = text(mapping(by).get("email")) or identifier(mapping(by).get("id")) or identifier(by)
        return email or (text(self._authors[place]) if place < len(self._authors) else None)

    def results(self, place: int) -> Iterator[dict[str, Any]]:
        found = self.opinions[place].get("result")
        return (mapping(one) for one in found) if isinstance(found, list) else iter(())

    @cached_property
    def size(self) -> tuple[int, int] | None:
        for one in self._all():
            width, height = one.get("original_width"), one.get("original_height")
            if type(width) is int and type(height) is int and 0 < width < 1 << 31 and 0 < height < 1 << 31:
                return width, height
        return None

    @cached_property
    def duration(self) -> float | None:
        lengths = (_number(one.get("original_length")) for one in self._all())
        return self._measure("duration") or next(filter(None, lengths), None)

    @cached_property
    def frames_count(self) -> int | None:
        count = self._measure("framesCount")
        return int(count) if count and count < 1 << 31 else None

    @cached_property
    def frame_rate(self) -> float | None:
        """Of a video, told by a frame of which the time is known."""
        for one in self._all():
            for frame in mapping(one.get("value")).get("sequence") or ():
                number, time = _number(mapping(frame).get("frame")), _number(mapping(frame).get("time"))
                if number and time and number > 1:
                    return round((number - 1) / time, 6)
        return None

    def _all(self) -> Iterator[dict[str, Any]]:
        return (one for place in range(len(self.opinions)) for one in self.results(place))

    def _measure(self, name: str) -> float | None:
        return next(filter(None, (_number(mapping(one.get("value")).get(name)) for one in self._all())), None)


def to_annotations(
    task: Task, place: int, *, is_skipped: bool = False, frame_rate: float | None = None
) -> Iterator[Annotation]:
    """The annotations of one person; what `is_skipped` is counted, but not read."""
    author = task.author(place)
    opinion = task.opinions[place]
    prefix = f"{identifier(opinion.get('id')) or place + 1}-" if len(task.opinions) > 1 else ""
    regions: dict[str, list[dict[str, Any]]] = {}
    relations = []
    for number, one in enumerate(task.results(place), 1):
        if one.get("type") == "relation":
            relations.append(one)
        else:
            regions.setdefault(_object(one, regions) or f"region {number}", []).append(one)
    common: dict[str, Any] = {
        "created_by": author,
        "created_at": text(opinion.get("created_at")),
        "updated_at": text(opinion.get("updated_at")),
    }
    for id_, records in regions.items():
        shapes = [Unknown("region of a skipped annotation")] if is_skipped else None
        yield from _annotations(f"{prefix}{id_}", records, common, frame_rate, shapes)
    for number, one in enumerate(relations, 1):
        ends = [f"{prefix}{identifier(one.get(name)) or ''}" for name in ("from_id", "to_id")]
        labels = [label for label in one.get("labels") or () if isinstance(label, str)]
        yield Annotation(
            id=f"{prefix}relation {number}",
            shape=Unknown("relation of a skipped annotation") if is_skipped else Relation(*ends),
            category_id=labels[0] if labels else None,
            attributes=mapping(mapping(one.get("meta")).get("attributes")),
            raw=Raw(orjson.dumps(one)),
            **common,
        )


def _object(record: Region, known: Container[str]) -> str | None:
    """Which region a result belongs to: its own, or that of which our own exporter says it is another part."""
    id_, parent = identifier(record.get("id")), identifier(record.get("parentID"))
    is_part = bool(id_ and parent and parent in known and id_.startswith(f"{parent}#"))
    return parent if is_part and str(record.get("type")).startswith("polygon") else id_


def _shapes(drawn: Sequence[Region], frame_rate: float | None) -> Sequence[Shape]:
    first = drawn[0]
    try:
        parts = [to_shape(one, frame_rate) for one in drawn if one is first or one.get("id") != first.get("id")]
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return [Unknown(f"{first.get('type')} that cannot be read")]
    polygons = [shape for found in parts for shape in found if isinstance(shape, Polygon)]
    if len(polygons) == len(parts) > 1:
        return [Polygon(tuple(part for polygon in polygons for part in polygon.parts))]
    return [shape for found in parts for shape in found]


def _annotations(
    id_: str,
    records: Sequence[dict[str, Any]],
    common: Mapping[str, Any],
    frame_rate: float | None,
    shapes: Sequence[Shape] | None,
) -> Iterator[Annotation]:
    """One region, an annotation for each of its labels and shapes."""
    drawn = [one for one in records if one.get("type") not in _OF_A_REGION] or list(records)
    first = drawn[0]
    meta = mapping(first.get("meta"))
    attributes = {**_described(records), **mapping(meta.get("attributes"))}
    if first.get("type") in _OF_A_REGION:
        yield from _of_task(id_, first, common, shapes, attributes)
        return
    if shapes is None:
        shapes = _shapes(drawn, frame_rate)
    labels = next(filter(None, map(_labels, drawn)), [None])
    for number, (shape, label) in enumerate([(shape, label) for shape in shapes for label in labels]):
        yield Annotation(
            id=f"{id_}#{number + 1}" if number else id_,
            shape=shape,
            category_id=label,
            is_crowd=meta.get("is_crowd") is True,
            group_id=text(meta.get("group")),
            attributes=attributes,
            raw=Raw(orjson.dumps(records[0] if len(records) == 1 else {"result": records})),
            **common,
        )


def _of_task(
    id_: str,
    record: dict[str, Any],
    common: Mapping[str, Any],
    shapes: Sequence[Shape] | None,
    attributes: Mapping[str, Any],
) -> Iterator[Annotation]:
    """What was said of the task as a whole: choices are its classes."""
    raw = Raw(orjson.dumps(record))
    chosen = mapping(record.get("value")).get("choices")
    if record.get("type") != "choices" or not isinstance(chosen, list):
        name = str(record.get("type"))
        shape = shapes[0] if shapes else Unknown(f"{name} of a whole task")
        yield Annotation(id=id_, shape=shape, attributes=dict(attributes), raw=raw, **common)
        return
    for number, choice in enumerate(chosen):
        known = mapping(mapping(record.get("meta")).get(choice)) if isinstance(choice, str) else {}
        yield Annotation(
            id=f"{id_}#{number + 1}" if number else id_,
            shape=shapes[0] if shapes else Classification(),
            category_id=identifier(choice),
            is_crowd=known.get("is_crowd") is True,
            group_id=text(known.get("group")),
            attributes=mapping(known.get("attributes")),
            raw=raw,
            **common,
        )


def labels_in(task: Task) -> Iterator[str]:
    """The labels and choices that a task has."""
    for place in range(len(task.opinions)):
        for one in task.results(place):
            yield from (label for label in _labels(one) if label)
            yield from (label for label in mapping(one.get("value")).get("choices") or () if isinstance(label, str))


def _labels(record: Region) -> list[str | None]:
    """The labels of a region, under a key that is called like its type, or `labels`."""
    value = mapping(record.get("value"))
    found = value.get(str(record.get("type"))) or value.get("labels")
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _described(records: Sequence[Region]) -> dict[str, Any]:
    """What choices and texts say of a region, by the name of their control."""
    found: dict[str, Any] = {}
    for one in records:
        kind = str(one.get("type"))
        if kind not in _OF_A_REGION:
            continue
        value = mapping(one.get("value"))
        said = value.get("text" if kind == "textarea" else kind)
        name = text(one.get("from_name")) or kind
        found[name] = said[0] if isinstance(said, list) and len(said) == 1 else said
    return found


def _number(value: Any) -> float | None:
    try:
        return finite(value) if value is not None else None
    except (TypeError, ValueError, OverflowError):
        return None
