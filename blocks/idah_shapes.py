"""The shapes of IDAH's image and video plug-ins as those of the record model, in pixels.

What cannot be placed (a shape of another plug-in, points that are no numbers, a picture of unknown size) becomes
`Unknown` under the platform's word for it, and the annotation's record keeps all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blocks.idah_masks import to_mask
from blocks.idah_points import Size, is_upright, pixels, to_box, to_points, to_rotated_box
from blocks.idah_tracks import VIDEO_BOX, VIDEO_POLYGON, to_track
from blocks.values import finite
from exporters.model import Classification, Ellipse, Part, Polygon, Polyline, Shape, Unknown

MODEL_SHAPES = {
    "idah-image:bounding-box": "box",
    "idah-image:polygon": "polygon",
    "idah-image:line": "polyline",
    "idah-image:circle": "ellipse",
    "idah-image:ellipse": "ellipse",
    "idah-image:mask": "mask",
    VIDEO_BOX: "track",
    VIDEO_POLYGON: "track",
    "entry:root": "classification",
}
"""The platform's words for shapes, and the record model's."""


def to_shape(dimensions: Any, size: Size | None) -> Shape:
    """A shape in pixels on a picture of this width and height."""
    kind = str(dimensions.get("type", "without a type")) if isinstance(dimensions, Mapping) else "without a type"
    if kind == "entry:root":
        return Classification()
    if kind not in MODEL_SHAPES:
        return Unknown(kind)
    if size is None:
        return Unknown(f"{kind} on a picture of unknown size")
    try:
        return _placed(kind, dimensions, size)
    except (ValueError, TypeError, LookupError, ArithmeticError):
        return Unknown(f"{kind} that cannot be read")


def _placed(kind: str, dimensions: Mapping[str, Any], size: Size) -> Shape:
    if kind == "idah-image:mask":
        return to_mask(dimensions, size)
    if kind in (VIDEO_BOX, VIDEO_POLYGON):
        return to_track(dimensions, size)
    points = to_points(dimensions["points"], size)
    angle = finite(dimensions.get("angle") or 0.0)
    match kind:
        case "idah-image:bounding-box":
            return to_box(points) if is_upright(angle) else to_rotated_box(points, angle)
        case "idah-image:polygon" if len(points) >= 3:
            return Polygon((Part(points),))
        case "idah-image:line" if len(points) >= 2:
            return Polyline(points)
        case "idah-image:circle":
            radius = pixels(dimensions["radius"], min(size))
            return Ellipse(*points[0], radius, radius)
        case "idah-image:ellipse":
            return Ellipse(*points[0], *points[1], angle)
    raise ValueError(kind)
