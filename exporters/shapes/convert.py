"""Shapes turned into others, for formats that do not hold them as they came.

    box, rotated box, ellipse, mask → polygon    the corners; 64 points on the ellipse; the pixels' outlines, exactly
    polygon, ellipse, mask, ... → box            the bounds, of all parts
    polygon → rotated box                        the rectangle of least area around all parts
    polygon → mask                               the pixels whose centre lies inside

Only the polygon of a mask is the same set of points; what the others lose or add is said above.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec.structs import replace

from exporters.model import (
    SHAPES,
    Box,
    Ellipse,
    Keyframe,
    Mask,
    Part,
    Point,
    Polygon,
    RotatedBox,
    Shape,
    Skeleton,
    Track,
    shape_name,
)
from exporters.options import Conversion
from exporters.shapes import contours, geometry, hull, masks

Size = tuple[int, int]

ELLIPSE_POINTS = 64
"""The polygon lies within the ellipse, has 99.84 % of its area, and is never more than 0.12 % of a radius away."""


def source(conversion: Conversion) -> str:
    """The name of the shape that it is applied to."""
    return conversion.partition("_to_")[0]


def result(conversion: Conversion) -> str:
    """The name of the shape that it makes."""
    return conversion.partition("_to_")[2]


def held_after(shapes: frozenset[str], conversions: Sequence[Conversion]) -> frozenset[str]:
    """The shapes that a format which holds `shapes` can be given when these conversions are applied first."""
    return frozenset(name for name in SHAPES if _becomes(name, conversions) in shapes)


def _becomes(name: str, conversions: Sequence[Conversion]) -> str:
    for conversion in conversions:
        if source(conversion) == name:
            name = result(conversion)
    return name


def convert(
    shape: Shape, conversions: Sequence[Conversion], size: Size | None = None
) -> tuple[Shape | None, tuple[Conversion, ...]]:
    """The shape after the conversions that match it, one after the other in the given order, and which these were.

    Of a track, the key frames are converted; between them, it moves as the new shape does (`exporters.shapes.tracks`).

    Args:
        shape: any shape; one that nothing matches comes back as it is.
        conversions: in the order in which they are applied: `ellipse_to_polygon, polygon_to_mask` makes masks.
        size: width and height of the picture in pixels. Where nobody knows it, `polygon_to_mask` is not applied.

    Returns:
        None instead of a shape when nothing is left of it: no pixel, no extent, or it was not sound.
    """
    if isinstance(shape, Track):
        return _convert_track(shape, conversions, size)
    applied: list[Conversion] = []
    converted: Shape | None = shape
    for conversion in conversions:
        if converted is None or source(conversion) != shape_name(converted):
            continue
        if result(conversion) == "mask" and size is None:
            continue
        converted = _converted(converted, result(conversion), size)
        applied.append(conversion)
    return converted, tuple(applied)


def _convert_track(
    track: Track, conversions: Sequence[Conversion], size: Size | None
) -> tuple[Track | None, tuple[Conversion, ...]]:
    keyframes: list[Keyframe] = []
    applied: set[Conversion] = set()
    for keyframe in track.keyframes:
        shape, made_by = convert(keyframe.shape, conversions, size)
        applied.update(made_by)
        last = keyframes[-1] if keyframes else None
        if shape is None and last is not None:
            keyframes.append(replace(keyframe, shape=last.shape, is_outside=True))
        elif shape is not None:
            if made_by and isinstance(shape, RotatedBox) and last and isinstance(last.shape, RotatedBox):
                # Any side of a rectangle can be its width; were it another one in each key frame, it would spin.
                shape = hull.turned_near(shape, last.shape.angle)
            keyframes.append(replace(keyframe, shape=shape))
    return Track(tuple(keyframes)) if keyframes else None, tuple(one for one in conversions if one in applied)


def _converted(shape: Shape, to: str, size: Size | None) -> Shape | None:
    """The shape as one of another kind; `size` is known where a mask is asked for."""
    bounds = geometry.bounds(shape) if _is_sound(shape, size) else None
    if bounds is None or not math.isfinite(sum(geometry.ltwh_to_ltrb(bounds))) or not (bounds.width and bounds.height):
        return None
    match to, shape:
        case "box", _:
            return bounds
        case "polygon", Box():
            (left, top, right, bottom) = geometry.ltwh_to_ltrb(shape)
            return _polygon((left, top), (right, top), (right, bottom), (left, bottom))
        case "polygon", RotatedBox():
            return _polygon(*geometry.corners(shape))
        case "polygon", Ellipse():
            return _polygon(*_points_on(shape))
        case "polygon", Mask():
            return contours.trace(shape)
        case "rotated_box", Polygon(parts):
            return hull.smallest_rectangle(point for part in parts for point in part.ring)
        case "mask", Polygon(parts) if size:
            pixels = masks.rasterize([part for part in parts if len(part.ring) >= 3], *size)
            return masks.from_pixels(pixels) if pixels.any() else None
        case _:
            raise NotImplementedError(f"{shape_name(shape)}_to_{to}")


def _is_sound(shape: Shape, size: Size | None) -> bool:
    outline = shape.outline if isinstance(shape, Skeleton) else shape
    match outline:
        case Mask(width, height):
            return masks.is_sound(outline) and size in (None, (width, height))
        case Polygon(parts):
            return all(
                math.isfinite(sum(point)) for part in parts for ring in (part.ring, *part.holes) for point in ring
            )
        case _:
            return True


def _polygon(*ring: Point) -> Polygon:
    return Polygon((Part(ring),))


def _points_on(ellipse: Ellipse) -> list[Point]:
    cos, sin = math.cos(ellipse.angle), math.sin(ellipse.angle)
    points = []
    for index in range(ELLIPSE_POINTS):
        angle = 2 * math.pi * index / ELLIPSE_POINTS
        x, y = ellipse.radius_x * math.cos(angle), ellipse.radius_y * math.sin(angle)
        points.append((ellipse.center_x + x * cos - y * sin, ellipse.center_y + x * sin + y * cos))
    return points
