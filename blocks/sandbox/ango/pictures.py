"""Scenes as assets of the sandbox: what is drawn on them as tools of every kind, the brush as a PNG."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from blocks.sandbox.ango.answers import Pen, Row, about_asset, about_object, relations
from blocks.sandbox.scenes import Scene
from blocks.sandbox.shapes import CATEGORIES, Box, Circle, Ellipse, Line, Mask, Polygon, SceneObject

PAGES = 3


def page_count(index: int) -> int:
    """Some assets are a list of images."""
    return PAGES if index % 11 == 4 else 1


def has_metadata(index: int) -> bool:
    """The platform knows the size of an image only when somebody has opened it."""
    return index % 5 != 3


def annotate(pen: Pen, scenes: Sequence[Scene], rng: random.Random) -> Row:
    """Tools, classifications and relations of an asset whose pages are these scenes."""
    tools = [
        {**tool, "page": page} if len(scenes) > 1 else tool
        for page, scene in enumerate(scenes)
        for order, item in enumerate(scene.objects)
        for tool in _tools(pen, item, order, rng)
    ]
    is_labelled = any(scene.objects for scene in scenes)
    return {
        "tools": tools,
        "classifications": about_asset(pen, rng) if is_labelled else [],
        "relations": relations(pen, tools),
    }


def has_brush(scene: Scene) -> bool:
    return any(isinstance(item.shape, Mask) for item in scene.objects)


def brushed(scene: Scene) -> set[str]:
    """The categories that the brush was used for, and that no later trace covers."""
    left: dict[str, NDArray[np.bool_]] = {}
    for item in scene.objects:
        if isinstance(item.shape, Mask):
            left = {category: pixels & ~item.shape.pixels for category, pixels in left.items()}
            left[item.category] = item.shape.pixels
    return {category for category, pixels in left.items() if pixels.any()}


def brush_png(scene: Scene) -> bytes:
    """All brush traces of a scene in one picture: opaque in the colour of their class on nothing, later ones on top."""
    pixels = np.zeros((scene.height, scene.width, 4), np.uint8)
    for item in scene.objects:
        if isinstance(item.shape, Mask):
            pixels[item.shape.pixels] = (*CATEGORIES[item.category].colour, 255)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, format="png", compress_level=1)
    return buffer.getvalue()


def _tools(pen: Pen, item: SceneObject, order: int, rng: random.Random) -> list[Row]:
    """One tool, none for brushed pixels, which are in the PNG."""
    place = geometry(item, is_backwards=order % 3 == 1, has_zones=(pen.index + order) % 2 == 0)
    if place is None:
        return []
    kind, value = place
    return [pen.tool(kind, item.category, value, about_object(pen, rng) if kind == "bounding-box" else ())]


def geometry(item: SceneObject, *, is_backwards: bool = False, has_zones: bool = False) -> tuple[str, Any] | None:
    """A shape as the hub has it; ``is_backwards``: drawn from its lower right corner."""
    match item.shape:
        case Box(angle=angle) as box if angle:
            return "rotated-bounding-box", turned(box)
        case Box(left, top, width, height):
            if is_backwards:
                return "bounding-box", _corner(left + width, top + height, -width, -height)
            return "bounding-box", _corner(left, top, width, height)
        case Polygon(points) if has_zones:
            return "segmentation", {"zones": _zones(points)}
        case Polygon(points):
            return "polygon", [[float(x), float(y)] for x, y in points]
        case Line(start, end):
            middle = [(start[0] + end[0]) / 2, (start[1] + end[1]) / 2]
            return "polyline", [list(map(float, start)), middle, list(map(float, end))]
        case Circle(cx, cy, _):
            return "point", [float(cx), float(cy)]
        case Ellipse() as ellipse:  # a kind whose form nobody has written down
            return "spline", {"nodes": [list(point) for point in ellipse.outline(8)], "closed": True}
        case _:
            return None


def turned(box: Box) -> Row:
    """The corner that was the upper left one, and the corners counterclockwise on the screen from there."""
    first, second, third, fourth = box.outline()
    degrees = math.degrees(math.remainder(box.angle, math.tau))
    corners = [list(corner) for corner in (first, fourth, third, second)]
    return {**_corner(*first, box.width, box.height), "rotation": degrees, "corners": corners}


def _corner(x: float, y: float, width: float, height: float) -> Row:
    return {"x": float(x), "y": float(y), "height": float(height), "width": float(width)}


def _zones(points: Sequence[tuple[int, int]]) -> list[Row]:
    """The outline with a hole around its centre, and a speck of a second part beside it."""
    cx, cy = sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
    hole = [[cx + (x - cx) / 4, cy + (y - cy) / 4] for x, y in points]
    left, top = float(min(x for x, _ in points)), float(min(y for _, y in points))
    speck = [[left, top], [left + 6.5, top], [left, top + 6.5]]
    return [{"region": [list(map(float, point)) for point in points], "holes": [hole]}, {"region": speck, "holes": []}]
