r"""`labelme`: LabelMe JSON (https://github.com/wkentaro/labelme), the desktop tool's, one file beside each picture.

    images/[<split>/]a.jpg
    images/[<split>/]a.json      `imagePath` is the picture's name, `imageData` is null: pictures are not embedded
    labels.txt                   all classes, one a line, for `labelme --labels labels.txt`

Coordinates are absolute pixels from 0, in full, on the upright picture; what reaches over its border stays as it was
drawn (option out_of_picture). What LabelMe has a shape for is that shape: rectangle, oriented_rectangle (four corners),
circle, polygon, linestrip, mask (a PNG of the rectangle around its pixels, whose second corner is the last pixel, as
LabelMe counts). Ellipses that are no circles become polygons of 64 points. An object of several shapes is tied by a
`group_id`, which counts from 1 in each picture: a polygon of several parts is a polygon each; a skeleton is its
outline, or else the rectangle around it, with a point for each keypoint that is labelled, `{"hidden": true}` where it
is not seen. A polygon with holes becomes a mask.

Classifications of the picture are its `flags`, and so are attributes of the entry that are true or false; its others
are not held. Attributes of a shape that are true or false are flags of the shape, a crowd has the flag `is_crowd`; all
others are a JSON object in its `description`. Control characters in names of classes are written as \uXXXX.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from exporters.assembly import Assembly
from exporters.base import Exporter
from exporters.formats.borders import KeepingOptions
from exporters.formats.documents import json_bytes
from exporters.formats.labels import class_labels, labels_of, one_line
from exporters.holds import Holds
from exporters.item import Item, Placed, default_media_path
from exporters.model import Box, Classification, Ellipse, Mask, Point, Polygon, Polyline, RotatedBox, Shape, Skeleton
from exporters.options import ImageOptions
from exporters.pictures import painting
from exporters.shapes import geometry, masks
from exporters.shapes.convert import convert
from exporters.shard import Shard

VERSION = "6.3.1"
"""Of LabelMe, whose form of the file this is."""
CROWD = "is_crowd"


class LabelmeExporter(Exporter[ImageOptions]):
    name = "labelme"
    description = "LabelMe JSON: one file beside each picture, all shapes, masks as PNG."
    version = 2
    is_entrywise = True
    holds = Holds(
        modalities=frozenset({"image"}),
        shapes=frozenset(
            {"box", "rotated_box", "ellipse", "polygon", "polyline", "mask", "skeleton", "classification"}
        ),
        needs_category=True,
        needs_size=True,
        pairs_by_stem=True,
    )
    options = KeepingOptions

    def convert(self, item: Item, shard: Shard[ImageOptions]) -> None:
        labels = labels_of(shard)
        groups = _Groups()
        flags = {name: value for name, value in sorted(item.entry.attributes.items()) if isinstance(value, bool)}
        rows: list[dict[str, Any]] = []
        for one in item.annotations:
            label = labels[one.category.id] if one.category else ""
            if isinstance(one.shape, Classification):
                flags[label] = True
                if one.annotation.attributes:
                    shard.change("attributes of a classification are not held")
                continue
            rows += _rows(one, item, label, groups, shard)
        shard.write(_label_path(item), _document(item, flags, rows))
        shard.keep(item.annotations)

    def assemble(self, package: Assembly[ImageOptions]) -> None:
        labels = class_labels(package.classes.classes)
        package.file("labels.txt", ["".join(f"{label}\n" for label in labels.values()).encode()])


class _Groups:
    """The group ids of one picture, counted from 1."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._count = 0

    def new(self) -> int:
        self._count += 1
        return self._count

    def of(self, group_id: str | None) -> int | None:
        if not group_id:
            return None
        if group_id not in self._known:
            self._known[group_id] = self.new()
        return self._known[group_id]


def _label_path(item: Item) -> str:
    picture = PurePosixPath(default_media_path(item))
    # A picture that is itself called .json keeps that name, so the file beside it needs another.
    suffix = ".json.json" if picture.suffix.lower() == ".json" else ".json"
    return str(picture.with_name(PurePosixPath(item.stem).name + suffix))


def _document(item: Item, flags: dict[str, bool], rows: Sequence[dict[str, Any]]) -> bytes:
    width, height = item.size or (0, 0)
    tail = {
        "imagePath": PurePosixPath(item.file_name).name,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }
    head = b'{"version":"%b","flags":%b,"shapes":[\n' % (VERSION.encode(), json_bytes(flags))
    return head + b",\n".join(map(json_bytes, rows)) + b"\n]," + json_bytes(tail)[1:] + b"\n"


# -- shapes -----------------------------------------------------------------------------------------------------------


def _rows(one: Placed, item: Item, label: str, groups: _Groups, shard: Shard[ImageOptions]) -> Iterator[dict[str, Any]]:
    """The shapes of an annotation."""
    annotation = one.annotation
    group = groups.of(annotation.group_id)
    flags = {name: value for name, value in annotation.attributes.items() if isinstance(value, bool)}
    others = {name: value for name, value in annotation.attributes.items() if not isinstance(value, bool)}
    if annotation.is_crowd:
        flags[CROWD] = True
    common = {
        "flags": flags,
        "description": json_bytes(others, sorts_keys=True).decode() if others else "",
    }
    shape = one.shape
    if isinstance(shape, Skeleton) and not shape.outline and not (one.category and one.category.keypoints):
        seen = [point for point, visibility in zip(shape.points, shape.visibility, strict=True) if visibility]
        row = _row("point" if len(seen) == 1 else "points", seen)
        yield {"label": label, **row, "group_id": group, **common}
        return
    if isinstance(shape, Skeleton):
        shard.change("a skeleton became its outline or box and points, tied by a group")
        group = groups.new() if group is None else group
        around = shape.outline or one.box
        for row in _plain_rows(around, item, shard) if around else ():
            yield {"label": label, **row, "group_id": group, **common}
        for row in _keypoints(one, shape):
            yield {**row, "group_id": group, "description": ""}
        return
    rows = _plain_rows(shape, item, shard)
    if len(rows) > 1 and group is None:
        group = groups.new()
    for row in rows:
        yield {"label": label, **row, "group_id": group, **common}


def _plain_rows(shape: Shape, item: Item, shard: Shard[ImageOptions]) -> list[dict[str, Any]]:
    """Each with its points and type, and the mask where it is one."""
    match shape:
        case Box():
            left, top, right, bottom = geometry.ltwh_to_ltrb(shape)
            return [_row("rectangle", [(left, top), (right, bottom)])]
        case RotatedBox():
            return [_row("oriented_rectangle", geometry.corners(shape))]
        case Ellipse(x, y, radius, other) if radius == other:
            return [_row("circle", [(x, y), (x + radius, y)])]
        case Ellipse():
            shard.change("an ellipse became a polygon of 64 points")
            polygon, _ = convert(shape, ("ellipse_to_polygon",), item.size)
            return _plain_rows(polygon, item, shard) if polygon else []
        case Polyline(points):
            return [_row("linestrip" if len(points) > 1 else "point", points)]
        case Mask():
            return [_mask_row(shape)]
        case Polygon():
            return _polygon_rows(shape, item, shard)
        case _:
            raise NotImplementedError(type(shape).__name__)


def _polygon_rows(shape: Polygon, item: Item, shard: Shard[ImageOptions]) -> list[dict[str, Any]]:
    if any(part.holes for part in shape.parts):
        mask, _ = convert(shape, ("polygon_to_mask",), item.size)
        if isinstance(mask, Mask):
            shard.change("a polygon with holes became a mask")
            return [_mask_row(mask)]
        shard.change("its holes are left out: no pixel lies between them and their outline")
    if len(shape.parts) > 1:
        shard.change("a polygon of several parts became one polygon a part, tied by a group")
    return [_row("polygon", part.ring) for part in shape.parts]


def _row(shape_type: str, points: Sequence[Point]) -> dict[str, Any]:
    return {"shape_type": shape_type, "points": points}


def _mask_row(mask: Mask) -> dict[str, Any]:
    box = masks.bounds(mask)
    if box is None:
        raise ValueError("a mask without a painted pixel has no rectangle")
    left, top, right, bottom = map(int, geometry.ltwh_to_ltrb(box))
    png = painting.grey_png(masks.to_pixels(mask)[top:bottom, left:right].astype("uint8"))
    row = _row("mask", [(float(left), float(top)), (right - 1.0, bottom - 1.0)])
    return row | {"mask": base64.b64encode(png).decode()}


def _keypoints(one: Placed, shape: Skeleton) -> Iterator[dict[str, Any]]:
    names = one.category.keypoints if one.category else ()
    for index, (point, seen) in enumerate(zip(shape.points, shape.visibility, strict=True)):
        if seen:
            name = one_line(names[index]) if len(names) == len(shape.points) else str(index + 1)
            yield {"label": name, **_row("point", [point]), "flags": {"hidden": True} if seen == 1 else {}}
