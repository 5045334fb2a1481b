"""Boxes and outlines in the model's coordinates (see `exporters.model`): float pixels, half-open edges.

Names carry the layout: `ltwh` is left, top, width, height; `ltrb` is left, top, right, bottom. Rings are open: the
first point is not repeated at the end. `exporters.shapes.masks` has what is done to pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import msgspec

from exporters.model import (
    Box,
    Classification,
    Ellipse,
    Mask,
    Part,
    Point,
    Polygon,
    Polyline,
    Relation,
    RotatedBox,
    Shape,
    Skeleton,
    TextSpan,
    TimeSpan,
    Track,
    Unknown,
)
from exporters.shapes import masks
from exporters.shapes.rings import Ring, signed_area


def bounds(shape: Shape) -> Box | None:
    """The smallest upright box around a shape, or around all key frames of a track.

    None for a shape without a place or an empty mask.
    """
    match shape:
        case Box():
            return shape
        case RotatedBox():
            return _around(corners(shape))
        case Ellipse(cx, cy, rx, ry, angle):
            half_width = math.hypot(rx * math.cos(angle), ry * math.sin(angle))
            half_height = math.hypot(rx * math.sin(angle), ry * math.cos(angle))
            return Box(cx - half_width, cy - half_height, 2 * half_width, 2 * half_height)
        case Polygon(parts):
            return _around([point for part in parts for point in part.ring])
        case Polyline(points):
            return _around(points)
        case Mask():
            return masks.bounds(shape)
        case Skeleton():
            placed = [point for point, seen in zip(shape.points, shape.visibility, strict=False) if seen]
            return bounds(shape.outline) if shape.outline else _around(placed)
        case Track(keyframes):
            boxes = [box for box in (bounds(keyframe.shape) for keyframe in keyframes) if box]
            return _around([corner for box in boxes for corner in _diagonal(box)])
        case TextSpan() | TimeSpan() | Relation() | Classification() | Unknown():
            return None


def area(shape: Shape) -> float:
    """In square pixels; of the outline where there is one, 0 for lines and shapes without a place.

    0 for a track too: each of its frames has an area of its own.
    """
    match shape:
        case Box(_, _, width, height) | RotatedBox(_, _, width, height):
            return width * height
        case Ellipse(_, _, rx, ry):
            return math.pi * rx * ry
        case Polygon(parts):
            return sum(
                abs(signed_area(part.ring)) - sum(abs(signed_area(hole)) for hole in part.holes) for part in parts
            )
        case Mask():
            return float(masks.area(shape))
        case Skeleton():
            return area(shape.outline or bounds(shape) or Classification())
        case Polyline() | Track() | TextSpan() | TimeSpan() | Relation() | Classification() | Unknown():
            return 0.0


def corners(box: RotatedBox) -> tuple[Point, Point, Point, Point]:
    """Top-left, top-right, bottom-right, bottom-left of the box before its turn, turned."""
    cos, sin = math.cos(box.angle), math.sin(box.angle)
    dx, dy = box.width / 2, box.height / 2

    def turned(x: float, y: float) -> Point:
        return box.center_x + x * cos - y * sin, box.center_y + x * sin + y * cos

    return turned(-dx, -dy), turned(dx, -dy), turned(dx, dy), turned(-dx, dy)


def ltrb_to_ltwh(left: float, top: float, right: float, bottom: float) -> Box:
    return Box(left, top, right - left, bottom - top)


def ltwh_to_ltrb(box: Box) -> tuple[float, float, float, float]:
    return box.left, box.top, box.left + box.width, box.top + box.height


def is_inside(box: Box, width: int, height: int) -> bool:
    left, top, right, bottom = ltwh_to_ltrb(box)
    return left >= 0 and top >= 0 and right <= width and bottom <= height


def clip_box(box: Box, width: int, height: int) -> Box | None:
    """What of a box lies on the picture; None when nothing does."""
    if is_inside(box, width, height):
        clipped = box
    else:
        left, top, right, bottom = ltwh_to_ltrb(box)
        clipped = ltrb_to_ltwh(max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height)))
    return clipped if clipped.width > 0 and clipped.height > 0 else None


def clip_polygon(polygon: Polygon, width: int, height: int) -> Polygon | None:
    """What of a polygon lies on the picture; None when nothing does.

    A concave ring that leaves the picture and comes back stays one ring, joined along the border: same pixels.
    """
    parts = []
    for part in polygon.parts:
        ring = _clip_ring(part.ring, width, height)
        if len(ring) >= 3 and signed_area(ring):
            holes = (_clip_ring(hole, width, height) for hole in part.holes)
            parts.append(Part(ring, tuple(hole for hole in holes if len(hole) >= 3)))
    return Polygon(tuple(parts)) if parts else None


def _clip_ring(ring: Ring, width: int, height: int) -> tuple[Point, ...]:
    """Sutherland-Hodgman: cut by one border of the picture after the other."""
    points = tuple(ring)
    for axis, limit, sign in ((0, 0.0, 1), (0, float(width), -1), (1, 0.0, 1), (1, float(height), -1)):
        kept: list[Point] = []
        for start, end in _edges(points):
            start_depth, end_depth = sign * (start[axis] - limit), sign * (end[axis] - limit)
            if start_depth >= 0:
                kept.append(start)
            if start_depth * end_depth < 0:
                share = start_depth / (start_depth - end_depth)
                crossing = [a + share * (b - a) for a, b in zip(start, end, strict=True)]
                crossing[axis] = limit  # exactly: a crossing must not fall outside by a rounding
                kept.append((crossing[0], crossing[1]))
        points = tuple(kept)
    return points


# -- turning with the picture -----------------------------------------------------------------------------------------

_UPRIGHT: dict[int, Callable[[float, float, float, float], Point]] = {
    1: lambda x, y, w, h: (x, y),  # noqa: ARG005
    2: lambda x, y, w, h: (w - x, y),  # noqa: ARG005
    3: lambda x, y, w, h: (w - x, h - y),
    4: lambda x, y, w, h: (x, h - y),  # noqa: ARG005
    5: lambda x, y, w, h: (y, x),  # noqa: ARG005
    6: lambda x, y, w, h: (h - y, x),  # noqa: ARG005
    7: lambda x, y, w, h: (h - y, w - x),
    8: lambda x, y, w, h: (y, w - x),  # noqa: ARG005
}
"""Where a point of the stored picture (w x h) comes to lie when the picture is shown upright, by EXIF orientation."""

_UPRIGHT_ANGLE: dict[int, Callable[[float], float]] = {
    1: lambda angle: angle,
    2: lambda angle: math.pi - angle,
    3: lambda angle: angle + math.pi,
    4: lambda angle: -angle,
    5: lambda angle: math.pi / 2 - angle,
    6: lambda angle: angle + math.pi / 2,
    7: lambda angle: -math.pi / 2 - angle,
    8: lambda angle: angle - math.pi / 2,
}
"""The same for angles. None is brought back into a range: between two key frames, a whole turn is a movement."""


def upright_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    """Width and height as shown: orientations 5 to 8 swap them."""
    return (height, width) if orientation >= 5 else (width, height)


def to_upright(shape: Shape, width: int, height: int, orientation: int) -> Shape:
    """A shape on the stored picture of `width` x `height`, moved onto the picture as it is shown."""
    turn = _UPRIGHT[orientation]

    def ring(points: Iterable[Point]) -> tuple[Point, ...]:
        return tuple(turn(x, y, width, height) for x, y in points)

    match shape:
        case Box():
            return _around(ring(_diagonal(shape))) or shape
        case RotatedBox() | Ellipse():
            x, y = turn(shape.center_x, shape.center_y, width, height)
            angle = _UPRIGHT_ANGLE[orientation](shape.angle)
            return msgspec.structs.replace(shape, center_x=x, center_y=y, angle=angle)
        case Polygon(parts):
            return Polygon(tuple(Part(ring(part.ring), tuple(map(ring, part.holes))) for part in parts))
        case Polyline(points):
            return Polyline(ring(points))
        case Mask():
            return masks.to_upright(shape, orientation)
        case Skeleton():
            outline = shape.outline and to_upright(shape.outline, width, height, orientation)
            return msgspec.structs.replace(shape, points=ring(shape.points), outline=outline)
        case Track():
            return _track_to_upright(shape, width, height, orientation)
        case TextSpan() | TimeSpan() | Relation() | Classification() | Unknown():
            return shape


def _track_to_upright(track: Track, width: int, height: int, orientation: int) -> Track:
    keyframes = (
        msgspec.structs.replace(keyframe, shape=to_upright(keyframe.shape, width, height, orientation))
        for keyframe in track.keyframes
    )
    return Track(tuple(keyframes))


def _diagonal(box: Box) -> tuple[Point, Point]:
    left, top, right, bottom = ltwh_to_ltrb(box)
    return (left, top), (right, bottom)


def _edges(ring: Ring) -> Iterable[tuple[Point, Point]]:
    return zip(ring, [*ring[1:], *ring[:1]], strict=True)


def _around(points: Sequence[Point]) -> Box | None:
    if not points:
        return None
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return ltrb_to_ltwh(min(xs), min(ys), max(xs), max(ys))
