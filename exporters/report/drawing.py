"""Shapes drawn on a picture in the colours of their classes: a solid outline, a veil inside, holes left open."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from exporters.model import (
    Annotation,
    Box,
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
    Track,
)
from exporters.report.figures import extent_of
from exporters.report.legend import RGB, Legend, LegendClass
from exporters.shapes import geometry, masks, tracks

FINER = 2
"""How much larger a picture is drawn on than it is shown, so that lines are smooth."""
LINE = 2.0
VEIL = 64
"""Of 255: how much of the inside is covered."""
MOST_DRAWN = 200
"""Annotations of one entry."""
MOST_MASK_PIXELS = 60_000_000
"""Of all masks that are drawn on one picture."""
MOST_POINTS, MOST_PARTS = 4_000, 1_000
"""Of one line, and of one outline: more would take minutes, and hardly look different."""
_CASING = (255, 255, 255, 190)
"""On either side of a line: it is seen on an object of its own colour, too."""
_CORNERS_OF_ROUND = 64
_SHRINK, _GROW = ImageFilter.MinFilter(2 * FINER + 1), ImageFilter.MaxFilter(2 * FINER + 1)
"""By a pixel of the finished picture."""
_MARGIN = 4 * FINER


class Drawing:
    """A picture to be drawn on: `size` pixels that show `window` of it, in the coordinates of its annotations."""

    def __init__(self, picture: Image.Image, measured: tuple[float, float], window: Box, size: tuple[int, int]) -> None:
        """`measured` is the picture's size in the pixels that coordinates count."""
        across, down = picture.width / measured[0], picture.height / measured[1]
        fine = (size[0] * FINER, size[1] * FINER)
        left, top, right, bottom = geometry.ltwh_to_ltrb(window)
        part = (left * across, top * down, right * across, bottom * down)
        self._image = picture.resize(fine, Image.Resampling.BILINEAR, box=part, reducing_gap=2.0)
        self._draw = ImageDraw.Draw(self._image, "RGBA")
        self._size = size
        self._left, self._top = left, top
        self._across, self._down = fine[0] / window.width, fine[1] / window.height
        self._masks_left = MOST_MASK_PIXELS

    def finished(self) -> Image.Image:
        return self._image.resize(self._size, Image.Resampling.BOX)

    def all(self, annotations: Sequence[Annotation], legend: Legend, frame: int = 0) -> None:
        """Draw the first annotations, of tracks where they are in this frame; large ones do not cover small ones."""
        chosen = annotations[:MOST_DRAWN]
        for annotation in sorted(chosen, key=_extent, reverse=True):
            self.one(annotation.shape, legend.get(legend.key(annotation.category_id)), frame)
        placed = {one.id: extent_of(one) for one in chosen}
        for annotation in chosen:
            if isinstance(annotation.shape, Relation):
                ends = placed.get(annotation.shape.source_id), placed.get(annotation.shape.target_id)
                if ends[0] and ends[1]:
                    color = legend.get(legend.key(annotation.category_id)).color
                    self._line([_middle(ends[0]), _middle(ends[1])], color)

    def one(self, shape: Shape, one: LegendClass, frame: int = 0) -> None:
        color = one.color
        match shape:
            case Box():
                left, top, right, bottom = geometry.ltwh_to_ltrb(shape)
                self._area([Part(((left, top), (right, top), (right, bottom), (left, bottom)))], color)
            case RotatedBox():
                self._area([Part(geometry.corners(shape))], color)
            case Ellipse():
                self._area([Part(_round(shape))], color)
            case Polygon(parts):
                self._area(parts, color)
            case Polyline(points):
                self._line(points, color)
            case Mask():
                self._mask(shape, color)
            case Skeleton():
                self._skeleton(shape, one)
            case Track():
                at = where(shape, frame)
                if at is not None:
                    self.one(at, one)
            case _:  # without a place on the picture
                return

    # -- strokes ------------------------------------------------------------------------------------------------------

    def _at(self, point: Point) -> Point:
        """Far outside is as good as outside, and no number that a drawing cannot take."""
        x, y = (point[0] - self._left) * self._across, (point[1] - self._top) * self._down
        width, height = self._image.size
        return min(max(x, -width), 2.0 * width), min(max(y, -height), 2.0 * height)

    def _area(self, parts: Iterable[Part], color: RGB) -> None:
        for part in islice(parts, MOST_PARTS):
            holes = part.holes[:MOST_PARTS]
            ring = [self._at(point) for point in _some(part.ring)]
            if len(ring) < 2:
                self._dots(part.ring, color)
                continue
            if holes:
                inside = Image.new("L", self._image.size)
                veil = ImageDraw.Draw(inside)
                veil.polygon(ring, fill=VEIL)
                for hole in holes:
                    if len(hole) > 1:
                        veil.polygon([self._at(point) for point in _some(hole)], fill=0)
                self._image.paste(color, (0, 0), inside)
            else:
                self._draw.polygon(ring, fill=(*color, VEIL))
            for line in (part.ring, *holes):
                self._line([*line, *line[:1]], color)

    def _line(self, points: Sequence[Point], color: RGB) -> None:
        line = [self._at(point) for point in _some(points)]
        if len(line) < 2:
            self._dots(points, color)
            return
        width = round(LINE * FINER)
        self._draw.line(line, fill=_CASING, width=width + 2 * FINER, joint="curve")
        self._draw.line(line, fill=(*color, 255), width=width, joint="curve")

    def _dots(self, points: Iterable[Point], color: RGB, *, filled: bool = True) -> None:
        reach = 2.6 * FINER
        for point in islice(points, MOST_POINTS):
            x, y = self._at(point)
            self._draw.ellipse(
                (x - reach, y - reach, x + reach, y + reach),
                fill=(*color, 255) if filled else (255, 255, 255, 230),
                outline=(255, 255, 255, 230) if filled else (*color, 255),
                width=FINER // 2 or 1,
            )

    def _skeleton(self, shape: Skeleton, one: LegendClass) -> None:
        if shape.outline is not None:
            self.one(shape.outline, one)
        seen = shape.visibility
        for start, end in one.skeleton:
            if max(start, end) < len(shape.points) and min(start, end) >= 0 and seen[start] and seen[end]:
                self._line([shape.points[start], shape.points[end]], one.color)
        pairs = list(zip(shape.points, seen, strict=True))
        self._dots([point for point, sight in pairs if sight == 1], one.color, filled=False)
        self._dots([point for point, sight in pairs if sight > 1], one.color)

    def _mask(self, mask: Mask, color: RGB) -> None:
        """Only where it has pixels: whatever else there is of it is not looked at."""
        self._masks_left -= mask.width * mask.height
        box = masks.bounds(mask) if self._masks_left >= 0 and masks.is_sound(mask) else None
        if box is None:
            return
        width, height = self._image.size
        left, top, right, bottom = geometry.ltwh_to_ltrb(box)
        x, y = (left - self._left) * self._across, (top - self._top) * self._down
        to_x, to_y = (right - self._left) * self._across, (bottom - self._top) * self._down
        first = max(0, math.floor(x) - _MARGIN), max(0, math.floor(y) - _MARGIN)
        last = min(width, math.ceil(to_x) + _MARGIN), min(height, math.ceil(to_y) + _MARGIN)
        if last[0] <= first[0] or last[1] <= first[1]:
            return
        corners = (
            *(first[0] / self._across + self._left, first[1] / self._down + self._top),
            *(last[0] / self._across + self._left, last[1] / self._down + self._top),
        )
        painted = Image.fromarray(masks.to_pixels(mask).astype(np.uint8) * 255)
        size = last[0] - first[0], last[1] - first[1]
        inside = painted.transform(size, Image.Transform.EXTENT, corners, Image.Resampling.NEAREST, fillcolor=0)
        edge = ImageChops.subtract(inside, inside.filter(_SHRINK).filter(_SHRINK))
        casing = ImageChops.subtract(inside.filter(_GROW), inside)
        self._image.paste(color, first, inside.point(lambda value: VEIL if value else 0))
        self._image.paste(_CASING[:3], first, casing.point(lambda value: _CASING[3] if value else 0))
        self._image.paste(color, first, edge)


def where(track: Track, frame: int) -> Shape | None:
    """Where an object is in a frame; None when it is not in the picture."""
    before = following = None
    for keyframe in track.keyframes:
        if keyframe.frame <= frame:
            before = keyframe
        elif following is None:
            following = keyframe
    if before is None or before.is_outside or (following is None and before.frame < frame):
        return None
    if following is None or before.frame == frame:
        return before.shape
    return tracks.between(before, following, frame)


def _some(points: Sequence[Point]) -> Sequence[Point]:
    """Of very many, one after every so many, and the last."""
    step = -(-len(points) // MOST_POINTS)
    return points if step < 2 else (*points[:-1:step], points[-1])


def _round(ellipse: Ellipse) -> tuple[Point, ...]:
    cos, sin = math.cos(ellipse.angle), math.sin(ellipse.angle)
    turns = (2 * math.pi * step / _CORNERS_OF_ROUND for step in range(_CORNERS_OF_ROUND))
    spots = ((ellipse.radius_x * math.cos(turn), ellipse.radius_y * math.sin(turn)) for turn in turns)
    return tuple((ellipse.center_x + x * cos - y * sin, ellipse.center_y + x * sin + y * cos) for x, y in spots)


def _extent(annotation: Annotation) -> float:
    box = extent_of(annotation)
    return box.width * box.height if box else 0.0


def _middle(box: Box) -> Point:
    return box.left + box.width / 2, box.top + box.height / 2
