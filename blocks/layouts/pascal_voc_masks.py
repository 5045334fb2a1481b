"""The masks of Pascal VOC: `SegmentationObject/<stem>.png`, whose values are places of objects from 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blocks.layouts.opened import Folder
from blocks.pictures import decoded
from exporters.errors import RequestError
from exporters.formats.mask_images import MOST_PIXELS
from exporters.model import Mask
from exporters.pictures import painting
from exporters.shapes import masks

IGNORED = 255
_COLORS = {
    int.from_bytes(painting.VOC_PALETTE[3 * number : 3 * number + 3]): number
    for number in reversed(range(len(painting.VOC_PALETTE) // 3))
}
_OF_NO_OBJECT = 256
"""Stands for colours that are not in VOC's palette."""


def read_masks(folder: Folder, path: str, size: tuple[int, int]) -> dict[int, Mask]:
    """The mask of each object by its place, from 1; pixels of no object and those to be ignored are left away.

    Raises:
        RequestError: it is no picture of this size.
    """
    values = _values(folder, path, size)
    places = set(np.unique(values).tolist()) - {0, IGNORED}
    return {place: masks.from_pixels(values == place) for place in sorted(places)}


def _values(folder: Folder, path: str, size: tuple[int, int]) -> NDArray[np.uint16]:
    """The numbers that pixels stand for: of a palette or grey PNG its own, of others those of their colours."""
    shown = folder.shown_file(path)
    if size[0] * size[1] > MOST_PIXELS:
        raise RequestError(f"{shown} is too large to be read in memory; split the picture.")
    try:
        with decoded(folder.storage.read(path)) as picture:
            if picture.size != size:
                raise RequestError(f"{shown} is not of the size that its XML says; correct one of them.")
            if picture.mode in ("P", "L"):
                return np.asarray(picture).astype(np.uint16)
            red, green, blue = np.moveaxis(np.asarray(picture.convert("RGB")).astype(np.uint32), 2, 0)
    except ValueError as error:
        raise RequestError(f"{shown} is no picture that can be read ({error}); put a whole one there.") from None
    colors, places = np.unique(red << 16 | green << 8 | blue, return_inverse=True)
    known = np.array([_COLORS.get(color, _OF_NO_OBJECT) for color in colors.tolist()], np.uint16)
    return known[places].reshape(size[::-1])
