"""The objects of a Pascal VOC document."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from exporters.formats.documents import json_bytes
from exporters.formats.labels import xml_text
from exporters.item import Placed
from exporters.model import Annotation, Box

POSES = ("Unspecified", "Left", "Right", "Frontal", "Rear")
FLAGS = ("truncated", "occluded", "difficult")
_FLAG_VALUES = {"0": "0", "1": "1", "false": "0", "true": "1", "no": "0", "yes": "1"}
_NO_ATTRIBUTES = (
    "<pose>Unspecified</pose>\n\t\t<truncated>0</truncated>\n\t\t<occluded>0</occluded>\n\t\t<difficult>0</difficult>"
)
EXACT = 1e-6
"""Pixels: what sums of decimals may be off by, and no reason to take in another pixel."""

PRESENT, DIFFICULT, ABSENT = 1, 0, -1
"""What the list of a class says of a picture."""


def element(one: Placed, name: str, size: tuple[int, int], first: int) -> str:
    """An object whose class is called `name`, on a picture whose first pixel is `first`."""
    box = one.box
    assert box is not None
    left, right = _pixels(box.left, box.left + box.width, size[0])
    top, bottom = _pixels(box.top, box.top + box.height, size[1])
    attributes = _NO_ATTRIBUTES
    if one.annotation.attributes or one.annotation.is_crowd:
        attributes = _attributes(one.annotation)
    return (
        "\t<object>\n"
        f"\t\t<name>{name}</name>\n"
        f"\t\t{attributes}\n"
        "\t\t<bndbox>\n"
        f"\t\t\t<xmin>{left + first}</xmin>\n"
        f"\t\t\t<ymin>{top + first}</ymin>\n"
        f"\t\t\t<xmax>{right - 1 + first}</xmax>\n"
        f"\t\t\t<ymax>{bottom - 1 + first}</ymax>\n"
        "\t\t</bndbox>\n"
        "\t</object>\n"
    )


def is_whole(box: Box) -> bool:
    """Whether its edges lie between pixels, as those of objects here do."""
    return box.left % 1 == 0 and box.top % 1 == 0 and box.width % 1 == 0 and box.height % 1 == 0


def _pixels(start: float, end: float, most: int) -> tuple[int, int]:
    """The whole pixels that a stretch touches, half-open, at least one, none outside the picture."""
    first = min(max(math.floor(start + EXACT), 0), most - 1)
    return first, max(min(math.ceil(end - EXACT), most), first + 1)


def _attributes(annotation: Annotation) -> str:
    """The elements between name and box."""
    own = {"pose": "Unspecified"} | dict.fromkeys(FLAGS, "0")
    others = []
    for name, value in annotation.attributes.items():
        text = _text(value)
        if name in FLAGS and text.lower() in _FLAG_VALUES:
            own[name] = _FLAG_VALUES[text.lower()]
        elif name == "pose" and text.capitalize() in POSES:
            own[name] = text.capitalize()
        else:
            others.append(f"<attribute><name>{xml_text(name)}</name><value>{xml_text(text)}</value></attribute>")
    if annotation.is_crowd:
        own["difficult"] = "1"
    elements = [f"<{name}>{value}</{name}>" for name, value in own.items()]
    if others:
        elements.append(f"<attributes>{''.join(others)}</attributes>")
    return "\n\t\t".join(elements)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json_bytes(value, sorts_keys=True).decode()


def flags_of(objects: Iterable[Placed]) -> dict[int, int]:
    """For the number of each class in a picture whether it is there, or with difficult objects only."""
    flags: dict[int, int] = {}
    for one in objects:
        assert one.category is not None
        attributes = one.annotation.attributes
        text = _text(attributes["difficult"]).lower() if "difficult" in attributes else ""
        is_difficult = one.annotation.is_crowd or _FLAG_VALUES.get(text) == "1"
        if not is_difficult or one.category.number not in flags:
            flags[one.category.number] = DIFFICULT if is_difficult else PRESENT
    return flags
