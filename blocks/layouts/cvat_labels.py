"""The labels that CVAT XML declares in its `meta`, of a task, a job or a project."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import orjson

from blocks.layouts.xml_file import text_at
from exporters.foreign_json import UNREADABLE
from exporters.model import Category

_EDGE = re.compile(r'data-node-from="(\d{1,6})"[^>]*data-node-to="(\d{1,6})"')
_NODE = re.compile(r'data-node-id="(\d{1,6})"')


class Attribute(NamedTuple):
    kind: str
    is_mutable: bool


@dataclass(frozen=True)
class Labels:
    categories: Sequence[Category]
    attributes: Mapping[tuple[str, str], Attribute]
    """By the names of label and attribute."""
    keypoints: Mapping[str, Sequence[str]]
    """The points of each label that is a skeleton."""

    def value(self, label: str, name: str, text: str) -> Any:
        """An attribute's value: a flag of a checkbox, a number of an input for numbers, a text of all others."""
        declared = self.attributes.get((label, name))
        match declared.kind if declared else "":
            case "checkbox" if text.lower() in ("true", "false"):
                return text.lower() == "true"
            case "number":
                return _number(text)
        return text

    def is_mutable(self, label: str, name: str) -> bool:
        declared = self.attributes.get((label, name))
        return declared is not None and declared.is_mutable


def read_labels(meta: ET.Element) -> Labels:
    elements = meta.findall("*/labels/label")
    points: dict[str, list[str]] = {}
    for one in elements:
        if parent := text_at(one, "parent"):
            points.setdefault(parent, []).append(text_at(one, "name"))
    attributes = {
        (text_at(one, "name"), text_at(each, "name")): Attribute(
            text_at(each, "input_type"), text_at(each, "mutable").lower() == "true"
        )
        for one in elements
        for each in one.findall("attributes/attribute")
    }
    categories = [
        Category(
            id=name,
            name=name,
            color=text_at(one, "color") or None,
            keypoints=tuple(points.get(name, ())),
            skeleton=_edges(text_at(one, "svg"), len(points.get(name, ()))),
        )
        for one in elements
        if not text_at(one, "parent")
        for name in [text_at(one, "name")]
    ]
    return Labels(categories, attributes, points)


def _edges(svg: str, count: int) -> tuple[tuple[int, int], ...]:
    """The edges of a skeleton, by the places of the nodes in its drawing, which are those of its points."""
    nodes = {number: place for place, number in enumerate(dict.fromkeys(_NODE.findall(svg)))}
    found = [(nodes.get(start, count), nodes.get(end, count)) for start, end in _EDGE.findall(svg)]
    return tuple((start, end) for start, end in found if max(start, end) < count)


def _number(text: str) -> Any:
    try:
        value = orjson.loads(text)
    except UNREADABLE:
        return text
    return value if isinstance(value, int | float) and not isinstance(value, bool) else text
