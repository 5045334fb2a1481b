"""Annotations as the regions of Label Studio's results: coordinates in percent, turns in degrees.

A rectangle's corner is the one that was the top-left before its turn, where it lies after it: it is turned in pixels,
for a percent of the width is not one of the height.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from exporters.formats.label_studio_config import keypoint_labels
from exporters.item import Item, Placed
from exporters.model import (
    Box,
    Ellipse,
    Mask,
    Media,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    TextSpan,
    TimeSpan,
    Track,
)
from exporters.shapes import brushrle, geometry, tracks
from exporters.shapes.convert import convert

POINT_SIZE = 0.5
"""Of a key point as it is drawn, in percent of the picture's width."""

Region = dict[str, Any]
Size = tuple[int, int]
Change = Callable[[str], None]


def regions(one: Placed, label: str | None, item: Item, change: Change) -> list[Region] | str:
    """The regions of an annotation, the first with the annotation's id, or why there are none.

    Args:
        one: an annotation that is neither a classification nor a relation.
        label: of its class; regions without one have no labels.
        item: its entry.
        change: told what is not written as it came.
    """
    found = _regions(one, label, item, change)
    if isinstance(found, str):
        return found
    annotation = one.annotation
    for index, region in enumerate(found):
        region["id"] = annotation.id if index == 0 else f"{annotation.id}#{index + 1}"
        if index:
            region["parentID"] = annotation.id
    meta = {**found[0].get("meta", {}), **region_meta(one)}
    if meta:
        found[0]["meta"] = meta
    return found


def region_meta(one: Placed) -> dict[str, Any]:
    """What Label Studio has no place of its own for."""
    annotation = one.annotation
    meta: dict[str, Any] = {}
    if annotation.attributes:
        meta["attributes"] = dict(sorted(annotation.attributes.items()))
    if annotation.is_crowd:
        meta["is_crowd"] = True
    if annotation.group_id:
        meta["group"] = annotation.group_id
    return meta


def transcript(region: Region, one: Placed) -> Region | None:
    """What is said in a region of a sound, as the result of the control for that."""
    said = one.annotation.attributes.get("transcript")
    if not isinstance(said, str):
        return None
    value = {key: region["value"][key] for key in ("start", "end", "channel")} | {"text": [said]}
    return {**region, "from_name": "transcript", "type": "textarea", "value": value}


def _regions(one: Placed, label: str | None, item: Item, change: Change) -> list[Region] | str:
    media = item.entry.original
    match one.shape:
        case Track() as track:
            return _track(track, label, item, change)
        case TimeSpan() as span:
            return _time_span(span, label, media)
        case TextSpan(start, end, text):
            value = {"start": start, "end": end, "text": text}
            return [_region("labels", "labels", "text", value, label)]
        case Skeleton() as skeleton:
            return _skeleton(skeleton, one, label, item, change)
        case shape:
            return _on_picture(shape, label, item, change)


def _region(control: str, type_: str, to: str, value: dict[str, Any], label: str | None) -> Region:
    labels = {} if label is None else {type_: [label]}
    return {"from_name": control, "to_name": to, "type": type_, "value": value | labels}


# -- on pictures ------------------------------------------------------------------------------------------------------


def _on_picture(shape: Shape, label: str | None, item: Item, change: Change) -> list[Region]:
    size = item.size or (1, 1)
    if isinstance(shape, Polygon) and any(part.holes for part in shape.parts):
        mask, _ = convert(shape, ("polygon_to_mask",), item.size)
        if isinstance(mask, Mask):
            change("a polygon with holes became a brush mask")
            shape = mask
        else:
            change("its holes are left out: no pixel lies between them and their outline")
    if isinstance(shape, Polygon) and len(shape.parts) > 1:
        change("a polygon of several parts became one region a part")
    return [_picture_region(control, value, label, size) for control, value in _values(shape, size)]


def _picture_region(control: str, value: dict[str, Any], label: str | None, size: Size) -> Region:
    region = _region(control, f"{control}labels", "image", value, label)
    return region | {"original_width": size[0], "original_height": size[1], "image_rotation": 0}


def _values(shape: Shape, size: Size) -> Iterator[tuple[str, dict[str, Any]]]:
    """The control and the value of each region that a shape is."""
    width, height = size
    match shape:
        case Box() | RotatedBox():
            yield "rectangle", rectangle(shape, size)
        case Ellipse(x, y, radius_x, radius_y, angle):
            yield (
                "ellipse",
                {
                    "x": 100 * x / width,
                    "y": 100 * y / height,
                    "radiusX": 100 * radius_x / width,
                    "radiusY": 100 * radius_y / height,
                    "rotation": math.degrees(angle) % 360.0,
                },
            )
        case Polygon(parts):
            for part in parts:
                yield "polygon", {"points": [percent(point, size) for point in part.ring], "closed": True}
        case Polyline(points):
            yield "polygon", {"points": [percent(point, size) for point in points], "closed": False}
        case Mask():
            yield "brush", {"format": "rle", "rle": brushrle.encode(shape)}
        case _:
            raise NotImplementedError(type(shape).__name__)


def percent(point: tuple[float, float], size: Size) -> tuple[float, float]:
    return 100 * point[0] / size[0], 100 * point[1] / size[1]


def rectangle(shape: Box | RotatedBox, size: Size) -> dict[str, Any]:
    """Its corner in percent, turned in pixels, its sides in percent, its turn clockwise about the corner."""
    if isinstance(shape, Box):
        corner, angle = (shape.left, shape.top), 0.0
    else:
        corner, angle = geometry.corners(shape)[0], shape.angle
    x, y = percent(corner, size)
    width, height = percent((shape.width, shape.height), size)
    return {"x": x, "y": y, "width": width, "height": height, "rotation": math.degrees(angle) % 360.0}


def _skeleton(shape: Skeleton, one: Placed, label: str | None, item: Item, change: Change) -> list[Region] | str:
    """A key point for each that is labelled; behind the outline, or else the box around them, where there is more."""
    size = item.size or (1, 1)
    names = keypoint_labels(one.category) if one.category else ()
    found: list[Region] = []
    if shape.outline or names:
        change("a skeleton became its outline or box, and key points in it")
        found = _on_picture(shape.outline or one.box or Box(0.0, 0.0, 0.0, 0.0), label, item, change)
    for index, (point, seen) in enumerate(zip(shape.points, shape.visibility, strict=True)):
        if seen:
            x, y = percent(point, size)
            name = names[index] if len(names) == len(shape.points) else label
            region = _picture_region("keypoint", {"x": x, "y": y, "width": POINT_SIZE}, name, size)
            found.append(region | {"meta": {"keypoint": index + 1, "hidden": seen == 1}})
    if len(found) > 1 and not shape.outline and not names:
        change("its points became one key point each")
    return found or "nothing of it is marked"


# -- in time ----------------------------------------------------------------------------------------------------------


def _time_span(span: TimeSpan, label: str | None, media: Media | None) -> list[Region] | str:
    if not (math.isfinite(span.start) and math.isfinite(span.end) and 0 <= span.start <= span.end):
        return "its times are no stretch of time"
    is_video = media is not None and (media.mime_type or "").startswith("video/")
    if not is_video:
        region = _region("labels", "labels", "audio", {"start": span.start, "end": span.end, "channel": 0}, label)
        return [region | ({"original_length": media.duration} if media and media.duration else {})]
    rate = media.frame_rate if media else None
    if not rate:
        return "the frame rate of its video is not known, and Label Studio counts in frames"
    first = math.floor(span.start * rate) + 1
    last = max(first, math.ceil(span.end * rate))
    region = _region("timeline", "timelinelabels", "video", {"ranges": [{"start": first, "end": last}]}, label)
    return [region | {"meta": {"start_seconds": span.start, "end_seconds": span.end}}]


def _track(track: Track, label: str | None, item: Item, change: Change) -> list[Region] | str:
    if not all(isinstance(keyframe.shape, Box | RotatedBox) for keyframe in track.keyframes):
        return "Label Studio cannot hold a track of other shapes than boxes"
    media = item.entry.original
    count = media.frames_count if media and media.frames_count else None
    sequence = list(_sequence(track, count, item.size or (1, 1), media, change))
    if not sequence:
        return "it is in no frame of its video"
    value: dict[str, Any] = {"framesCount": count or sequence[-1]["frame"], "sequence": sequence}
    if media and media.duration:
        value["duration"] = media.duration
    region = _region("box", "videorectangle", "video", value, None)
    if item.size:
        region |= {"original_width": item.size[0], "original_height": item.size[1]}
    if label is not None:
        region["value"]["labels"] = [label]
    moving = {str(keyframe.frame + 1): keyframe.attributes for keyframe in track.keyframes if keyframe.attributes}
    return [region | ({"meta": {"keyframe_attributes": moving}} if moving else {})]


def _sequence(
    track: Track, count: int | None, size: Size, media: Media | None, change: Change
) -> Iterator[dict[str, Any]]:
    """Key frames, counted from 1; one that is not `enabled` is the last of a stretch in the picture."""
    turning = {start.frame for start, end in pairwise(track.keyframes) if _angle(start.shape) != _angle(end.shape)}
    if turning:
        change("every frame of a turn became a key frame: Label Studio moves the corner along a line")
    rate = media.frame_rate if media else None
    found = list(tracks.frames(track, count, size))
    for frame, following in pairwise([*found, None]):
        if frame is None or not isinstance(frame.shape, Box | RotatedBox):
            continue
        is_last = following is None or following.number != frame.number + 1
        if frame.is_keyframe or is_last or frame.keyframe.frame in turning:
            yield {
                "frame": frame.number + 1,
                "enabled": not is_last,
                **rectangle(frame.shape, size),
                **({"time": frame.number / rate} if rate else {}),
            }


def _angle(shape: Shape) -> float:
    return shape.angle if isinstance(shape, RotatedBox) else 0.0
