"""Shapes as the geometry of Ango Hub's tools, and answers as its classifications.

Pixels from the top-left corner as in the record model. A rotated box is given by the first corner of the box before its
turn, turned, and by degrees clockwise on the screen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from exporters.formats.documents import json_bytes
from exporters.model import (
    Box,
    Mask,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    TextSpan,
    TimeSpan,
)
from exporters.shapes import contours, geometry

PDF = "pdf"
KEYS = frozenset({"bounding-box", "rotated-bounding-box", "polygon", "segmentation", "polyline", "point", "ner", PDF})
"""Of a tool, exactly one of these says where it is."""

HIDDEN = 1
"""The visibility of a point that is labelled, but hidden."""


class Geometry(NamedTuple):
    """What one tool says under its geometry key, and the answers that only this one has."""

    key: str
    value: Any
    answers: Mapping[str, Any] = {}


def geometries(shape: Shape, keypoints: Sequence[str] = (), *, zones: bool = False) -> list[Geometry]:
    """The tools that a shape is written as: one, or several for a skeleton; none for what Ango Hub has no tool for.

    Args:
        shape: in pixels. Of a mask, the outlines of its pixels are taken, which are the same set of points.
        keypoints: the names of a skeleton's points.
        zones: write a polygon as a segmentation even where it has one part and no hole.
    """
    match shape:
        case Box(left, top, width, height):
            return [Geometry("bounding-box", {"x": left, "y": top, "height": height, "width": width})]
        case RotatedBox():
            return [Geometry("rotated-bounding-box", _rotated(shape))]
        case Polygon((part,)) if not part.holes and not zones:
            return [Geometry("polygon", part.ring)]
        case Polygon(parts):
            return [Geometry("segmentation", {"zones": [{"region": one.ring, "holes": one.holes} for one in parts]})]
        case Mask():
            outline = contours.trace(shape)
            return geometries(outline, zones=True) if outline else []
        case Polyline(points):
            return [Geometry("polyline", points)]
        case Skeleton():
            return _points(shape, keypoints)
        case TextSpan(start, end, text):
            return [Geometry("ner", {"start": start, "end": end, "selection": text})]
        case TimeSpan(start, end):
            return [Geometry("ner", {"start": start, "end": end})]
        case _:
            return []


def _rotated(box: RotatedBox) -> dict[str, Any]:
    first, second, third, fourth = geometry.corners(box)
    return {
        "x": first[0],
        "y": first[1],
        "width": box.width,
        "height": box.height,
        "rotation": math.degrees(math.remainder(box.angle, math.tau)),
        "corners": (first, fourth, third, second),  # Ango Hub goes down first
    }


def _points(skeleton: Skeleton, keypoints: Sequence[str]) -> list[Geometry]:
    """A tool for the outline, where there is one, and for each labelled point, its name an answer."""
    tools = geometries(skeleton.outline, zones=True) if skeleton.outline else []
    for place, (point, visibility) in enumerate(zip(skeleton.points, skeleton.visibility, strict=True)):
        answers: dict[str, Any] = {}
        if len(skeleton.points) > 1:
            answers["keypoint"] = keypoints[place] if place < len(keypoints) else str(place + 1)
        if visibility == HIDDEN:
            answers["hidden"] = "true"
        if visibility:
            tools.append(Geometry("point", point, answers))
    return tools


def classifications(answers: Mapping[str, Any], owner_id: str) -> list[dict[str, Any]]:
    """Attributes as the nested answers of an object, by name."""
    return [
        {
            "objectId": f"{owner_id}/{title}",
            "schemaId": title,
            **answer(value),
            "title": title,
            "classifications": [],
        }
        for title, value in sorted(answers.items())
    ]


def answer(value: Any) -> dict[str, Any]:
    """The kind of a question, and its answer: a text, several texts, or anything else as its JSON."""
    if value is None or isinstance(value, str):
        return {"tool": "text", "answer": value}
    if isinstance(value, list) and _are_texts(value):
        return {"tool": "checkbox", "answer": value}
    return {"tool": "text", "answer": json_bytes(value, sorts_keys=True).decode()}


def _are_texts(values: Iterable[Any]) -> bool:
    return all(isinstance(one, str) for one in values)
