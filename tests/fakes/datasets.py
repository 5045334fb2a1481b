"""Small datasets in the record model, one call each."""

from __future__ import annotations

import functools
import hashlib
import io
import zlib
from collections.abc import Iterable
from typing import Any

import orjson
from msgspec import Raw
from PIL import Image

from exporters.model import (
    SHAPES,
    Annotation,
    Box,
    Category,
    Classification,
    Dataset,
    Ellipse,
    Entry,
    Keyframe,
    Mask,
    Media,
    Part,
    Polygon,
    Polyline,
    Relation,
    RotatedBox,
    Shape,
    Skeleton,
    TextSpan,
    TimeSpan,
    Track,
    Unknown,
)
from exporters.pictures.upright import MediaFile

WIDTH, HEIGHT = 64, 48
KEYPOINTS = ("nose", "left_hand", "right_hand")

CATEGORIES = (
    Category(id="c-car", name="car", parent="vehicle"),
    Category(id="c-person", name="person", keypoints=KEYPOINTS, skeleton=((0, 1), (0, 2))),
    Category(id="c-tree", name="tree"),
)
PERSON = "c-person"

SQUARE = Polygon((Part(((10.0, 10.0), (20.0, 10.0), (20.0, 20.0), (10.0, 20.0))),))
RING = Polygon(
    (
        Part(
            ((4.0, 4.0), (24.0, 4.0), (24.0, 24.0), (4.0, 24.0)),
            (((10.0, 10.0), (18.0, 10.0), (18.0, 18.0), (10.0, 18.0)),),
        ),
    )
)
"""With a hole."""
PAIR = Polygon((*SQUARE.parts, Part(((30.0, 30.0), (40.0, 30.0), (40.0, 44.0)))))
"""One object of two parts."""
BLOB = Mask(WIDTH, HEIGHT, (HEIGHT * 5 + 3, 4, HEIGHT - 4, 6, HEIGHT * (WIDTH - 6) - 9))
"""Two columns of pixels, 4 and 6 high."""


def one_of_each() -> dict[str, Shape]:
    """A sound shape of every kind by name, all within WIDTH x HEIGHT; the skeleton has the points of PERSON."""
    shapes: dict[str, Shape] = {
        "box": Box(8.0, 6.0, 16.5, 12.25),
        "rotated_box": RotatedBox(30.0, 20.0, 12.0, 6.0, 0.5),
        "ellipse": Ellipse(30.0, 20.0, 9.0, 4.0, 0.25),
        "polygon": SQUARE,
        "polyline": Polyline(((1.0, 1.0), (5.0, 9.0), (12.0, 3.0))),
        "mask": BLOB,
        "skeleton": Skeleton(((12.0, 5.0), (6.0, 14.0), (0.0, 0.0)), (2, 1, 0)),
        "track": Track(
            (
                Keyframe(2, Box(8.0, 6.0, 16.0, 12.0)),
                Keyframe(6, Box(12.0, 10.0, 16.0, 12.0)),
                Keyframe(8, Box(12.0, 10.0, 16.0, 12.0), is_outside=True),
            )
        ),
        "text_span": TextSpan(4, 7, "met"),
        "time_span": TimeSpan(0.5, 2.25),
        "relation": Relation("e1-a1", "e1-a2"),
        "classification": Classification(),
        "unknown": Unknown("cuboid"),
    }
    if shapes.keys() != SHAPES.keys():  # a shape that joins the model joins every test
        raise AssertionError(SHAPES.keys() - shapes.keys())
    return shapes


def record(**values: Any) -> Raw:
    return Raw(orjson.dumps(values))


def dataset(id_: str = "d1", categories: Iterable[Category] = CATEGORIES, **values: Any) -> Dataset:
    defaults: dict[str, Any] = {"name": f"Dataset {id_}", "modality": "image", "raw": record(id=id_)}
    return Dataset(id=id_, categories=tuple(categories), **(defaults | values))


def picture(id_: str, **values: Any) -> Media:
    defaults: dict[str, Any] = {
        "name": f"{id_}.png",
        "ref": f"ref/{id_}",
        "mime_type": "image/png",
        "width": WIDTH,
        "height": HEIGHT,
        "raw": record(media=id_),
    }
    return Media(id=id_, **(defaults | values))


def annotation(id_: str, shape: Shape, **values: Any) -> Annotation:
    category_id = PERSON if isinstance(shape, Skeleton) else "c-car"
    defaults: dict[str, Any] = {"category_id": category_id, "raw": record(annotation=id_)}
    return Annotation(id=id_, shape=shape, **(defaults | values))


def entry(id_: str, *shapes: Shape | Annotation, **values: Any) -> Entry:
    """An entry with one picture and an annotation for each shape."""
    annotations = tuple(
        shape if isinstance(shape, Annotation) else annotation(f"{id_}-a{index}", shape)
        for index, shape in enumerate(shapes, 1)
    )
    defaults: dict[str, Any] = {
        "dataset_id": "d1",
        "name": f"{id_}.png",
        "medias": (picture(f"{id_}-m"),),
        "annotations": annotations,
        "raw": record(entry=id_),
    }
    return Entry(id=id_, **(defaults | values))


TEXT = "Ada met Émile in Köln 🦖.\nThey walked."
"""What a text entry says."""


def media_bytes(media: Media) -> bytes:
    """The bytes of a media, unlike for unlike `ref`s: a real picture of its size, a text, or what stands for it."""
    kind = (media.mime_type or "").partition("/")[0]
    if kind == "image" and media.width and media.height:
        return _png(media.width, media.height, media.ref)
    return TEXT.encode() if kind == "text" else b"bytes of " + media.ref.encode("utf-8", "surrogatepass")


@functools.cache
def _png(width: int, height: int, ref: str) -> bytes:
    """A picture of one colour, made of `ref`."""
    color = tuple(hashlib.sha256(ref.encode("utf-8", "surrogatepass")).digest()[:3])
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), color).save(buffer, "PNG", compress_level=0)  # the same bytes from any zlib
    return buffer.getvalue()


def fetched(media: Media) -> MediaFile:
    """The file of a media as if it had been fetched, of the size that the source says."""
    data = media_bytes(media)
    return MediaFile(
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        crc32=zlib.crc32(data),
        width=media.width,
        height=media.height,
    )
