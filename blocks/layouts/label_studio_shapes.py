"""The values of Label Studio's regions as shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from blocks.layouts.brush import decode
from blocks.values import finite, mapping, text
from exporters.model import (
    Box,
    Ellipse,
    Keyframe,
    Part,
    Point,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    TextSpan,
    TimeSpan,
    Track,
    Unknown,
)

Size = tuple[int, int]
_DIGITS = 9
"""Of pixels; percent of a picture's width is rarely a whole number of anything."""


def to_shape(record: Mapping[str, Any], frame_rate: float | None) -> list[Shape]:
    """The shapes of a region: one, but for stretches of time, of which it may have several.

    Raises:
        KeyError, TypeError, ValueError, ArithmeticError: it is none.
    """
    kind = str(record.get("type"))
    value = mapping(record.get("value"))
    meta = mapping(record.get("meta"))
    match kind.removesuffix("labels") or kind:
        case "timeline":
            return _stretches(value, meta, frame_rate)
        case "videorectangle":
            if "original_width" not in record:
                return [Unknown("videorectangle of a video of unknown size")]  # a percent of what?
            return [_track(value, _size(record), mapping(meta.get("keyframe_attributes")))]
        case "labels" | "paragraphs" | "hypertext" if isinstance(value.get("start"), int) and "text" in value:
            return [TextSpan(value["start"], int(value["end"]), text(value["text"]) or "")]
        case "labels" | "audio" | "timeseries":
            return [TimeSpan(finite(value["start"]), finite(value["end"]))]
        case "rectangle" | "ellipse" | "polygon" | "keypoint" | "brush" as name:
            if record.get("image_rotation"):
                return [Unknown(f"{name} on a picture that was turned in Label Studio")]
            return [_on_picture(name, value, _size(record))]
    return [Unknown(kind)]


def _size(record: Mapping[str, Any]) -> Size:
    width, height = int(record["original_width"]), int(record["original_height"])
    if not (0 < width < 1 << 31 and 0 < height < 1 << 31):
        raise ValueError(width, height)
    return width, height


# -- on pictures ------------------------------------------------------------------------------------------------------


def _on_picture(name: str, value: Mapping[str, Any], size: Size) -> Shape:
    match name:
        case "rectangle":
            return _rectangle(value, size)
        case "ellipse":
            center = _point((value["x"], value["y"]), size)
            radii = _point((value["radiusX"], value["radiusY"]), size)
            return Ellipse(*center, *radii, math.radians(finite(value.get("rotation") or 0)))
        case "polygon":
            points = tuple(_point(pair, size) for pair in value["points"])
            return Polyline(points) if value.get("closed") is False else Polygon((Part(points),))
        case "keypoint":
            return Skeleton((_point((value["x"], value["y"]), size),), (2,))
        case _:
            return decode(value["rle"], size) if "rle" in value else Unknown("brush without run lengths")


def _point(percent: Sequence[Any], size: Size) -> Point:
    x, y = percent
    return round(finite(x) * size[0] / 100, _DIGITS), round(finite(y) * size[1] / 100, _DIGITS)


def _rectangle(value: Mapping[str, Any], size: Size) -> Box | RotatedBox:
    left, top = _point((value["x"], value["y"]), size)
    width, height = _point((value["width"], value["height"]), size)
    angle = math.radians(finite(value.get("rotation") or 0))
    if not angle:
        return Box(left, top, width, height)
    cos, sin = math.cos(angle), math.sin(angle)
    x, y = left + (width * cos - height * sin) / 2, top + (width * sin + height * cos) / 2
    return RotatedBox(round(x, _DIGITS), round(y, _DIGITS), width, height, angle)


# -- in time ----------------------------------------------------------------------------------------------------------


def _stretches(value: Mapping[str, Any], meta: Mapping[str, Any], frame_rate: float | None) -> list[Shape]:
    """Ranges of frames, counted from 1, both ends included; our own exporter says what they were in seconds."""
    if "start_seconds" in meta:
        return [TimeSpan(finite(meta["start_seconds"]), finite(meta["end_seconds"]))]
    if not frame_rate:
        return [Unknown("stretch of frames of a video whose frame rate is not known")] * len(value["ranges"])
    return [
        TimeSpan((finite(one["start"]) - 1) / frame_rate, finite(one["end"]) / frame_rate) for one in value["ranges"]
    ]


def _track(value: Mapping[str, Any], size: Size, attributes: Mapping[str, Any]) -> Shape:
    """Key frames; one that is not `enabled` is the last of a stretch in the picture."""
    found: list[Keyframe] = []
    frames = sorted(value["sequence"], key=lambda one: finite(one["frame"]))
    for place, one in enumerate(frames):
        frame = int(one["frame"]) - 1
        keyframe = Keyframe(frame, _rectangle(one, size), attributes=mapping(attributes.get(str(frame + 1))))
        found.append(keyframe)
        is_gap = place + 1 < len(frames) and int(frames[place + 1]["frame"]) - 1 > frame + 1
        if one.get("enabled") is False and is_gap:
            found.append(Keyframe(frame + 1, keyframe.shape, is_outside=True))
    count = value.get("framesCount")
    if found and frames[-1].get("enabled") is not False and isinstance(count, int) and count - 1 > found[-1].frame:
        found.append(Keyframe(count - 1, found[-1].shape))  # it stays to the end of the video
    return Track(tuple(found)) if found else Unknown("videorectangle without a key frame")
