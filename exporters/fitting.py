"""Annotations made fit for a format: converted where an option asks for it, sound, and seen to at the border.

One pass for all formats: what one of them cannot hold, or an option leaves out, is named here and counted by the shard.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from exporters.holds import Holds
from exporters.model import (
    NAMES,
    Annotation,
    Box,
    Classification,
    Mask,
    Polygon,
    Polyline,
    Relation,
    Shape,
    Skeleton,
    TextSpan,
    TimeSpan,
    Track,
    Unknown,
)
from exporters.options import ExporterOptions, ImageOptions
from exporters.shapes import geometry, masks, rings
from exporters.shapes.convert import convert

Size = tuple[int, int]
Fitted = tuple[Annotation, Box | None]
"""The annotation as it is to be written, and its extent."""

WITHOUT_PLACE = (Classification, Track, TextSpan, TimeSpan, Relation, Unknown)
OTHER_POINTS = "its points and what is said of their visibility are not as many"
MAY_BE_THIN = (Polyline, Skeleton)
"""A line along an axis and a single point have no extent, and are something all the same."""


class Fitter:
    """What a format holds and what the options say, applied to one annotation after the other."""

    def __init__(self, format_name: str, holds: Holds, options: ExporterOptions, change: Callable[[str], None]) -> None:
        """`change` is told what was done to an annotation that is not written as it came."""
        self._name = format_name
        self._shapes = holds.shapes
        self._sees_to_shapes = isinstance(options, ImageOptions)
        self._conversions = options.convert if isinstance(options, ImageOptions) else ()
        self._border = options.out_of_picture if isinstance(options, ImageOptions) else "keep"
        self._change = change

    def fit(self, annotation: Annotation, size: Size | None) -> Fitted | str:
        """The annotation made fit for a picture of this size, or why it is left out."""
        if self._sees_to_shapes and isinstance(annotation.shape, Mask) and not _fits(annotation.shape, size):
            return "its mask does not fit its picture"
        if self._conversions:
            converted = self._converted(annotation, size)
            if converted is None:
                return "nothing is left of it when its shape is converted"
            annotation = converted
        shape = annotation.shape
        if self._shapes is not None and NAMES[type(shape)] not in self._shapes:
            return self._not_held(shape)
        if not self._sees_to_shapes:
            return annotation, None
        if annotation.box is None and size is not None:
            box = _plain_extent(shape)
            if box is not None and _lies_within(box, size):
                return annotation, box
        if isinstance(shape, WITHOUT_PLACE):
            return _fault(shape) or (annotation, None)
        return self._sound(annotation, size)

    def _not_held(self, shape: Shape) -> str:
        name = shape.name if isinstance(shape, Unknown) else NAMES[type(shape)].replace("_", " ")
        if isinstance(shape, Unknown) and " " in name:  # a phrase that says what is wrong with the annotation
            return f"its shape cannot be placed: {name}"
        return f"{self._name} cannot hold the shape {name}"

    def _converted(self, annotation: Annotation, size: Size | None) -> Annotation | None:
        shape, applied = convert(annotation.shape, self._conversions, size)
        for conversion in applied:
            self._change(f"converted: {conversion.replace('_', ' ')}")
        if shape is None:
            return None
        return replace(annotation, shape=shape, box=None, area=None) if applied else annotation

    def _sound(self, annotation: Annotation, size: Size | None) -> Fitted | str:
        before = annotation.shape
        if isinstance(before, Skeleton) and _has_other_points(before):
            return OTHER_POINTS
        return self._placed(annotation, size)

    def _placed(self, annotation: Annotation, size: Size | None) -> Fitted | str:
        shape = self._without_slivers(annotation)
        if shape is None:
            return "its outline has fewer than three points"
        if isinstance(shape, Skeleton) and isinstance(shape.outline, Mask) and not _fits(shape.outline, size):
            return "its mask does not fit its picture"
        extent = geometry.bounds(shape)
        box = annotation.box or extent
        if box is None or extent is None:
            return "nothing of it is marked"
        is_finite = math.isfinite(sum(geometry.ltwh_to_ltrb(box)) + sum(geometry.ltwh_to_ltrb(extent)))
        if not is_finite or any(points and rings.extent(points) is None for points in _lines(shape)):
            return "its coordinates are no numbers"
        if (box.width <= 0 or box.height <= 0) and not isinstance(shape, MAY_BE_THIN):
            return "its box has no extent"
        if shape is not annotation.shape:
            annotation = replace(annotation, shape=shape)
        if size is None or self._border == "keep":
            return annotation, box
        is_inside = geometry.is_inside(box, *size) and geometry.is_inside(extent, *size)
        if is_inside and not (isinstance(shape, Skeleton) and shape.outline and _has_points_outside(shape, size)):
            return annotation, box
        if self._border == "drop":
            return "it reaches over the border of its picture"
        return self._at_the_border(annotation, box, size)

    def _without_slivers(self, annotation: Annotation) -> Shape | None:
        """The shape without parts of one or two points, which readers take for boxes and stumble over.

        Where no part remains, the box that the source states stands for it; None when it states none.
        """
        shape = annotation.shape
        outline = shape.outline if isinstance(shape, Skeleton) else shape
        if not isinstance(outline, Polygon) or all(len(part.ring) >= 3 for part in outline.parts):
            return shape
        rest = tuple(part for part in outline.parts if len(part.ring) >= 3)
        if not rest and (annotation.box is None or not self._holds("box")):
            return None
        self._change("parts of fewer than three points left out")
        if isinstance(shape, Skeleton):
            return replace(shape, outline=Polygon(rest) if rest else None)
        return Polygon(rest) if rest else annotation.box

    def _holds(self, name: str) -> bool:
        return self._shapes is None or name in self._shapes

    def _at_the_border(self, annotation: Annotation, box: Box, size: Size) -> Fitted | str:
        """Cut to the picture; lines and turned shapes, which would not stay what they are, are kept and counted."""
        shape = annotation.shape
        clipped = _clipped(shape, size)
        if clipped is shape and not isinstance(shape, (Box, Polygon, Mask, Skeleton)):
            if not _touches(box, size):
                return "it lies outside its picture"
            self._change("reaches over the border of its picture, and cannot be cut there without changing its shape")
            return annotation, box
        clipped_box = geometry.bounds(clipped) if isinstance(clipped, Polygon) else geometry.clip_box(box, *size)
        if clipped is None or clipped_box is None:
            return "it lies outside its picture"
        self._change("clipped to the picture")
        area = annotation.area if isinstance(shape, Mask) else None
        return replace(annotation, shape=clipped, box=None, area=area), clipped_box


def _lines(shape: Shape) -> Iterator[rings.Ring]:
    """The points of a shape that consists of some, line by line."""
    match shape:
        case Polygon(parts):
            for part in parts:
                yield part.ring
                yield from part.holes
        case Polyline(points):
            yield points
        case Skeleton(points, _, outline):
            yield points
            if outline:
                yield from _lines(outline)
        case _:
            return


def _plain_extent(shape: Shape) -> Box | None:
    """The extent of a box or of a polygon that is one ring, the commonest shapes, quickly; None for all others."""
    if type(shape) is Box:
        return shape
    if type(shape) is Polygon and len(shape.parts) == 1 and not shape.parts[0].holes:
        ring = shape.parts[0].ring
        return rings.extent(ring) if len(ring) >= 3 else None
    return None


def _lies_within(box: Box, size: Size) -> bool:
    """Whether a box has some extent and reaches over no border; never for coordinates that are no numbers."""
    left, top, width, height = box.left, box.top, box.width, box.height
    return left >= 0 and top >= 0 and width > 0 and height > 0 and left + width <= size[0] and top + height <= size[1]


def _fits(mask: Mask, size: Size | None) -> bool:
    return masks.is_sound(mask) and (mask.width, mask.height) == size


def _fault(shape: Shape) -> str | None:
    """What is wrong with a shape that has no one place."""
    if not isinstance(shape, Track):
        return None
    if any(isinstance(one.shape, Skeleton) and _has_other_points(one.shape) for one in shape.keyframes):
        return OTHER_POINTS
    extents = [geometry.bounds(keyframe.shape) for keyframe in shape.keyframes]
    if not all(math.isfinite(sum(geometry.ltwh_to_ltrb(extent))) for extent in extents if extent):
        return "its coordinates are no numbers"
    return None if extents else "nothing of it is marked"


def _has_other_points(skeleton: Skeleton) -> bool:
    return len(skeleton.points) != len(skeleton.visibility)


def _has_points_outside(skeleton: Skeleton, size: Size) -> bool:
    seen = zip(skeleton.points, skeleton.visibility, strict=True)
    return any(visibility and not (0 <= x <= size[0] and 0 <= y <= size[1]) for (x, y), visibility in seen)


def _touches(box: Box, size: Size) -> bool:
    left, top, right, bottom = geometry.ltwh_to_ltrb(box)
    return left <= size[0] and top <= size[1] and right >= 0 and bottom >= 0


def _clipped(shape: Shape, size: Size) -> Shape | None:
    match shape:
        case Box():
            return geometry.clip_box(shape, *size)
        case Polygon():
            return geometry.clip_polygon(shape, *size)
        case Skeleton():
            outline = shape.outline and _clipped(shape.outline, size)
            width, height = size
            seen = tuple(
                visibility if 0 <= x <= width and 0 <= y <= height else 0
                for (x, y), visibility in zip(shape.points, shape.visibility, strict=True)
            )
            return replace(shape, outline=outline, visibility=seen)
        case _:
            return shape
