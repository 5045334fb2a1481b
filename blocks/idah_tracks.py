"""IDAH's video shapes as tracks: key frames in any order, seen from the frame `start` to the frame `end`.

Between key frames the platform moves boxes in a straight line, angles too, and morphs polygons, as
`exporters.shapes.tracks` does. Where `start` or `end` cuts a way between two key frames, the shape there becomes a key
frame. One object may be cut into several tracks, which then share their `group_id`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from blocks.idah_points import Size, is_upright, to_box, to_points, to_rotated_box
from blocks.values import finite
from exporters.model import Box, Keyframe, Part, Polygon, RotatedBox, Track
from exporters.shapes import tracks

VIDEO_BOX = "idah-video:bounding-box"
VIDEO_POLYGON = "idah-video:polygon"


def to_track(dimensions: Mapping[str, Any], size: Size) -> Track:
    """A track in pixels on pictures of this width and height.

    Raises:
        ValueError, TypeError, LookupError: its frames cannot be read, or it is in no frame at all.
    """
    frames: dict[int, Mapping[str, Any]] = {}
    for frame in dimensions["frames"]:
        frames.setdefault(_number(frame["frame"]), frame)
    shapes = _boxes if dimensions["type"] == VIDEO_BOX else _polygons
    numbers = sorted(frames)
    placed = shapes([frames[number] for number in numbers], size)
    keyframes = [Keyframe(number, shape) for number, shape in zip(numbers, placed, strict=True)]
    start, end = _number(dimensions.get("start", numbers[0])), _number(dimensions.get("end", numbers[-1]))
    return Track(tuple(_cut(keyframes, start, end, size)))


def _boxes(frames: Sequence[Mapping[str, Any]], size: Size) -> Sequence[Box | RotatedBox]:
    """All of one kind: a box that turns once around on its way is no upright box, though it begins and ends as one."""
    corners = [to_points(frame["points"], size) for frame in frames]
    angles = [finite(frame.get("angle") or 0.0) for frame in frames]
    if is_upright(angles[0]) and len(set(angles)) == 1:
        return [to_box(points) for points in corners]
    return [to_rotated_box(points, angle) for points, angle in zip(corners, angles, strict=True)]


def _polygons(frames: Sequence[Mapping[str, Any]], size: Size) -> Sequence[Polygon]:
    rings = [to_points(frame["points"], size) for frame in frames]
    if any(len(ring) < 3 for ring in rings):
        raise ValueError("a polygon has three points or more")
    return [Polygon((Part(ring),)) for ring in rings]


def _cut(keyframes: Sequence[Keyframe], start: int, end: int, size: Size) -> list[Keyframe]:
    """The key frames from `start` to `end`, both included."""
    inside = [one for one in keyframes if start <= one.frame <= end]
    before = next((one for one in reversed(keyframes) if one.frame < start), None)
    after = next((one for one in keyframes if one.frame > end), None)
    first = inside[0] if inside else after
    last = inside[-1] if inside else before
    cut = list(inside)
    if before and first and first.frame > start:
        cut.insert(0, Keyframe(start, tracks.between(before, first, start, size)))
    if after and last and last.frame < end:
        cut.append(Keyframe(end, tracks.between(last, after, end, size)))
    if not cut or start > end:
        raise ValueError("it is in no frame")
    return cut if start < end else cut[:1]


def _number(value: Any) -> int:
    number = int(value)
    if number != value or number < 0:
        raise ValueError(value)
    return number
