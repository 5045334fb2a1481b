"""`coco`: COCO instances (https://cocodataset.org/#format-data), boxes, polygons, masks and keypoints.

    annotations/instances.json   or instances_<split>.json
    images/...                   `file_name` is relative to this folder, or to images/<split>

Boxes are `[left, top, width, height]` in absolute pixels from 0, floats. Outlines are written as polygons, of several
parts where the object has several; masks, and polygons with holes, which COCO's polygons cannot have, as compressed run
lengths down the columns. `iscrowd` is 1 only where the source says crowd. Ids are the source's own when it has integer
ones, otherwise they count from 1: COCO's evaluator takes a match with annotation 0 for a miss. Sizes and coordinates
are those of the upright picture; the picture's bytes and EXIF tag stay as they are.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import Any, Literal

import msgspec
import orjson
from pydantic import Field

from exporters import geometry, masks
from exporters.base import Assembly, Exporter, ExporterOptions, Item, Segment, joined
from exporters.classes import ExportClass
from exporters.cocorle import compress
from exporters.holds import Holds
from exporters.model import Annotation, Box, Entry, Mask, Polygon, Shape, Skeleton, Unknown, shape_name
from exporters.naming import safe_component
from exporters.shard import Shard
from exporters.upright import size_of

SEPARATOR = b",\n"
IMAGE_EXTRAS = ("license", "coco_url", "flickr_url", "date_captured")
"""Keys of an image that COCO knows beside the four it needs; carried through when the source had them."""


class CocoOptions(ExporterOptions):
    out_of_picture: Literal["clip", "drop", "keep"] = Field(
        default="clip",
        description="Annotations that reach over the border of their picture: cut them there, leave them out, or keep.",
    )
    empty_entries: Literal["reviewed", "all", "none"] = Field(
        default="reviewed",
        description="Entries without annotations: take those a person completed (they are negatives), all, or none.",
    )


class CocoExporter(Exporter[CocoOptions]):
    name = "coco"
    description = "COCO instances JSON: boxes, polygons with parts, masks as run lengths, keypoints, crowds."
    version = 1
    holds = Holds(
        modalities=frozenset({"image"}),
        shapes=frozenset({"box", "polygon", "mask", "skeleton"}),
        uses_numbers=True,
    )
    options = CocoOptions

    def convert(self, item: Item, shard: Shard[CocoOptions]) -> None:
        entry = item.entry
        size = size_of(entry)
        if entry.state == "rejected":
            return shard.leave_out("it was rejected on the platform")
        if size is None:
            return shard.leave_out("the size of its picture is not known" if entry.medias else "it has no picture")
        if not entry.annotations and not _takes_empty(entry, shard.options):
            return shard.leave_out("it has no annotations" + ("" if entry.state == "completed" else " yet"))
        kept = []
        split = safe_component(entry.split) if entry.split else ""
        for annotation, number in zip(entry.annotations, item.annotation_numbers, strict=True):
            row = self._row(annotation, size, shard)
            if isinstance(row, str):
                shard.leave_out_annotation(annotation, row)
                continue
            kept.append(annotation)
            if annotation.id == "0":
                shard.change(f"id 0 became {number}: COCO's evaluator takes a match with annotation 0 for a miss")
            line = orjson.dumps({"id": number, "image_id": item.number, **row})
            shard.append(f"annotations:{split}", line, SEPARATOR)
        shard.append(f"images:{split}", orjson.dumps(_image(item, size)), SEPARATOR)
        return shard.keep(kept)

    def _row(self, annotation: Annotation, size: tuple[int, int], shard: Shard[CocoOptions]) -> dict[str, Any] | str:
        """An annotation without its ids, or why it is left out."""
        shape = annotation.shape
        if shape_name(shape) not in (self.holds.shapes or ()):
            return f"COCO cannot hold the shape {shape.name if isinstance(shape, Unknown) else shape_name(shape)}"
        category = shard.classes.get(annotation.category_id)
        if category is None:
            return "it has no category"
        placed = _placed(annotation, size, shard)
        if isinstance(placed, str):
            return placed
        shape, box, area = placed
        if isinstance(shape, Skeleton) and len(shape.points) != len(category.keypoints):
            return "it has another number of points than its category"
        row = {
            "category_id": category.number,
            "bbox": [box.left, box.top, box.width, box.height],
            "area": area,
            "iscrowd": int(annotation.is_crowd),
            "segmentation": _segmentation(shape, size, painted=annotation.is_crowd),
        }
        if isinstance(shape, Skeleton):
            flat = zip(shape.points, shape.visibility, strict=True)
            row["keypoints"] = [value for (x, y), seen in flat for value in ((x, y, seen) if seen else (0, 0, 0))]
            row["num_keypoints"] = sum(seen > 0 for seen in shape.visibility)
        if annotation.attributes:
            row["attributes"] = annotation.attributes
        return row

    def assemble(self, package: Assembly[CocoOptions]) -> None:
        splits = {name.partition(":")[2] for name in package.names()} or {""}
        for split in sorted(splits):
            met = sum(split.casefold() == other.casefold() for other in splits) > 1
            mark = f"~h-{hashlib.sha256(split.encode()).hexdigest()[:16]}" if met else ""
            path = f"annotations/instances_{split}{mark}.json" if split else "annotations/instances.json"
            package.file(path, _document(package, split))


def _takes_empty(entry: Entry, options: CocoOptions) -> bool:
    if options.empty_entries == "reviewed":
        return entry.state == "completed"
    return options.empty_entries == "all"


def _placed(annotation: Annotation, size: tuple[int, int], shard: Shard[CocoOptions]) -> tuple[Shape, Box, float] | str:
    """Shape, box and area as they are written, the border of the picture seen to; or why the annotation is out."""
    shape = _without_slivers(annotation, shard)
    if shape is None:
        return "its outline has fewer than three points"
    outline = shape.outline if isinstance(shape, Skeleton) else shape
    if isinstance(outline, Mask) and not (masks.is_sound(outline) and (outline.width, outline.height) == size):
        return "its mask does not fit its picture"
    extent = geometry.bounds(shape)
    box = annotation.box or extent
    if box is None or extent is None:
        return "nothing of it is marked"
    if not math.isfinite(sum(geometry.ltwh_to_ltrb(box)) + sum(geometry.ltwh_to_ltrb(extent))):
        return "its coordinates are no numbers"
    if box.width <= 0 or box.height <= 0:
        return "its box has no extent"
    area = geometry.area(shape) if annotation.area is None else annotation.area
    is_inside = geometry.is_inside(box, *size) and geometry.is_inside(extent, *size)
    if is_inside or shard.options.out_of_picture == "keep":
        return shape, box, area
    if shard.options.out_of_picture == "drop":
        return "it reaches over the border of its picture"
    clipped = _clipped(shape, size)
    clipped_box = geometry.bounds(clipped) if isinstance(clipped, Polygon) else geometry.clip_box(box, *size)
    if clipped is None or clipped_box is None:
        return "it lies outside its picture"
    shard.change("clipped to the picture")
    return clipped, clipped_box, area if isinstance(shape, Mask) else geometry.area(clipped)


def _without_slivers(annotation: Annotation, shard: Shard[CocoOptions]) -> Shape | None:
    """The shape without parts of one or two points, which COCO's readers take for boxes and stumble over.

    Where no part remains, the box that the source states stands for it; None when it states none.
    """
    shape = annotation.shape
    outline = shape.outline if isinstance(shape, Skeleton) else shape
    if not isinstance(outline, Polygon) or all(len(part.ring) >= 3 for part in outline.parts):
        return shape
    rest = tuple(part for part in outline.parts if len(part.ring) >= 3)
    if not rest and annotation.box is None:
        return None
    shard.change("parts of fewer than three points left out")
    if isinstance(shape, Skeleton):
        return msgspec.structs.replace(shape, outline=Polygon(rest) if rest else None)
    return Polygon(rest) if rest else annotation.box


def _clipped(shape: Shape, size: tuple[int, int]) -> Shape | None:
    match shape:
        case Box():
            return geometry.clip_box(shape, *size)
        case Polygon():
            return geometry.clip_polygon(shape, *size)
        case Skeleton():
            outline = shape.outline and _clipped(shape.outline, size)
            width, height = size
            seen = tuple(
                visibility if 0 <= x <= width and 0 <= y <= height else 0
                for (x, y), visibility in zip(shape.points, shape.visibility, strict=True)
            )
            return msgspec.structs.replace(shape, outline=outline, visibility=seen)
        case _:
            return shape


def _segmentation(shape: Shape, size: tuple[int, int], *, painted: bool = False) -> Any:
    match shape:
        case Skeleton():
            return _segmentation(shape.outline, size, painted=painted) if shape.outline else []
        case Polygon(parts) if not painted and not any(part.holes for part in parts):
            return [[coordinate for point in part.ring for coordinate in point] for part in parts]
        case Polygon(parts):
            return _segmentation(masks.from_pixels(masks.rasterize(parts, *size)), size)
        case Mask():
            return {"size": [shape.height, shape.width], "counts": compress(shape.counts)}
        case _:
            return []


def _image(item: Item, size: tuple[int, int]) -> dict[str, Any]:
    image = {"id": item.number, "file_name": item.file_name, "width": size[0], "height": size[1]}
    extras = {key: item.entry.attributes[key] for key in IMAGE_EXTRAS if key in item.entry.attributes}
    return image | extras


def _category(one: ExportClass) -> dict[str, Any]:
    category: dict[str, Any] = {"id": one.number, "name": one.name, "supercategory": one.parent or ""}
    if one.keypoints:
        category["keypoints"] = list(one.keypoints)
        category["skeleton"] = [[start + 1, end + 1] for start, end in one.skeleton]
    return category


def _document(package: Assembly[CocoOptions], split: str) -> Iterator[Segment]:
    licenses: list[Any] = []
    for one in (one for dataset in package.datasets for one in dataset.attributes.get("licenses", [])):
        if one not in licenses:
            licenses.append(one)
    yield b'{"info":' + orjson.dumps({"description": package.name})
    yield b',"licenses":' + orjson.dumps(licenses)
    yield b',\n"categories":' + orjson.dumps([_category(one) for one in package.classes.classes])
    for key in ("images", "annotations"):
        yield b',\n"%b":[\n' % key.encode()
        yield from joined(package.pieces(f"{key}:{split}"), SEPARATOR)
        yield b"\n]"
    yield b"}\n"
