"""Datumaro's own JSON: `annotations/<subset>.json`, its pictures in `images/<subset>/`.

Each file is a dataset, its items the entries; it is read item by item. Annotations of one item that have one id and one
group, and are all polygons of one label, are the parts of one polygon, as our own exporter writes them; a group of
others stays a group. Boxes and ellipses with an attribute `rotation` (degrees clockwise about the centre) are turned;
the attribute `is_crowd` is no attribute. What has no place on a picture (captions, cuboids, ...) is unknown.
"""

from __future__ import annotations

import math
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import ijson
import orjson
from msgspec import Raw
from msgspec.structs import replace

from blocks.layouts.json_file import UNSOUND, first_keys, stream_json, unsound
from blocks.layouts.layout import Layout
from blocks.layouts.opened import Folder
from blocks.storage_errors import translated
from blocks.values import finite, identifier, mapping, text
from exporters.errors import OuthaulError, RequestError
from exporters.foreign_json import Shallow
from exporters.model import (
    Annotation,
    Box,
    Category,
    Classification,
    Dataset,
    Ellipse,
    Entry,
    Mask,
    Part,
    Point,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    Unknown,
)
from exporters.shapes import cocorle, masks
from exporters.shard import MediaChoice

_SIGNS = frozenset({("dm_format_version", "string"), ("categories", "start_map"), ("items", "start_array")})
_OTHERS = frozenset({("images", "start_array"), ("annotations", "start_array"), ("categories", "start_array")})
"""COCO's."""
_VISIBILITY = {0: 0, 1: 1, 2: 2}


class DatumaroLayout(Layout):
    label: ClassVar[str] = "Datumaro"
    sought: ClassVar[str] = "annotations/*.json (Datumaro)"

    def __init__(self, folder: Folder, files: Sequence[str]) -> None:
        super().__init__(folder)
        self._files = files

    @classmethod
    def found_in(cls, folder: Folder) -> Self | None:
        listed = [path for path, is_file in folder.listed("annotations") if is_file and path.endswith(".json")]
        names = [folder.only_file] if folder.only_file else listed
        found = [path for path in names if first_keys(folder, path, _SIGNS | _OTHERS) in _SIGNS]
        return cls(folder, found) if found else None

    def catalog(self) -> list[Dataset]:
        return [self._dataset(path) for path in self._files]

    def dataset(self, found: Dataset) -> Dataset:
        return replace(found, categories=tuple(_categories(self._declared(_file(found)))))

    def list_entries(self, dataset: Dataset) -> Iterator[bytes]:
        return (line for _, line in stream_json(self.folder, _file(dataset), "items.item"))

    def read(self, dataset: Dataset, listing: Sequence[bytes], media: MediaChoice) -> Iterator[Entry]:
        for line in listing:
            yield self._entry(orjson.loads(line), dataset, media)

    def _entry(self, item: dict[str, Any], dataset: Dataset, choice: MediaChoice) -> Entry:
        id_ = identifier(item.get("id"))
        records = item.get("annotations", [])
        if not id_ or not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
            raise RequestError(
                f"{self.folder.shown_file(_file(dataset))} has an item without an id or a list of annotations; "
                f"every one needs both."
            )
        image = mapping(item.get("image"))
        path = text(image.get("path")) or ""
        subset = posixpath.basename(dataset.id)
        tried = [posixpath.join(place, path) for place in (f"images/{subset}", "images", "") if path]
        found = next(filter(None, map(self.folder.find, tried)), "")
        size = _size(image.get("size")) or self.folder.upright_size(found)
        width, height = size or (None, None)
        wanted = path or id_
        return Entry(
            id=id_,
            dataset_id=dataset.id,
            name=path.removeprefix(f"{subset}/") or id_,
            split=dataset.split,
            medias=(self.folder.original(found, choice, id_=id_, wanted=wanted, width=width, height=height),),
            annotations=tuple(_annotations(id_, records, size)),
            attributes=mapping(item.get("attr")),
            raw=Raw(orjson.dumps({key: value for key, value in item.items() if key != "annotations"})),
        )

    def _dataset(self, path: str) -> Dataset:
        subset = posixpath.basename(path).removesuffix(".json")
        is_split = subset != "default" and not self.folder.only_file
        return Dataset(
            id=path.removesuffix(".json"),
            name=f"{self.folder.name} {subset}" if is_split and len(self._files) > 1 else self.folder.name,
            modality="image",
            split=None if subset == "default" else subset,
        )

    def _declared(self, path: str) -> dict[str, Any]:
        """The categories of a file, which are few."""
        shown = self.folder.shown_file(path)
        with translated(shown), self.folder.storage.open(path) as handle:
            try:
                return mapping(next(ijson.items(Shallow(handle), "categories", use_float=True), {}))
            except UNSOUND as error:
                raise unsound(error, shown) from None


def _file(dataset: Dataset) -> str:
    return f"{dataset.id}.json"


def _categories(declared: Mapping[str, Any]) -> Iterator[Category]:
    """A label's id is its place in the list."""
    labels = mapping(declared.get("label")).get("labels")
    points = mapping(declared.get("points")).get("items")
    points_of = {mapping(one).get("label_id"): mapping(one) for one in points or ()}
    colors = mapping(declared.get("mask")).get("colormap")
    colors_of = {mapping(one).get("label_id"): mapping(one) for one in colors or ()}
    for number, label in enumerate(map(mapping, labels or ())):
        known, color = points_of.get(number, {}), colors_of.get(number)
        shades = [shade for shade in ((color or {}).get(name) for name in "rgb") if type(shade) is int]
        is_color = len(shades) == 3 and all(0 <= shade < 256 for shade in shades)
        yield Category(
            id=str(number),
            name=text(label.get("name")) or str(number),
            parent=text(label.get("parent")) or None,
            color="#" + bytes(shades).hex() if is_color else None,
            keypoints=tuple(map(str, known.get("labels") or ())),
            skeleton=tuple((int(start) - 1, int(end) - 1) for start, end in known.get("joints") or ()),
        )


# -- annotations ------------------------------------------------------------------------------------------------------


def _annotations(item_id: str, records: Sequence[dict[str, Any]], size: tuple[int, int] | None) -> Iterator[Annotation]:
    for number, parts in _joined(records):
        record = parts[0]
        shape = _shape(parts, size)
        attributes = dict(mapping(record.get("attributes")))
        if isinstance(shape, RotatedBox | Ellipse):
            attributes.pop("rotation", None)
        label, group, own = record.get("label_id"), record.get("group"), record.get("id")
        yield Annotation(
            id=f"{item_id}#{number}",
            number=own if type(own) is int and 0 < own < 1 << 63 else None,
            shape=shape,
            category_id=None if label is None else str(label),
            is_crowd=attributes.pop("is_crowd", False) is True,
            group_id=str(group) if group and len(parts) == 1 else None,
            attributes=attributes,
            raw=Raw(orjson.dumps(record if len(parts) == 1 else {"annotations": parts})),
        )


def _joined(records: Sequence[dict[str, Any]]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """The records of each object with the place of its first, from 1."""
    objects: dict[tuple[str, Any, Any, Any], list[dict[str, Any]]] = {}
    for number, record in enumerate(records, 1):
        kind, group = text(record.get("type")) or "", identifier(record.get("group"))
        is_tied = kind == "polygon" and group not in (None, "0")
        key = (kind, group, identifier(record.get("id")), record.get("label_id") if is_tied else number)
        objects.setdefault(key, []).append({**record, "": number})
    for parts in objects.values():
        yield parts[0][""], [{key: value for key, value in part.items() if key} for part in parts]


def _shape(parts: Sequence[Mapping[str, Any]], size: tuple[int, int] | None) -> Shape:
    record = parts[0]
    kind = text(record.get("type")) or "annotation without a type"
    try:
        match kind:
            case "label":
                return Classification()
            case "bbox":
                left, top, width, height = map(finite, record["bbox"])
                angle = _turn(record)
                if angle is None:
                    return Box(left, top, width, height)
                return RotatedBox(left + width / 2, top + height / 2, width, height, angle)
            case "ellipse":
                (left, top), (right, bottom) = _points(record)
                center = (left + right) / 2, (top + bottom) / 2
                return Ellipse(*center, (right - left) / 2, (bottom - top) / 2, _turn(record) or 0.0)
            case "polygon":
                return Polygon(tuple(Part(_points(part)) for part in parts))
            case "polyline":
                return Polyline(_points(record))
            case "points":
                points = _points(record)
                seen = tuple(_VISIBILITY[one] for one in record.get("visibility") or (2,) * len(points))
                return Skeleton(points, seen) if len(seen) == len(points) else Unknown("points that cannot be read")
            case "mask":
                return _mask(mapping(record.get("rle")), size)
    except (OuthaulError, KeyError, TypeError, ValueError, ArithmeticError):
        return Unknown(f"{kind} that cannot be read")
    return Unknown(kind)


def _turn(record: Mapping[str, Any]) -> float | None:
    degrees = mapping(record.get("attributes")).get("rotation")
    return None if degrees is None else math.radians(finite(degrees))


def _points(record: Mapping[str, Any]) -> tuple[Point, ...]:
    flat = [finite(value) for value in record["points"]]
    return tuple(zip(flat[0::2], flat[1::2], strict=True))


def _mask(rle: Mapping[str, Any], size: tuple[int, int] | None) -> Shape:
    height, width = (int(finite(extent)) for extent in rle["size"])
    mask = Mask(width, height, cocorle.decompress(rle["counts"]))
    fits = masks.is_sound(mask) and (size is None or (width, height) == size)
    return mask if fits else Unknown("mask that does not fit its picture")


def _size(value: Any) -> tuple[int, int] | None:
    """Width and height from [height, width]."""
    is_size = isinstance(value, list) and len(value) == 2
    if is_size and all(type(extent) is int and 0 < extent < 1 << 31 for extent in value):
        return value[1], value[0]
    return None
