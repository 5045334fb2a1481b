"""Tools of Ango Hub as shapes of the record model: pixels of the full picture, from its top-left corner.

What cannot be placed (a kind nobody has written down, a geometry that cannot be read) becomes `Unknown` under the hub's
word for it, and the annotation's record keeps all of it. Decisions, where the facts leave one:

- a box may have been drawn from any of its corners: width and height are made positive;
- a rotated box turns about the corner that it begins at, clockwise on the screen, unless its corners say otherwise;
- a hole that lies outside its region, and inside with x and y changed, came from an import that changed them;
- text spans are told apart from stretches of time by the words they select, or by the kind of asset;
- marks on a PDF are boxes in the units of the page as it was rendered, with `page` (from 0) and its size as attributes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from blocks.values import finite
from exporters.model import (
    Box,
    Part,
    Point,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    TextSpan,
    TimeSpan,
    Unknown,
)

MODEL_SHAPES = {
    "bounding-box": "box",
    "rotated-bounding-box": "rotated_box",
    "polygon": "polygon",
    "segmentation": "polygon",
    "polyline": "polyline",
    "point": "skeleton",
    "ner": "text_span",
    "pdf": "box",
    "brush": "mask",
}
"""The hub's words for tools, and the record model's for what they draw."""
GEOMETRIES = tuple(kind for kind in MODEL_SHAPES if kind != "brush")
BESIDES = frozenset(
    {
        *(
            "objectId",
            "schemaId",
            "title",
            "classifications",
            "metadata",
            "page",
            "interpolationStopped",
            "ocr",
            "masks",
        ),
        *("medical-brush", "lock", "columnField", "tool"),
    }
)
"""Keys of a tool that say something else than where it is."""
TIMED = ("audio", "video")
CORNER_SLACK = 0.5
"""Pixels by which corners may differ from those of the box, in imports that wrote rounded numbers."""

_UNREADABLE = (ValueError, TypeError, LookupError, ArithmeticError)


def to_shape(tool: Mapping[str, Any], modality: str) -> Shape:
    found = [kind for kind in GEOMETRIES if kind in tool]
    if not found:
        return Unknown(_strange_name(tool))
    if len(found) > 1:
        return Unknown(f"tool with more than one geometry ({', '.join(found)})")
    try:
        return _placed(found[0], tool[found[0]], modality)
    except _UNREADABLE:
        return Unknown(f"{found[0]} that cannot be read")


def page_of(tool: Mapping[str, Any]) -> int | None:
    """Page or frame, from 0; None where there is none, or no such number."""
    page = tool.get("page")
    if isinstance(page, bool) or not isinstance(page, int | float) or page < 0 or page != int(page):
        return None
    return int(page)


def on_page(tool: Mapping[str, Any]) -> dict[str, Any]:
    """What a mark on a PDF says beside its box."""
    mark = tool.get("pdf")
    position = mark.get("position") if isinstance(mark, Mapping) else None
    if not isinstance(mark, Mapping) or not isinstance(position, Mapping):
        return {}
    said: dict[str, Any] = {}
    if isinstance(number := position.get("pageNumber"), int) and number > 0:
        said["page"] = number - 1
    around, content = position.get("boundingRect"), mark.get("content")
    if isinstance(around, Mapping):
        said |= {f"page_{key}": around[key] for key in ("width", "height") if isinstance(around.get(key), int | float)}
    if isinstance(content, Mapping) and isinstance(content.get("text"), str):
        said["text"] = content["text"]
    return said


def _strange_name(tool: Mapping[str, Any]) -> str:
    strange = sorted(key for key in tool if key not in BESIDES)
    if tool.get("medical-brush"):
        return "medical-brush"
    if not strange:
        return "tool without a geometry"
    return strange[0] if len(strange) == 1 else f"tool of an unknown form ({', '.join(strange[:4])})"


def _placed(kind: str, value: Any, modality: str) -> Shape:
    match kind:
        case "bounding-box":
            return _box(*(finite(value[key]) for key in ("x", "y", "width", "height")))
        case "rotated-bounding-box":
            return _rotated_box(value)
        case "polygon":
            return Polygon((Part(_ring(value)),))
        case "segmentation":
            return (
                Polygon(tuple(_zone(zone) for zone in value["zones"]))
                if value["zones"]
                else Unknown("empty segmentation")
            )
        case "polyline":
            return Polyline(_points(value, 2))
        case "point":
            return Skeleton((_point(value),), (2,))
        case "ner":
            return _span(value, modality)
        case "pdf":
            around = value["position"]["boundingRect"]
            left, top, right, bottom = (finite(around[key]) for key in ("x1", "y1", "x2", "y2"))
            return _box(left, top, right - left, bottom - top)
    raise ValueError(kind)


def _box(x: float, y: float, width: float, height: float) -> Box:
    return Box(min(x, x + width), min(y, y + height), abs(width), abs(height))


def _rotated_box(value: Mapping[str, Any]) -> RotatedBox:
    x, y, width, height = (finite(value[key]) for key in ("x", "y", "width", "height"))
    angle = math.radians(finite(value["rotation"]))
    cos, sin = math.cos(angle), math.sin(angle)
    center_x, center_y = x + (width * cos - height * sin) / 2, y + (width * sin + height * cos) / 2
    corners = value.get("corners")
    if isinstance(corners, list) and len(corners) == 4:
        drawn = _points(corners, 4)
        drawn_x, drawn_y = sum(at for at, _ in drawn) / 4, sum(at for _, at in drawn) / 4
        if max(abs(drawn_x - center_x), abs(drawn_y - center_y)) > CORNER_SLACK:
            center_x, center_y = drawn_x, drawn_y
    return RotatedBox(center_x, center_y, abs(width), abs(height), angle)


def _zone(zone: Mapping[str, Any]) -> Part:
    region, holes = _ring(zone["region"]), zone.get("holes") or []
    if holes and not isinstance(holes[0][0], list | tuple):  # one ring, where a list of rings is expected
        holes = [holes]
    return Part(region, tuple(_hole(_ring(hole), region) for hole in holes))


def _hole(hole: tuple[Point, ...], region: Sequence[Point]) -> tuple[Point, ...]:
    changed = tuple((y, x) for x, y in hole)
    return changed if not _lies_in(hole, region) and _lies_in(changed, region) else hole


def _lies_in(ring: Sequence[Point], around: Sequence[Point]) -> bool:
    """Whether the extent of a ring lies in that of another."""
    return all(
        min(point[axis] for point in around) <= min(point[axis] for point in ring)
        and max(point[axis] for point in ring) <= max(point[axis] for point in around)
        for axis in (0, 1)
    )


def _ring(value: Any) -> tuple[Point, ...]:
    """An open ring; one that repeats its first point at the end is closed without it."""
    points = _points(value, 3)
    if len(set(points)) < 3:
        raise ValueError(value)
    return points[:-1] if len(points) > 3 and points[0] == points[-1] else points


def _points(value: Any, fewest: int) -> tuple[Point, ...]:
    points = tuple(map(_point, value))
    if len(points) < fewest:
        raise ValueError(value)
    return points


def _point(value: Any) -> Point:
    x, y = value
    return finite(x), finite(y)


def _span(value: Mapping[str, Any], modality: str) -> Shape:
    start, end, selection = value["start"], value["end"], value.get("selection")
    if modality in TIMED or (selection is None and not (isinstance(start, int) and isinstance(end, int))):
        return TimeSpan(finite(start), finite(end))
    if int(start) != start or int(end) != end or not 0 <= start <= end:
        raise ValueError(value)
    return TextSpan(int(start), int(end), selection if isinstance(selection, str) else "")
