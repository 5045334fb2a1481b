"""Pieces of CVAT's XML 1.1 that pictures and videos share: shapes as elements, labels as declarations.

Coordinates are absolute pixels from 0, in full. A mask is the rectangle around its painted pixels, as run lengths
along the *rows* of that rectangle, the first run counting zeros.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from exporters.classes import ExportClass
from exporters.formats.documents import json_bytes
from exporters.formats.labels import one_line, xml_attribute, xml_text
from exporters.model import Box, Ellipse, Mask, Point, Polyline, RotatedBox, Skeleton
from exporters.shapes import masks

HEAD = b'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'
TAIL = b"</annotations>\n"

OWN = {"occluded": bool, "z_order": int}
"""Attributes for which CVAT has a place of its own, when they have this type."""
CROWD = "is_crowd"
VISIBLE = 2

_COLOR = re.compile(r"#[0-9a-fA-F]{6}")

Element = tuple[str, str]
"""The tag of a shape, and its geometry as XML attributes."""


class Attribute(NamedTuple):
    """An attribute that annotations of a class have."""

    name: str
    is_flag: bool
    is_mutable: bool = False


def points(values: Iterable[Point]) -> str:
    return ";".join([f"{x},{y}" for x, y in values])


def element(shape: Box | RotatedBox | Ellipse | Polyline | Mask) -> Element:
    """The element of a shape that is one in CVAT too; a mask has a painted pixel."""
    match shape:
        case Box(left, top, width, height):
            return "box", f'xtl="{left}" ytl="{top}" xbr="{left + width}" ybr="{top + height}"'
        case RotatedBox(x, y, width, height, angle):
            edges = f'xtl="{x - width / 2}" ytl="{y - height / 2}" xbr="{x + width / 2}" ybr="{y + height / 2}"'
            return "box", f'{edges} rotation="{degrees(angle)}"'
        case Ellipse(x, y, radius_x, radius_y, angle):
            turn = f' rotation="{degrees(angle)}"' if angle else ""
            return "ellipse", f'cx="{x}" cy="{y}" rx="{radius_x}" ry="{radius_y}"{turn}'
        case Polyline(line):
            return "polyline", f'points="{points(line)}"'
        case Mask():
            return "mask", _cropped(shape)


def lost_in_points(shape: Skeleton, keypoints: Sequence[str]) -> str | None:
    """What a skeleton loses as plain points, in a class of these keypoints; None when it was no more than points."""
    if keypoints:
        return "its skeleton became plain points: it does not have those of its class"
    if any(seen != VISIBLE for seen in shape.visibility):
        return "which of its points are hidden or not labelled is not held"
    return None


def degrees(angle: float) -> float:
    """Radians as degrees from 0 up to 360."""
    turned = math.degrees(angle) % 360.0
    return 0.0 if turned == 360.0 else turned  # what is left of a tiny negative angle is rounded up


def _cropped(mask: Mask) -> str:
    box = masks.bounds(mask)
    if box is None:
        raise ValueError("a mask without a painted pixel has no rectangle")
    left, top, width, height = (int(value) for value in (box.left, box.top, box.width, box.height))
    crop = masks.to_pixels(mask)[top : top + height, left : left + width]
    along_rows = masks.from_pixels(crop.T).counts  # down the columns of the transposed rectangle
    runs = ", ".join(map(str, along_rows))
    return f'rle="{runs}" left="{left}" top="{top}" width="{width}" height="{height}"'


def own_attributes(attributes: Mapping[str, Any]) -> str:
    """`occluded` and `z_order`, which every shape has."""
    occluded, z_order = attributes.get("occluded"), attributes.get("z_order")
    return f'occluded="{int(occluded is True)}" z_order="{z_order if type(z_order) is int else 0}"'


def other_attributes(attributes: Mapping[str, Any], *, is_crowd: bool = False) -> list[tuple[str, Any]]:
    """Those that are written as elements, by name."""
    found = [(name, value) for name, value in sorted(attributes.items()) if type(value) is not OWN.get(name)]
    return [*found, (CROWD, True)] if is_crowd and CROWD not in attributes else found


def attribute_elements(values: Iterable[tuple[str, Any]]) -> str:
    return "".join(
        f"<attribute name={xml_attribute(name)}>{xml_text(_as_text(value))}</attribute>" for name, value in values
    )


def _as_text(value: Any) -> str:
    """Texts as they are, everything else as JSON; nothing for null."""
    if isinstance(value, str):
        return value
    return "" if value is None else json_bytes(value).decode()


# -- labels -----------------------------------------------------------------------------------------------------------


def label_elements(
    classes: Sequence[ExportClass], labels: Mapping[str, str], attributes: Mapping[int, Iterable[Attribute]]
) -> str:
    """`<labels>`: every class, those with keypoints as skeletons, with the attributes known by its number."""
    rows = chain.from_iterable(_label(one, labels[one.id], attributes.get(one.number, ())) for one in classes)
    return f"<labels>\n{''.join(rows)}</labels>\n"


def _label(one: ExportClass, label: str, attributes: Iterable[Attribute]) -> Iterator[str]:
    color = f"<color>{one.color}</color>" if one.color and _COLOR.fullmatch(one.color) else ""
    declared = "".join(map(_declaration, _merged(attributes)))
    kind = "skeleton" if one.keypoints else "any"
    drawing = f"<svg>{xml_text(_svg(one))}</svg>" if one.keypoints else ""
    yield (
        f"<label><name>{xml_text(label)}</name>{color}<type>{kind}</type>"
        f"<attributes>{declared}</attributes>{drawing}</label>\n"
    )
    for name in map(one_line, one.keypoints):
        yield (
            f"<label><name>{xml_text(name)}</name><type>points</type><attributes></attributes>"
            f"<parent>{xml_text(label)}</parent></label>\n"
        )


def _merged(attributes: Iterable[Attribute]) -> list[Attribute]:
    """Each name once: a flag only if it is always one, mutable if it ever is."""
    found: dict[str, Attribute] = {}
    for one in sorted(attributes):
        known = found.get(one.name, one)
        found[one.name] = Attribute(one.name, one.is_flag and known.is_flag, one.is_mutable or known.is_mutable)
    return list(found.values())


def _declaration(one: Attribute) -> str:
    kind, default = ("checkbox", "false") if one.is_flag else ("text", "")
    return (
        f"<attribute><name>{xml_text(one.name)}</name><mutable>{one.is_mutable}</mutable>"
        f"<input_type>{kind}</input_type><default_value>{default}</default_value><values>{default}</values></attribute>"
    )


def _svg(one: ExportClass) -> str:
    """The picture of a skeleton that CVAT asks for: its points on a circle, in a square of 100 x 100."""
    count = len(one.keypoints)
    places = [
        (round(50 + 40 * math.sin(turn), 2), round(50 - 40 * math.cos(turn), 2))
        for turn in (2 * math.pi * index / count for index in range(count))
    ]
    edges = (
        f'<line x1="{places[start][0]}" y1="{places[start][1]}" x2="{places[end][0]}" y2="{places[end][1]}" '
        f'data-type="edge" data-node-from="{start + 1}" data-node-to="{end + 1}"></line>'
        for start, end in one.skeleton
        if max(start, end) < count
    )
    nodes = (
        f'<circle r="0.75" cx="{x}" cy="{y}" data-type="element node" data-element-id="{index}" '
        f'data-node-id="{index}" data-label-name={xml_attribute(one_line(name))}></circle>'
        for index, (name, (x, y)) in enumerate(zip(one.keypoints, places, strict=True), 1)
    )
    return "".join((*edges, *nodes))
