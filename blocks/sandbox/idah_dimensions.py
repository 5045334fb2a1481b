"""Shapes as IDAH stores them: fractions of the image's width and height; masks as run lengths of 128 x 128 tiles."""

import base64
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blocks.sandbox.shapes import Box, Circle, Ellipse, Line, Mask, Point, Polygon, Shape

TILE_PIXELS = 128
LONGEST_ONE_BYTE_RUN = 0x7F


def dimensions_of(shape: Shape, width: int, height: int) -> dict[str, Any]:
    """An annotation's ``dimensions`` for a shape on an image of ``width`` x ``height`` pixels."""

    def fraction(point: Point) -> list[float]:
        return [point[0] / width, point[1] / height]

    match shape:
        case Box(angle=angle, corners=corners):
            points = [fraction(corner) for corner in corners]
            return {"type": "idah-image:bounding-box", "points": points, "angle": angle}
        case Polygon(points=vertices):
            return {"type": "idah-image:polygon", "points": [fraction(vertex) for vertex in vertices]}
        case Line(start, end):
            return {"type": "idah-image:line", "points": [fraction(start), fraction(end)]}
        case Circle(cx, cy, radius):
            shortest = min(width, height)
            return {"type": "idah-image:circle", "points": [fraction((cx, cy))], "radius": radius / shortest}
        case Ellipse(cx, cy, rx, ry, angle):
            points = [fraction((cx, cy)), fraction((rx, ry))]
            return {"type": "idah-image:ellipse", "points": points, "angle": angle}
        case Mask(pixels):
            return {"type": "idah-image:mask", "points": [], **encode_tiles(pixels)}


def encode_tiles(pixels: NDArray[np.bool_]) -> dict[str, dict[str, str]]:
    """The painted tiles of a mask (H, W): ``tile-<column>x<row>`` to run lengths; tiles without paint are left out.

    Tiles at the right and bottom border hang over the image and are unpainted there.
    """
    height, width = pixels.shape
    padded = np.pad(pixels, ((0, -height % TILE_PIXELS), (0, -width % TILE_PIXELS)))
    tiles = {}
    for row in range(padded.shape[0] // TILE_PIXELS):
        for column in range(padded.shape[1] // TILE_PIXELS):
            top, left = row * TILE_PIXELS, column * TILE_PIXELS
            tile = padded[top : top + TILE_PIXELS, left : left + TILE_PIXELS]
            if tile.any():
                tiles[f"tile-{column}x{row}"] = {"rle": encode_tile(tile)}
    return tiles


def encode_tile(tile: NDArray[np.bool_]) -> str:
    """Run lengths of one tile, row by row, beginning with unpainted pixels, the last run left out, in base64.

    Runs up to 127 take a byte; longer ones take two, the first with its top bit set.
    """
    flat = tile.ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts = [0, *changes.tolist()]
    runs = [after - before for before, after in pairwise(starts)]
    if flat[0]:
        runs.insert(0, 0)
    encoded = bytearray()
    for run in runs:
        if run > LONGEST_ONE_BYTE_RUN:
            encoded.append(0x80 | run >> 8)
        encoded.append(run & 0xFF)
    return base64.b64encode(encoded).decode("ascii")
