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

from collections.abc import Iterator
from itertools import chain
from typing import Any

from exporters import splits
from exporters.assembly import Assembly, Segment, joined
from exporters.base import Exporter
from exporters.classes import ExportClass
from exporters.formats.documents import json_bytes
from exporters.holds import Holds
from exporters.item import Item, Placed
from exporters.model import Box, Mask, Polygon, Shape, Skeleton
from exporters.options import ImageOptions
from exporters.shapes import masks, rings
from exporters.shapes.cocorle import compress
from exporters.shapes.rings import Ring
from exporters.shard import Shard

SEPARATOR = b",\n"
IMAGE_EXTRAS = ("license", "coco_url", "flickr_url", "date_captured")
"""Keys of an image that COCO knows beside the four it needs; carried through when the source had them."""


class CocoExporter(Exporter[ImageOptions]):
    name = "coco"
    description = "COCO instances JSON: boxes, polygons with parts, masks as run lengths, keypoints, crowds."
    version = 2
    is_entrywise = True
    holds = Holds(
        modalities=frozenset({"image"}),
        shapes=frozenset({"box", "polygon", "mask", "skeleton"}),
        uses_numbers=True,
        needs_category=True,
        needs_size=True,
    )
    options = ImageOptions

    def convert(self, item: Item, shard: Shard[ImageOptions]) -> None:
        split = item.entry.split or ""
        kept = []
        rows = []
        for one in item.annotations:
            row = _row(one, item)
            if isinstance(row, str):
                shard.leave_out_annotation(one, row)
                continue
            kept.append(one)
            if one.annotation.id == "0":
                shard.change(f"id 0 became {one.number}: COCO's evaluator takes a match with annotation 0 for a miss")
            rows.append(json_bytes(row))
        if rows:
            shard.append(f"annotations:{split}", SEPARATOR.join(rows), SEPARATOR)
        shard.append(f"images:{split}", json_bytes(_image(item)), SEPARATOR)
        shard.keep(kept)

    def assemble(self, package: Assembly[ImageOptions]) -> None:
        named = splits.file_names(name.partition(":")[2] for name in package.names())
        for split, name in named.items():
            package.file(f"annotations/instances_{name}.json", _document(package, split))
        if not named or "images:" in package.names():
            package.file("annotations/instances.json", _document(package, ""))


def _row(one: Placed, item: Item) -> dict[str, Any] | str:
    """An annotation as COCO has it, or why it is left out."""
    annotation, box, category = one.annotation, one.box, one.category
    shape, is_crowd = annotation.shape, annotation.is_crowd
    if box is None or category is None or item.size is None or box.width <= 0 or box.height <= 0:
        return "its box has no extent"
    ring = _only_ring(shape)
    row: dict[str, Any] = {
        "id": one.number,
        "image_id": item.number,
        "category_id": category.number,
        "bbox": (box.left, box.top, box.width, box.height),
        "area": abs(rings.signed_area(ring)) if ring and annotation.area is None else one.area,
        "iscrowd": int(is_crowd),
        "segmentation": (
            [tuple(chain.from_iterable(ring))]
            if ring and not is_crowd
            else _segmentation(shape, item.size, painted=is_crowd)
        ),
    }
    if isinstance(shape, Skeleton):
        if len(shape.points) != len(category.keypoints):
            return "it has another number of points than its category"
        flat = zip(shape.points, shape.visibility, strict=True)
        row["keypoints"] = [value for (x, y), seen in flat for value in ((x, y, seen) if seen else (0, 0, 0))]
        row["num_keypoints"] = sum(seen > 0 for seen in shape.visibility)
    if annotation.attributes:
        row["attributes"] = annotation.attributes
    return row


def _only_ring(shape: Shape) -> Ring | None:
    """The ring of a polygon that is no more than one: the commonest outline, written without a detour."""
    if type(shape) is not Polygon or len(shape.parts) != 1 or shape.parts[0].holes:
        return None
    return shape.parts[0].ring


def _segmentation(shape: Shape, size: tuple[int, int], *, painted: bool = False) -> Any:
    match shape:
        case Box():
            return []
        case Skeleton():
            return _segmentation(shape.outline, size, painted=painted) if shape.outline else []
        case Polygon(parts) if not painted and not any(part.holes for part in parts):
            return [tuple(chain.from_iterable(part.ring)) for part in parts]
        case Polygon(parts):
            return _segmentation(masks.from_pixels(masks.rasterize(parts, *size)), size)
        case Mask():
            return {"size": [shape.height, shape.width], "counts": compress(shape.counts)}
        case _:
            return []


def _image(item: Item) -> dict[str, Any]:
    width, height = item.size or (0, 0)
    image = {"id": item.number, "file_name": item.file_name, "width": width, "height": height}
    extras = {key: item.entry.attributes[key] for key in IMAGE_EXTRAS if key in item.entry.attributes}
    return image | extras


def _category(one: ExportClass) -> dict[str, Any]:
    category: dict[str, Any] = {"id": one.number, "name": one.name, "supercategory": one.parent or ""}
    if one.keypoints:
        category["keypoints"] = list(one.keypoints)
        category["skeleton"] = [[start + 1, end + 1] for start, end in one.skeleton]
    return category


def _document(package: Assembly[ImageOptions], split: str) -> Iterator[Segment]:
    licenses: list[Any] = []
    for one in (one for dataset in package.datasets for one in dataset.attributes.get("licenses", [])):
        if one not in licenses:
            licenses.append(one)
    yield b'{"info":' + json_bytes({"description": package.name})
    yield b',"licenses":' + json_bytes(licenses)
    yield b',\n"categories":' + json_bytes([_category(one) for one in package.classes.classes])
    for key in ("images", "annotations"):
        yield b',\n"%b":[\n' % key.encode()
        yield from joined(package.pieces(f"{key}:{split}"), SEPARATOR)
        yield b"\n]"
    yield b"}\n"
