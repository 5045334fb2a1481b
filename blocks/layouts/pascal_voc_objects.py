"""An `object` of Pascal VOC: its flags, pose and attributes, its box, and its outline where it has one."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

from blocks.layouts.xml_file import as_record, text_at
from blocks.values import finite
from exporters.model import Annotation, Box, Mask, Part, Polygon, Shape, Unknown
from exporters.shapes import geometry

_FLAGS = ("difficult", "truncated", "occluded")


def to_annotation(record: ET.Element, id_: str, mask: Mask | None) -> Annotation:
    """`mask` is what is painted of it beside the XML."""
    flags = (flag for flag in _FLAGS if record.find(flag) is not None)
    attributes: dict[str, Any] = {flag: text_at(record, flag) in ("1", "true", "True") for flag in flags}
    if text_at(record, "pose") not in ("", "Unspecified"):
        attributes["pose"] = text_at(record, "pose")
    for one in record.findall("attributes/attribute"):
        attributes.setdefault(text_at(one, "name"), text_at(one, "value"))
    box = _box(record)
    outline = mask or _polygon(record)
    return Annotation(
        id=id_,
        shape=outline or box or Unknown("object without a whole bndbox"),
        box=box if outline else None,
        category_id=text_at(record, "name") or None,
        attributes=attributes,
        raw=as_record(record),
    )


def _box(record: ET.Element) -> Box | None:
    try:
        left, top, right, bottom = (
            finite(text_at(record, f"bndbox/{name}")) for name in ("xmin", "ymin", "xmax", "ymax")
        )
    except ValueError:
        return None
    return geometry.ltrb_to_ltwh(left - 1, top - 1, right, bottom)


def _polygon(record: ET.Element) -> Shape | None:
    """The outline in `x1`, `y1`, `x2`, ... of a `polygon`."""
    found = record.find("polygon")
    if found is None:
        return None
    try:
        points = [
            (finite(text_at(found, f"x{number}")), finite(text_at(found, f"y{number}")))
            for number in range(1, len(found) // 2 + 1)
        ]
    except ValueError:
        return Unknown("polygon that cannot be read")
    return Polygon((Part(tuple(points)),)) if len(points) >= 3 else Unknown("polygon that cannot be read")
