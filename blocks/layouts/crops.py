"""Masks that formats keep as the rectangle around their pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from exporters.formats.mask_images import MOST_PIXELS
from exporters.model import Mask, Unknown
from exporters.shapes import masks

if TYPE_CHECKING:
    from exporters.shapes.masks import Pixels

DOES_NOT_FIT = Unknown("mask that does not fit its picture")


def on_picture(crop: Pixels, left: int, top: int, size: tuple[int, int]) -> Mask | Unknown:
    """The mask of a picture of this size whose pixels from `left` and `top` on are those of the crop."""
    if not 0 < size[0] * size[1] <= MOST_PIXELS:
        return Unknown("mask on a picture of unknown or enormous size")
    height, width = crop.shape
    if left < 0 or top < 0 or left + width > size[0] or top + height > size[1]:
        return DOES_NOT_FIT
    pixels = np.zeros(size[::-1], np.bool_)
    pixels[top : top + height, left : left + width] = crop
    return masks.from_pixels(pixels)
