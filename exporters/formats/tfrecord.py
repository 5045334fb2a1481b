"""`tfrecord`: TFRecord files with the keys of TensorFlow's object detection and classification. No TensorFlow needed.

    train-00000-of-00010.tfrecord   the records of a split, or `data-...` of entries without one
    label_map.pbtxt                 the number of each class, from 1, because 0 is the background

    image/height, width                              of the upright picture
    image/filename, source_id                        its name in this export, the entry's id
    image/encoded, format, key/sha256                its bytes as they were fetched, `jpeg`, `png`, ..., their digest
    image/object/bbox/xmin, xmax, ymin, ymax         as shares of width and height, 32-bit floats
    image/object/class/text, label                   name and number
    image/object/is_crowd, area                      0 or 1; in square pixels
    image/object/mask                                a PNG each, 255 inside and 0 outside
    image/class/text, label                          of classifications, which hold for the picture as a whole

All lists of a record's objects have the same length, also when that is 0. Masks are there when one of the picture's
objects has an outline: then those that have none are painted as boxes. Attributes are not held.

TensorFlow decodes pictures as they are stored. Coordinates are those of the upright picture, so a reader must turn what
has an EXIF orientation. An entry's place in the export decides about its file, so a file has fewer records than
`records_per_file` where entries are left out or lie in another split.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Sequence

from pydantic import Field

from exporters.arrays import np
from exporters.assembly import Assembly
from exporters.base import Exporter
from exporters.classes import ExportClass
from exporters.extras import absent
from exporters.formats import tfexample
from exporters.formats.numbered import files_of, parts_of, series_names
from exporters.formats.tfexample import Feature, bytes_list, float_list, int64_list
from exporters.holds import Holds
from exporters.item import Item, Placed
from exporters.model import Box, Classification
from exporters.options import ImageOptions
from exporters.pictures import painting
from exporters.shard import Shard

SIGNATURES = {b"\xff\xd8\xff": "jpeg", b"\x89PNG": "png", b"GIF8": "gif", b"BM": "bmp"}
"""How files begin that TensorFlow decodes."""

_FLOATS = struct.Struct("<5f")


class TfrecordOptions(ImageOptions):
    records_per_file: int = Field(default=1000, ge=1, description="The most records that a file has.")


class TfrecordExporter(Exporter[TfrecordOptions]):
    name = "tfrecord"
    description = "TFRecord: pictures with boxes, masks and classes under the keys of TensorFlow's object detection."
    version = 1
    holds = Holds(
        modalities=frozenset({"image"}),
        shapes=frozenset({"box", "polygon", "mask", "classification"}),
        class_numbers="from_1",
        needs_category=True,
        needs_size=True,
        needs_media=True,
        embeds_media=True,
    )
    options = TfrecordOptions

    def check_installed(self) -> None:
        _crc32c()

    def convert(self, item: Item, shard: Shard[TfrecordOptions]) -> None:
        media = item.entry.original
        if media is None or item.size is None:
            shard.leave_out("it has no picture")
            return
        objects: list[tuple[Placed, Sequence[float]]] = []
        labels: list[ExportClass] = []
        kept: list[Placed] = []
        for one in item.annotations:
            if one.category is None:
                continue  # left out by the shard: this format needs one
            if isinstance(one.shape, Classification):
                labels.append(one.category)
            elif (floats := _floats(one, item.size)) is not None:
                objects.append((one, floats))
            else:
                shard.leave_out_annotation(one, "32-bit floats cannot hold its extent or area")
                continue
            kept.append(one)
            if one.annotation.attributes:
                shard.change("attributes are not held")
        features = _picture(item, item.size, shard.read_media(media))
        features |= _objects(objects) | _masks([one for one, _ in objects], item.size, shard.change)
        features["image/class/text"] = bytes_list(one.name.encode() for one in labels)
        features["image/class/label"] = int64_list([one.number for one in labels])
        contents, count = parts_of(item, shard.options.records_per_file)
        shard.append(contents, tfexample.record(tfexample.example(features), _crc32c()))
        shard.append(count, b".")
        shard.keep(kept)

    def assemble(self, package: Assembly[TfrecordOptions]) -> None:
        series = files_of(package)
        for split, name in series_names(series, "data").items():
            files = series[split]
            for number, file in enumerate(files):
                package.file(f"{name}-{number:05}-of-{len(files):05}.tfrecord", file.pieces)
        items = [f"item {{\n  id: {one.number}\n  name: {_quoted(one.name)}\n}}\n" for one in package.classes.classes]
        package.file("label_map.pbtxt", ["".join(items).encode()])


def _crc32c() -> Callable[[bytes], int]:
    try:
        from crc32c import crc32c  # noqa: PLC0415 - only this format needs it
    except ImportError:
        raise absent("tfrecord") from None
    return crc32c


def _floats(one: Placed, size: tuple[int, int]) -> Sequence[float] | None:
    """xmin, xmax, ymin, ymax, area as 32-bit floats hold them; None where they are too large, or nothing is between.

    That rounding also brings an edge which exceeds 1 by the error of a division back to 1.
    """
    box, (width, height) = one.box, size
    if box is None:
        return None
    left, right = box.left / width, (box.left + box.width) / width
    top, bottom = box.top / height, (box.top + box.height) / height
    try:
        floats = _FLOATS.unpack(_FLOATS.pack(left, right, top, bottom, one.area))
    except OverflowError:
        return None
    return floats if floats[0] < floats[1] and floats[2] < floats[3] else None


def _picture(item: Item, size: tuple[int, int], data: bytes | None) -> dict[str, Feature]:
    width, height = size
    features = {
        "image/width": int64_list([width]),
        "image/height": int64_list([height]),
        "image/filename": bytes_list([item.file_name.encode()]),
        "image/source_id": bytes_list([item.entry.id.encode()]),
    }
    if data is not None:
        known = (name for signature, name in SIGNATURES.items() if data.startswith(signature))
        mime_type = (item.entry.original and item.entry.original.mime_type) or ""
        features["image/encoded"] = bytes_list([data])
        features["image/format"] = bytes_list([next(known, mime_type.rpartition("/")[2]).encode()])
        features["image/key/sha256"] = bytes_list([hashlib.sha256(data).hexdigest().encode()])
    return features


def _objects(objects: Sequence[tuple[Placed, Sequence[float]]]) -> dict[str, Feature]:
    keys = ("bbox/xmin", "bbox/xmax", "bbox/ymin", "bbox/ymax", "area")
    features = {
        f"image/object/{key}": float_list([floats[place] for _, floats in objects]) for place, key in enumerate(keys)
    }
    classes = [one.category for one, _ in objects if one.category]
    return features | {
        "image/object/class/text": bytes_list(one.name.encode() for one in classes),
        "image/object/class/label": int64_list([one.number for one in classes]),
        "image/object/is_crowd": int64_list([int(one.annotation.is_crowd) for one, _ in objects]),
    }


def _masks(objects: Sequence[Placed], size: tuple[int, int], change: Callable[[str], None]) -> dict[str, Feature]:
    """The masks of a picture's objects; none at all where they are all boxes."""
    if all(isinstance(one.shape, Box) for one in objects):
        return {}
    pictures = []
    for one in objects:
        if isinstance(one.shape, Box):
            change("its mask is its whole box: others on its picture have one")
        pictures.append(painting.grey_png(painting.pixels(one.shape, *size).astype(np.uint8) * np.uint8(255)))
    return {"image/object/mask": bytes_list(pictures)}


def _quoted(text: str) -> str:
    """A text in the text form of protocol buffers."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if one >= " " and one != "\x7f" else f"\\{ord(one):03o}" for one in escaped) + '"'
