"""IDAH's masks: a sparse set of tiles of pixels, each in run lengths of its own."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from exporters.model import Mask
from exporters.shapes import masks

TILE = 128
"""Pixels along each side of a tile."""

_TILE_KEY = re.compile(r"tile-([0-9]+)x([0-9]+)", re.ASCII)


def to_mask(dimensions: Mapping[str, Any], size: tuple[int, int]) -> Mask:
    """A mask from its tiles. Tiles at the border hang over the picture; what they paint there is cut off.

    Raises:
        ValueError: a tile's run lengths cannot be read, or the picture is too large to be painted.
    """
    width, height = size
    masks.check_paintable(width, height)
    pixels = np.zeros((height, width), dtype=np.bool_)
    for key, tile in dimensions.items():
        match = _TILE_KEY.fullmatch(key)
        if match:
            left, top = int(match[1]) * TILE, int(match[2]) * TILE
            view = pixels[top : top + TILE, left : left + TILE]
            view |= decode_tile(tile["rle"])[: view.shape[0], : view.shape[1]]
    return masks.from_pixels(pixels)


def decode_tile(text: str) -> masks.Pixels:
    """A tile of 128 x 128 pixels from base64 run lengths: row by row, zeros first, the last run not written.

    Raises:
        ValueError: the text is no base64, ends within a run, or has runs for more pixels than there are.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    runs, position = [], 0
    while position < len(data):
        run = data[position]
        position += 1
        if run & 0x80:
            if position == len(data):
                raise ValueError("a run of two bytes is cut after the first")
            run = (run & 0x7F) << 8 | data[position]
            position += 1
        runs.append(run)
    rest = TILE * TILE - sum(runs)
    if rest < 0:
        raise ValueError("the runs paint more pixels than a tile has")
    runs.append(rest)
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(TILE, TILE)
