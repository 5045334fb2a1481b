r"""`cvat`: CVAT for images 1.1 (https://docs.cvat.ai/docs/manual/advanced/xml_format/), one XML file.

    annotations.xml
    images/[<split>/]...         the `name` of an image is relative to this folder

With splits it is CVAT's form for a project: each image has its split as `subset`. Image ids are the places of entries
in the export, from 0, with gaps where entries were left out.

Coordinates are absolute pixels from 0, written in full; what reaches over the border of its picture stays as it was
drawn (option out_of_picture). Rotated boxes and ellipses have their `rotation` in degrees, clockwise about the centre.
A polygon of several parts becomes a polygon each, tied by one `group_id`; one with holes becomes a mask, run lengths
along the rows of the rectangle around it. Skeletons are elements of a label with points; their outline, for which
CVAT's have no place, is left out and counted. A skeleton that does not have the points of its class becomes plain
points; other shapes of a class with keypoints have its label. Points of a class without any are plain points, as CVAT
has them. Classifications of the picture are tags.

Not held: how an annotation came about, `source` is `manual` for all, and which tool a label is for: its `type` is
`skeleton` for a class with keypoints, `any` for all others.

All attributes are declared with their label in `meta`: as a checkbox if every value is true or false, as text
otherwise, values that are no text as JSON. `occluded` and `z_order` are CVAT's own; a crowd has the attribute
`is_crowd`. Characters that XML cannot hold are written as `\uXXXX`. There is no `dumped`: no clock is delivered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exporters.assembly import Assembly, Segment
from exporters.base import Exporter
from exporters.formats.borders import KeepingOptions
from exporters.formats.cvatxml import (
    HEAD,
    TAIL,
    Attribute,
    Element,
    attribute_elements,
    element,
    label_elements,
    lost_in_points,
    other_attributes,
    own_attributes,
    points,
)
from exporters.formats.labels import class_labels, labels_of, one_line, xml_attribute, xml_text
from exporters.holds import Holds
from exporters.item import Item, Placed
from exporters.model import Box, Classification, Ellipse, Mask, Polygon, Polyline, RotatedBox, Skeleton
from exporters.naming import safe_component
from exporters.options import ImageOptions
from exporters.shapes.convert import convert
from exporters.shard import Shard

IMAGES = "images:"
ATTRIBUTE = "attribute:"
"""Of empty parts: `assemble` learns from their names which attributes there are."""


class CvatExporter(Exporter[ImageOptions]):
    name = "cvat"
    description = "CVAT for images 1.1: all shapes on pictures, tags and attributes in one XML file."
    version = 2
    is_entrywise = True
    holds = Holds(
        modalities=frozenset({"image"}),
        shapes=frozenset(
            {"box", "rotated_box", "ellipse", "polygon", "polyline", "mask", "skeleton", "classification"}
        ),
        needs_category=True,
        needs_size=True,
    )
    options = KeepingOptions

    def convert(self, item: Item, shard: Shard[ImageOptions]) -> None:
        labels = labels_of(shard)
        groups = _groups(item.annotations)
        lines: list[str] = []
        for one in item.annotations:
            label = xml_attribute(labels[one.category.id]) if one.category else '""'
            group = groups.get(one.annotation.group_id or "")
            lines += _lines(one, item, shard, label, group)
            _declare(one, shard)
        split = item.entry.split
        width, height = item.size or (0, 0)
        subset = f" subset={xml_attribute(safe_component(split))}" if split else ""
        named = f"name={xml_attribute(item.file_name)}{subset}"
        head = f'<image id="{item.ordinal}" {named} width="{width}" height="{height}">'
        shard.append(IMAGES + (split or ""), "\n".join([head, *lines, "</image>\n"]).encode())
        shard.keep(item.annotations)

    def assemble(self, package: Assembly[ImageOptions]) -> None:
        package.file("annotations.xml", _document(package))


def _groups(annotations: Sequence[Placed]) -> dict[str, int]:
    """CVAT's group ids are numbers: that of a group's first annotation, which no other group has."""
    groups: dict[str, int] = {}
    for one in annotations:
        if one.annotation.group_id:
            groups.setdefault(one.annotation.group_id, one.number)
    return groups


def _lines(one: Placed, item: Item, shard: Shard[ImageOptions], label: str, group: int | None) -> Iterator[str]:
    """The elements of an annotation, a line each."""
    annotation, attributes = one.annotation, one.annotation.attributes
    others = attribute_elements(other_attributes(attributes, is_crowd=annotation.is_crowd))
    head, own = f'label={label} source="manual"', own_attributes(attributes)
    shape = one.shape
    if isinstance(shape, Classification):
        yield f"<tag {head}>{others}</tag>"
        return
    if isinstance(shape, Skeleton):
        if shape.outline is not None:
            shard.change("the outline of its skeleton is left out: CVAT's have none")
        tie = f' group_id="{group}"' if group is not None else ""
        if one.category and len(one.category.keypoints) == len(shape.points):
            yield f"<skeleton {head} {own}{tie}>{_skeleton_points(shape, one.category.keypoints)}{others}</skeleton>"
            return
        if lost := lost_in_points(shape, one.category.keypoints if one.category else ()):
            shard.change(lost)
        seen = [point for point, visibility in zip(shape.points, shape.visibility, strict=True) if visibility]
        yield f'<points {head} {own} points="{points(seen)}"{tie}>{others}</points>'
        return
    elements = _elements(one, item, shard)
    if len(elements) > 1 and group is None:
        group = one.number
    tie = f' group_id="{group}"' if group is not None else ""
    for tag, geometry in elements:
        yield f"<{tag} {head} {own} {geometry}{tie}>{others}</{tag}>"


def _elements(one: Placed, item: Item, shard: Shard[ImageOptions]) -> list[Element]:
    """The elements of a shape that are alike but for their geometry."""
    shape = one.shape
    if isinstance(shape, Polygon):
        if any(part.holes for part in shape.parts):
            painted, _ = convert(shape, ("polygon_to_mask",), item.size)
            if isinstance(painted, Mask):
                shard.change("a polygon with holes became a mask")
                return [element(painted)]
            shard.change("its holes are left out: no pixel lies between them and their outline")
        if len(shape.parts) > 1:
            shard.change("a polygon of several parts became one polygon a part, tied by a group")
        return [("polygon", f'points="{points(part.ring)}"') for part in shape.parts]
    if isinstance(shape, (Box, RotatedBox, Ellipse, Polyline, Mask)):
        return [element(shape)]
    raise NotImplementedError(type(shape).__name__)


def _skeleton_points(shape: Skeleton, names: Sequence[str]) -> str:
    return "".join(
        f'<points label={xml_attribute(one_line(name))} source="manual" outside="{int(not seen)}" '
        f'occluded="{int(seen == 1)}" points="{points([point])}"></points>'
        for name, point, seen in zip(names, shape.points, shape.visibility, strict=True)
    )


def _declare(one: Placed, shard: Shard[ImageOptions]) -> None:
    if one.category and (one.annotation.attributes or one.annotation.is_crowd):
        for name, value in other_attributes(one.annotation.attributes, is_crowd=one.annotation.is_crowd):
            shard.append(f"{ATTRIBUTE}{one.category.number}:{int(isinstance(value, bool))}:{name}", b"")


def _declared(names: Sequence[str]) -> dict[int, list[Attribute]]:
    """The attributes by their class's number, from the names of parts."""
    found: dict[int, list[Attribute]] = {}
    for part in names:
        if part.startswith(ATTRIBUTE):
            number, is_flag, name = part.removeprefix(ATTRIBUTE).split(":", 2)
            found.setdefault(int(number), []).append(Attribute(name, is_flag == "1"))
    return found


def _document(package: Assembly[ImageOptions]) -> Iterator[Segment]:
    names, classes = package.names(), package.classes.classes
    in_splits = [name.removeprefix(IMAGES) for name in names if name.startswith(IMAGES)]
    labels = label_elements(classes, class_labels(classes), _declared(names))
    named = f"<name>{xml_text(package.name)}</name>\n"
    subsets = [xml_text(safe_component(split)) for split in in_splits if split]
    if subsets:
        tasks = "".join(
            f"<task><name>{subset}</name><mode>annotation</mode><subset>{subset}</subset></task>\n"
            for subset in subsets
        )
        lines = "\n".join(subsets)
        meta = f"<project>\n{named}{labels}<subsets>{lines}</subsets>\n<tasks>\n{tasks}</tasks>\n</project>"
    else:
        meta = f"<task>\n{named}<mode>annotation</mode>\n{labels}</task>"
    yield HEAD + f"<meta>\n{meta}\n</meta>\n".encode()
    for split in in_splits:
        yield from package.pieces(IMAGES + split)
    yield TAIL
