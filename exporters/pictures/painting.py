"""Shapes to pixels, and pixels to PNG files.

A pixel belongs to a shape when its centre lies inside; edges are hard, nothing is blended. Arrays have the shape
(height, width). A file's bytes depend on its pixels alone, not on the machine or a library's version.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import TYPE_CHECKING

from exporters.arrays import np
from exporters.model import Box, Ellipse, Mask, Part, Polygon, RotatedBox, Shape, Skeleton, shape_name
from exporters.pictures import deflate
from exporters.shapes import geometry, masks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from exporters.shapes.masks import Pixels

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _INDEXED = 0, 3
_FILTER_UP = 2


def pixels(shape: Shape, width: int, height: int) -> Pixels:
    """What a shape covers of a picture of `width` x `height`; a mask must be of that size.

    Nothing is covered by shapes between two pixel centres, nor by a skeleton without an outline.
    """
    match shape:
        case Box():
            return _box(shape, width, height)
        case RotatedBox():
            return masks.rasterize([Part(geometry.corners(shape))], width, height)
        case Ellipse():
            return _ellipse(shape, width, height)
        case Polygon(parts):
            return masks.rasterize(parts, width, height)
        case Mask():
            return masks.to_pixels(shape)
        case Skeleton():
            if shape.outline is not None:
                return pixels(shape.outline, width, height)
            return np.zeros((height, width), dtype=np.bool_)
        case _:
            raise NotImplementedError(shape_name(shape))


def _columns_and_rows(box: Box, width: int, height: int) -> tuple[slice, slice]:
    """The pixels whose centre lies within the box, on its left or top edge included, as in `masks.rasterize`."""
    left, top, right, bottom = geometry.ltwh_to_ltrb(box)
    across, down = (
        slice(*(min(max(math.ceil(edge - 0.5), 0), most) for edge in edges))
        for edges, most in (((left, right), width), ((top, bottom), height))
    )
    return across, down


def _box(box: Box, width: int, height: int) -> Pixels:
    painted = np.zeros((height, width), dtype=np.bool_)
    across, down = _columns_and_rows(box, width, height)
    painted[down, across] = True
    return painted


def _ellipse(ellipse: Ellipse, width: int, height: int) -> Pixels:
    painted = np.zeros((height, width), dtype=np.bool_)
    around = geometry.bounds(ellipse)
    if around is None or not (ellipse.radius_x and ellipse.radius_y):
        return painted
    across, down = _columns_and_rows(around, width, height)
    x = np.arange(across.start, across.stop) + 0.5 - ellipse.center_x
    y = np.arange(down.start, down.stop)[:, np.newaxis] + 0.5 - ellipse.center_y
    cos, sin = math.cos(ellipse.angle), math.sin(ellipse.angle)
    along, aside = (x * cos + y * sin) / ellipse.radius_x, (y * cos - x * sin) / ellipse.radius_y
    painted[down, across] = along * along + aside * aside <= 1
    return painted


# -- files ------------------------------------------------------------------------------------------------------------


def _voc_palette() -> bytes:
    """Of each number, bits 0, 1, 2 are the highest of red, green, blue, bits 3, 4, 5 the next, and so on."""
    colors = bytearray()
    for number in range(256):
        for channel in range(3):
            colors.append(sum((number >> 3 * place + channel & 1) << 7 - place for place in range(8)))
    return bytes(colors)


VOC_PALETTE = _voc_palette()
"""256 colours as red, green, blue: those of Pascal VOC, which most viewers of segmentations use."""


def color(number: int) -> tuple[int, int, int]:
    """The colour of a number from 0 to 255 in VOC_PALETTE, as red, green, blue."""
    red, green, blue = VOC_PALETTE[3 * number : 3 * number + 3]
    return red, green, blue


def indexed_png(values: NDArray[np.uint8], palette: bytes = VOC_PALETTE) -> bytes:
    """A PNG file whose pixels are `values`, shown in the colours of the palette: red, green, blue of each value."""
    return _png(values, _INDEXED, _chunk(b"PLTE", palette))


def grey_png(values: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """A PNG file whose pixels are `values`: 8 or 16 bits deep, as the array is."""
    return _png(values, _GREY)


def _png(values: NDArray[np.uint8] | NDArray[np.uint16], color_type: int, palette: bytes = b"") -> bytes:
    height, width = values.shape
    header = struct.pack(">IIBBBBB", width, height, 8 * values.itemsize, color_type, 0, 0, 0)
    stored = np.ascontiguousarray(values, values.dtype.newbyteorder(">")).view(np.uint8)
    # Each row as its difference to the one above: zeros, but where an edge is crossed.
    filtered = np.empty((height, stored.shape[1] + 1), np.uint8)
    filtered[:, 0] = _FILTER_UP
    filtered[:1, 1:] = stored[:1]
    np.subtract(stored[1:], stored[:-1], out=filtered[1:, 1:])
    data = _chunk(b"IDAT", deflate.compress(filtered.tobytes()))
    return _SIGNATURE + _chunk(b"IHDR", header) + palette + data + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
