"""The brush of Ango Hub: all traces on an image in one PNG, each class in its colour on nothing.

Only the project's label set tells the colours. A pixel is painted where it is at least half opaque; its colour may be
off by the rounding of a browser's canvas. Pixels of a colour that no class has, or that several share, become a mask
without a category, so that they are counted as what they are. White is the colour of masks that were uploaded by the
hub's own tools: it is that of the only class of the brush, where there is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blocks.ango.ontology import Color
from blocks.pictures import UnreadablePictureError, decoded
from exporters.model import Mask
from exporters.shapes import masks

HALF_OPAQUE = 128
ROUNDING = 3
"""By which a channel of a trace may differ from that of its class."""
MOST_STRANGE_COLORS = 16
"""More of them are no traces, but a picture."""
WHITE: Color = (255, 255, 255)


class Trace(NamedTuple):
    """The pixels of one class; `schema_id` is None for a colour that tells none."""

    schema_id: str | None
    color: str
    mask: Mask


class UnreadableBrushError(ValueError):
    """A PNG that is none, or does not fit its image; its text says what is wrong."""


def decode(data: bytes, colors: Mapping[Color, Sequence[str]], size: tuple[int, int] | None) -> list[Trace]:
    """The masks of a brush PNG, in the order of the classes, those without one behind them.

    Args:
        data: the file.
        colors: the classes of the brush, by colour.
        size: width and height of the image, where they are known.

    Raises:
        UnreadableBrushError: there are no masks to be had from it.
    """
    pixels = _pixels(data, size)
    left = pixels[..., 3] >= HALF_OPAQUE
    traces = []
    for color, schema_ids in _with_white(colors).items():
        is_close = left & (np.abs(pixels[..., :3].astype(np.int16) - color) <= ROUNDING).all(axis=2)
        if is_close.any():
            left &= ~is_close
            traces.append(_trace(schema_ids, color, is_close))
    strange = np.unique(pixels[left][:, :3], axis=0)
    if len(strange) > MOST_STRANGE_COLORS:
        raise UnreadableBrushError("brush in more colours than there are classes")
    for red, green, blue in strange.tolist():
        is_same = left & (pixels[..., :3] == (red, green, blue)).all(axis=2)
        traces.append(_trace((), (red, green, blue), is_same))
    return traces


def _pixels(data: bytes, size: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Of shape (height, width, 4): red, green, blue, opacity."""
    try:
        with decoded(data) as image:
            if size and image.size != size:
                raise UnreadableBrushError("brush of another size than its image")
            return np.asarray(image.convert("RGBA"))
    except UnreadablePictureError:
        raise UnreadableBrushError("brush that cannot be read") from None


def _with_white(colors: Mapping[Color, Sequence[str]]) -> Mapping[Color, Sequence[str]]:
    classes = [one for schema_ids in colors.values() for one in schema_ids]
    return {**colors, WHITE: classes} if len(classes) == 1 and WHITE not in colors else colors


def _trace(schema_ids: Sequence[str], color: Color, painted: masks.Pixels) -> Trace:
    schema_id = schema_ids[0] if len(schema_ids) == 1 else None
    return Trace(schema_id, "#{:02x}{:02x}{:02x}".format(*color), masks.from_pixels(painted))
