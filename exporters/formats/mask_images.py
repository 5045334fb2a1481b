"""`masks`: a picture of values beside each picture, of the same size: which class, or which object, a pixel belongs to.

    semantic/[split/]name.png     value = number of the class, 0 background; in the colours of Pascal VOC
    instances/[split/]name.png    value = number of the object in its picture, 0 background; 16 bits deep
    instances.jsonl               for each picture, which value is which annotation, its class and attributes
    classes.json                  names and colours of the values in semantic/, background included
    images/[split/]name.jpg       the pictures; masks have the same path, with the extension .png

A pixel belongs to an object when its centre lies inside. Objects are painted in the order of their annotations, a later
one over an earlier one, and those of which something was covered are counted; one of which nothing remains is left out.
One that lies between the centres of pixels is painted as the pixel that its middle lies in. A crowd's pixels have the
value 255 in semantic/, which trainers ignore. With more than 254 classes values are 16 bits deep, without colours, and
65535 is ignored. Boxes do not say which pixels their object covers: they are left out, unless they are converted to
polygons by option. Attributes are held in instances.jsonl only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson
from pydantic import Field

from exporters.arrays import np
from exporters.assembly import Assembly
from exporters.base import Exporter
from exporters.classes import ExportClass
from exporters.errors import RequestError, SkippableError
from exporters.formats.documents import json_bytes
from exporters.holds import Holds
from exporters.item import Item, Placed
from exporters.naming import safe_component
from exporters.options import ImageOptions
from exporters.pictures import painting
from exporters.shapes import geometry, masks
from exporters.shard import Shard

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from exporters.shapes.masks import Pixels

    Values = NDArray[np.uint8] | NDArray[np.uint16]

MOST_PIXELS = masks.MOST_PIXELS
"""Of a picture whose values are painted in memory: half a gigabyte at 16 bits."""


class MaskImageOptions(ImageOptions):
    kind: Literal["semantic", "instance", "both"] = Field(
        default="semantic",
        description="What a pixel's value says: the class, the object (see instances.jsonl), or one picture for each.",
    )


@dataclass(frozen=True, slots=True)
class _Layer:
    """What one annotation covers: `painted` are the pixels of the `window` of its picture, rows first."""

    one: Placed
    instance: int
    window: tuple[slice, slice]
    painted: Pixels


class MaskImageExporter(Exporter[MaskImageOptions]):
    name = "masks"
    description = "PNG masks of the pictures: class numbers, object numbers, or both."
    version = 1
    is_entrywise = True
    holds = Holds(
        modalities=frozenset({"image"}),
        shapes=frozenset({"ellipse", "polygon", "mask"}),
        class_numbers="from_1",
        needs_category=True,
        needs_size=True,
        pairs_by_stem=True,
    )
    options = MaskImageOptions

    def convert(self, item: Item, shard: Shard[MaskImageOptions]) -> None:
        width, height = item.size or (0, 0)
        if width * height > MOST_PIXELS:
            raise SkippableError(item.entry.id, "its picture is too large to be painted in memory")
        layers = list(_layers(item, shard))
        kind, ignored = shard.options.kind, _ignored(shard.classes.classes)

        def class_number(layer: _Layer) -> int:
            return ignored if layer.one.annotation.is_crowd or layer.one.category is None else layer.one.category.number

        value, values = class_number, np.zeros((height, width), np.uint8 if ignored < 256 else np.uint16)
        if kind != "instance":
            _paint(values, layers, value)
            png = painting.indexed_png(values) if values.dtype == np.uint8 else painting.grey_png(values)
            shard.write(_path("semantic", item), png)
        if kind != "semantic":
            value, values = _instance, np.zeros((height, width), np.uint16)
            _paint(values, layers, value)
            shard.write(_path("instances", item), painting.grey_png(values))
        seen = list(_seen(values, layers, value, shard))
        if kind == "semantic":
            for layer in seen:
                if layer.one.annotation.attributes:
                    shard.change("attributes are not held")
        else:
            shard.append("instances", json_bytes(_index(item, values, seen)) + b"\n")
        shard.keep(layer.one for layer in seen)

    def assemble(self, package: Assembly[MaskImageOptions]) -> None:
        legend = list(_legend(package.classes.classes))
        options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        package.file("classes.json", [orjson.dumps(legend, option=options)])
        if package.options.kind != "semantic":
            package.file("instances.jsonl", package.pieces("instances"))


def _ignored(classes: Sequence[ExportClass]) -> int:
    """The value of pixels that trainers are to ignore: the highest of 8 bits, or of 16 where classes need them."""
    most = max((one.number for one in classes), default=0)
    if most >= 65535:
        raise RequestError(f"The format masks has room for 65534 classes, not {most}; take some with only_classes.")
    return 255 if most < 255 else 65535


def _path(folder: str, item: Item) -> str:
    split = item.entry.split
    return "/".join([folder, *([safe_component(split)] if split else []), f"{item.stem}.png"])


def _layers(item: Item, shard: Shard[MaskImageOptions]) -> Iterator[_Layer]:
    width, height = item.size or (0, 0)
    for instance, one in enumerate(item.annotations, 1):
        if instance > 65535:
            shard.leave_out_annotation(one, "masks has room for 65535 objects in a picture")
            continue
        box = geometry.bounds(one.shape)
        if box is None:
            shard.leave_out_annotation(one, "nothing of it is marked")
            continue
        left, top, right, bottom = geometry.ltwh_to_ltrb(box)
        across = slice(max(math.floor(left), 0), min(math.ceil(right), width))
        down = slice(max(math.floor(top), 0), min(math.ceil(bottom), height))
        painted = painting.pixels(one.shape, width, height)[down, across]
        if painted.any():
            yield _Layer(one, instance, (down, across), painted.copy())  # not a view of the whole picture
            continue
        column, row = math.floor((left + right) / 2), math.floor((top + bottom) / 2)
        if not (0 <= column < width and 0 <= row < height):
            shard.leave_out_annotation(one, "it covers no pixel of its picture")
            continue
        shard.change("painted as one pixel: it covers the centre of none")
        yield _Layer(one, instance, (slice(row, row + 1), slice(column, column + 1)), np.ones((1, 1), np.bool_))


def _instance(layer: _Layer) -> int:
    return layer.instance


def _paint(values: Values, layers: Iterable[_Layer], value: Callable[[_Layer], int]) -> None:
    for layer in layers:
        values[layer.window][layer.painted] = value(layer)


def _seen(
    values: Values, layers: Iterable[_Layer], value: Callable[[_Layer], int], shard: Shard[MaskImageOptions]
) -> Iterator[_Layer]:
    """The layers of which something is to be seen, those of which something is covered counted."""
    for layer in layers:
        is_seen = values[layer.window][layer.painted] == value(layer)
        if not is_seen.any():
            shard.leave_out_annotation(layer.one, "masks cannot hold it: others cover all of it")
            continue
        if not is_seen.all():
            shard.change("partly covered by another annotation")
        yield layer


def _index(item: Item, values: Values, seen: Iterable[_Layer]) -> dict[str, Any]:
    """What the values of a picture's objects mean; `area` counts the pixels that have the value."""
    areas = np.bincount(values.ravel())
    return {
        "file_name": _path("instances", item),
        "image": item.files.get(item.entry.original.id) if item.entry.original else None,
        "width": values.shape[1],
        "height": values.shape[0],
        "instances": [
            {
                "value": layer.instance,
                "id": layer.one.annotation.id,
                "class": layer.one.category.name if layer.one.category else None,
                "class_number": layer.one.category.number if layer.one.category else None,
                "is_crowd": layer.one.annotation.is_crowd,
                "area": int(areas[layer.instance]),
                "attributes": layer.one.annotation.attributes,
            }
            for layer in seen
        ],
    }


def _legend(classes: Sequence[ExportClass]) -> Iterator[dict[str, Any]]:
    """The values of semantic/ by number: background, the classes, what is to be ignored."""
    ignored = _ignored(classes)
    named = [(0, "background"), *((one.number, one.name) for one in classes), (ignored, "ignore")]
    for number, name in named:
        color = {"color": painting.color(number)} if ignored < 256 else {}
        yield {"value": number, "name": name} | color
