"""The elements of CVAT XML as annotations.

Turned boxes and ellipses have a `rotation` in degrees, clockwise about the centre. Masks are run lengths along the rows
of a rectangle. `points` are skeletons of visible points; those of a `skeleton` come in the order in which its label
declares them. `group_id` stays a group: CVAT groups objects as well as parts. `occluded` and `z_order` become
attributes where they are not 0, and what the label declares becomes what it is declared as. `is_crowd`, which our own
exporter writes, is no attribute.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

from blocks.layouts.crops import DOES_NOT_FIT, on_picture
from blocks.layouts.cvat_labels import Labels
from blocks.layouts.xml_file import as_record
from blocks.values import finite
from exporters.formats.cvatxml import CROWD
from exporters.model import (
    Annotation,
    Box,
    Classification,
    Ellipse,
    Keyframe,
    Mask,
    Part,
    Point,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    Track,
    Unknown,
)
from exporters.shapes import geometry, masks

Size = tuple[int, int]
MOVING = (Box, RotatedBox, Ellipse, Polygon, Polyline, Mask, Skeleton)


def to_annotation(element: ET.Element, id_: str, labels: Labels, size: Size) -> Annotation:
    """A child of an `image`, which is of this size."""
    label = element.get("label", "")
    attributes = _attributes(element, label, labels)
    return Annotation(
        id=id_,
        shape=Classification() if element.tag == "tag" else to_shape(element, label, labels, size),
        category_id=label or None,
        is_crowd=attributes.pop(CROWD, False) is True,
        group_id=element.get("group_id") or None,
        attributes=attributes,
        raw=as_record(element),
    )


def to_track(element: ET.Element, id_: str, labels: Labels, size: Size) -> Annotation:
    """A `track`: shapes that are no key frames follow from those that are."""
    label = element.get("label", "")
    keyframes: list[Keyframe] = []
    fixed: dict[str, Any] = {}
    shape: Shape | None = None if element.tag == "track" else Unknown(element.tag)
    for one in element if shape is None else ():
        if one.get("keyframe", "1") == "0":
            continue
        is_outside = one.get("outside") == "1"
        found = to_shape(one, label, labels, size, is_outside=is_outside)
        frame = _frame(one)
        if not isinstance(found, MOVING) or frame is None:
            shape = found if isinstance(found, Unknown) else Unknown("track with a frame that is no number")
            break
        attributes = _attributes(one, label, labels)
        moving = {name: attributes[name] for name in attributes if _moves(name, label, labels)}
        fixed |= {name: attributes[name] for name in attributes.keys() - moving.keys()}
        keyframes.append(Keyframe(frame, found, is_outside, moving))
    keyframes.sort(key=lambda one: one.frame)
    if shape is None:
        shape = Track(tuple(keyframes)) if keyframes else Unknown("track without a key frame")
    return Annotation(
        id=id_,
        shape=shape,
        category_id=label or None,
        is_crowd=fixed.pop(CROWD, False) is True,
        group_id=element.get("group_id") or None,
        attributes=dict(sorted(fixed.items())),
        raw=as_record(element),
    )


def to_shape(element: ET.Element, label: str, labels: Labels, size: Size, *, is_outside: bool = False) -> Shape:
    """What an element marks. Points of what `is_outside` are outside too, which says nothing of them."""
    try:
        match element.tag:
            case "box":
                return _box(element)
            case "ellipse":
                x, y, radius_x, radius_y = _numbers(element, "cx", "cy", "rx", "ry")
                return Ellipse(x, y, radius_x, radius_y, _turn(element))
            case "polygon":
                return Polygon((Part(_points(element)),))
            case "polyline":
                return Polyline(_points(element))
            case "points":
                points = _points(element)
                return Skeleton(points, (2,) * len(points))
            case "mask":
                return _mask(element, size)
            case "skeleton":
                return _skeleton(element, labels.keypoints.get(label, ()), is_outside=is_outside)
    except (ValueError, ArithmeticError):
        return Unknown(f"{element.tag} that cannot be read")
    return Unknown(element.tag)


def _box(element: ET.Element) -> Box | RotatedBox:
    left, top, right, bottom = _numbers(element, "xtl", "ytl", "xbr", "ybr")
    angle = _turn(element)
    if not angle:
        return geometry.ltrb_to_ltwh(left, top, right, bottom)
    return RotatedBox((left + right) / 2, (top + bottom) / 2, right - left, bottom - top, angle)


def _skeleton(element: ET.Element, names: Sequence[str], *, is_outside: bool) -> Skeleton | Unknown:
    found: dict[str, tuple[Point, int]] = {}
    for one in element.findall("points"):
        (point,) = _points(one)
        visibility = 1 if one.get("occluded") == "1" else 2
        is_missing = one.get("outside") == "1" and not is_outside
        found[one.get("label", "")] = point, 0 if is_missing else visibility
    if not found or found.keys() - set(names):
        return Unknown("skeleton with points that its label does not declare")
    placed = [found.get(name, ((0.0, 0.0), 0)) for name in names]
    return Skeleton(tuple(point for point, _ in placed), tuple(seen for _, seen in placed))


def _mask(element: ET.Element, size: Size) -> Mask | Unknown:
    left, top, width, height = (int(value) for value in _numbers(element, "left", "top", "width", "height"))
    counts = tuple(int(run) for run in element.get("rle", "").split(","))
    along_rows = Mask(height, width, counts)  # down the columns of the transposed rectangle
    if not (0 < width <= size[0] and 0 < height <= size[1] and masks.is_sound(along_rows)):
        return DOES_NOT_FIT
    return on_picture(masks.to_pixels(along_rows).T, left, top, size)


def _numbers(element: ET.Element, *names: str) -> list[float]:
    return [finite(element.get(name) or "") for name in names]


def _turn(element: ET.Element) -> float:
    return math.radians(finite(element.get("rotation") or 0))


def _points(element: ET.Element) -> tuple[Point, ...]:
    points = [tuple(map(finite, pair.split(","))) for pair in element.get("points", "").split(";")]
    return tuple((x, y) for x, y in points)


def _frame(element: ET.Element) -> int | None:
    text = element.get("frame", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


# -- attributes -------------------------------------------------------------------------------------------------------


def _attributes(element: ET.Element, label: str, labels: Labels) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if element.get("occluded") == "1":
        found["occluded"] = True
    order = element.get("z_order") or "0"
    if order.removeprefix("-").isdecimal() and len(order) < 10 and int(order):
        found["z_order"] = int(order)
    for one in element.findall("attribute"):
        name = one.get("name", "")
        found[name] = labels.value(label, name, one.text or "")
    return found


def _moves(name: str, label: str, labels: Labels) -> bool:
    return name in ("occluded", "z_order") or labels.is_mutable(label, name)
