"""`datumaro`: Datumaro's own JSON, version 1.0 (https://github.com/open-edge-platform/datumaro).

    annotations/<split>.json      annotations/default.json without splits
    images/<split>/name.jpg       the path of a picture is relative to its split's folder

A label's id is its place in the list of labels, from 0, so classes count from there. Boxes are left, top, width, height
in pixels, sizes of pictures [height, width]; Datumaro itself rounds coordinates to two decimals when it reads them.
What reaches over the border of its picture stays as it was drawn (option out_of_picture). An item's id is the name of
its picture without extension. `z_order` is the order of the annotations.

    several parts      an annotation each, all with the annotation's id, tied by their group
    holes              the polygon as a mask, which may have some
    skeleton           points, and its outline in the same group
    turned boxes       the box or ellipse before its turn, and the turn as the attribute `rotation`: degrees clockwise
    and ellipses       on the screen, from 0 to 360, about the centre, as CVAT writes them
    crowds             the attribute `is_crowd`
    group              a number for each group of the source, counted in each item from 1
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from exporters import splits
from exporters.assembly import Assembly, Segment, joined
from exporters.base import Exporter
from exporters.classes import ClassMap, ExportClass
from exporters.errors import quoted
from exporters.formats.borders import KeepingOptions
from exporters.formats.documents import json_bytes
from exporters.holds import Holds
from exporters.item import Item, Placed
from exporters.model import (
    Box,
    Classification,
    Ellipse,
    Mask,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    shape_name,
)
from exporters.naming import safe_component
from exporters.options import ImageOptions
from exporters.shapes import masks
from exporters.shapes.cocorle import compress
from exporters.shard import Shard

SEPARATOR = b",\n"
DEFAULT = "default"
"""The subset of what has no split."""

Size = tuple[int, int]
Row = dict[str, Any]


class DatumaroExporter(Exporter[ImageOptions]):
    name = "datumaro"
    description = "Datumaro JSON: boxes, outlines, lines, masks, points and classes, with groups and attributes."
    version = 2
    holds = Holds(
        modalities=frozenset({"image"}),
        shapes=frozenset(
            {"box", "rotated_box", "ellipse", "polygon", "polyline", "mask", "skeleton", "classification"}
        ),
        uses_numbers=True,
        class_numbers="from_0",
        pairs_by_stem=True,
    )
    options = KeepingOptions

    def media_path(self, item: Item, shard: Shard[ImageOptions]) -> str:  # noqa: ARG002
        return f"images/{_subset(safe_component(item.entry.split) if item.entry.split else '')}/{item.file_name}"

    def convert(self, item: Item, shard: Shard[ImageOptions]) -> None:
        rows: list[Row] = []
        kept = []
        groups = _Groups(item)
        for order, one in enumerate(item.annotations):
            made = _rows(one, item, shard)
            if isinstance(made, str):
                shard.leave_out_annotation(one, made)
                continue
            common = {"id": one.number, "attributes": _attributes(one, shard), "group": groups.number(one, made, shard)}
            common["label_id"] = one.category.number if one.category else None
            if not isinstance(one.shape, Classification):
                common["z_order"] = order
            rows.extend(common | row for row in made)
            kept.append(one)
        described: Row = {"id": self.item_id(item), "annotations": rows}
        if item.entry.attributes:
            described["attr"] = item.entry.attributes
        if item.entry.original:
            described["image"] = {"path": item.file_name} | ({"size": item.size[::-1]} if item.size else {})
        shard.append(f"items:{item.entry.split or ''}", json_bytes(described), SEPARATOR)
        shard.keep(kept)

    def item_id(self, item: Item) -> str:
        """The picture's name without extension; Datumaro takes ids of dots, or that end with one, for attacks."""
        stem = item.stem
        return f"{stem[:-1]}~{ord(stem[-1]):02X}" if stem.endswith((".", " ")) else stem

    def assemble(self, package: Assembly[ImageOptions]) -> None:
        named = splits.file_names(name.partition(":")[2] for name in package.names())
        for split, name in named.items():
            package.file(f"annotations/{_subset(name)}.json", _document(package, split))
        if not named or "items:" in package.names():
            package.file(f"annotations/{DEFAULT}.json", _document(package, ""))


def _subset(split_name: str) -> str:
    """The subset of a split's safe name: not the name of what has no split, and no hidden file."""
    if split_name.casefold() == DEFAULT or split_name.startswith("."):
        return f"~{ord(split_name[0]):02x}{split_name[1:]}"
    return split_name or DEFAULT


class _Groups:
    """The groups of one item: those of the source, and one for each object that is written in several rows."""

    def __init__(self, item: Item) -> None:
        given = dict.fromkeys(one.annotation.group_id for one in item.annotations if one.annotation.group_id)
        self._numbers: Mapping[str, int] = {group_id: number for number, group_id in enumerate(given, 1)}
        self._last = len(given)

    def number(self, one: Placed, rows: list[Row], shard: Shard[ImageOptions]) -> int:
        group_id = one.annotation.group_id
        if group_id:
            if len(rows) > 1:
                shard.change("its parts are tied by its group and its id")
            return self._numbers[group_id]
        if len(rows) < 2:
            return 0
        self._last += 1
        return self._last


def _rows(one: Placed, item: Item, shard: Shard[ImageOptions]) -> list[Row] | str:
    """What an annotation's shape is written as, in one annotation of Datumaro's or several; or why it is left out."""
    shape = one.shape
    if isinstance(shape, Classification):
        return [{"type": "label"}] if one.category else "a class of the whole picture needs a category"
    if isinstance(shape, Polygon) and any(part.holes for part in shape.parts):
        if item.size is None:
            return "its holes need a picture of known size"
        shard.change("polygon with holes written as a mask")
    return _shape_rows(shape, item.size)


def _shape_rows(shape: Shape, size: Size | None) -> list[Row]:
    match shape:
        case Box():
            return [{"type": "bbox", "bbox": (shape.left, shape.top, shape.width, shape.height)}]
        case RotatedBox(x, y, width, height):
            return [{"type": "bbox", "bbox": (x - width / 2, y - height / 2, width, height)}]
        case Ellipse(x, y, across, down):
            return [{"type": "ellipse", "points": (x - across, y - down, x + across, y + down)}]
        case Polygon(parts) if size and any(part.holes for part in parts):
            return _shape_rows(masks.from_pixels(masks.rasterize(parts, *size)), size)
        case Polygon(parts):
            return [{"type": "polygon", "points": tuple(chain.from_iterable(part.ring))} for part in parts]
        case Polyline(points):
            return [{"type": "polyline", "points": tuple(chain.from_iterable(points))}]
        case Mask(width, height, counts):
            return [{"type": "mask", "rle": {"counts": compress(counts), "size": (height, width)}}]
        case Skeleton(points, visibility, outline):
            flat = tuple(chain.from_iterable(points))
            around = _shape_rows(outline, size) if outline else []
            return [{"type": "points", "points": flat, "visibility": visibility}, *around]
        case _:
            raise NotImplementedError(shape_name(shape))


def _attributes(one: Placed, shard: Shard[ImageOptions]) -> Row:
    """The annotation's attributes, and what Datumaro has no other place for."""
    own: Row = {"is_crowd": True} if one.annotation.is_crowd else {}
    shape = one.shape
    if isinstance(shape, RotatedBox) or (isinstance(shape, Ellipse) and shape.angle):
        own["rotation"] = math.degrees(shape.angle) % 360
        shard.change("its turn is written as the attribute rotation")
    for name in own.keys() & one.annotation.attributes.keys():
        if own[name] != one.annotation.attributes[name]:
            shard.change(f"its attribute {quoted(name)} has another meaning in Datumaro, and is replaced")
    return one.annotation.attributes | own


# -- documents --------------------------------------------------------------------------------------------------------


def _document(package: Assembly[ImageOptions], split: str) -> Iterator[Segment]:
    yield b'{"dm_format_version":"1.0","media_type":2,"infos":{}'
    yield b',\n"categories":' + json_bytes(_categories(package.classes))
    yield b',\n"items":[\n'
    yield from joined(package.pieces(f"items:{split}"), SEPARATOR)
    yield b"\n]}\n"


def _categories(classes: ClassMap) -> Row:
    ordered = classes.classes
    categories: Row = {"label": {"labels": [_label(one, classes) for one in ordered], "attributes": []}}
    categories["label"]["label_groups"] = []
    if colors := [color for one in ordered if (color := _color(one))]:
        categories["mask"] = {"colormap": colors}
    if points := [_points(one) for one in ordered if one.keypoints]:
        categories["points"] = {"items": points}
    return categories


def _label(one: ExportClass, classes: ClassMap) -> Row:
    parent = classes.get(one.parent)
    name = one.name or f"~{one.id}"  # Datumaro refuses labels without a name
    return {"name": name, "parent": parent.name if parent else one.parent or "", "attributes": []}


def _color(one: ExportClass) -> Row | None:
    """The class's colour, where it is one of the common form #rrggbb."""
    text = (one.color or "").removeprefix("#")
    try:
        red, green, blue = bytes.fromhex(text)
    except ValueError:
        return None
    return {"label_id": one.number, "r": red, "g": green, "b": blue}


def _points(one: ExportClass) -> Row:
    joints = [(start + 1, end + 1) for start, end in one.skeleton]
    return {"label_id": one.number, "labels": one.keypoints, "joints": joints, "positions": []}
