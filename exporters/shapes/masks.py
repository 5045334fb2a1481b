"""Masks: run lengths down the columns (the model's and COCO's order) to pixels and back.

Arrays are boolean, of shape (height, width). Nothing here holds more than one mask.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from exporters.arrays import np
from exporters.model import Box, Mask, Part, Point

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.bool_]


def from_pixels(pixels: Pixels) -> Mask:
    height, width = pixels.shape
    column_major = np.concatenate(([False], pixels.ravel(order="F")))
    changes = np.flatnonzero(column_major[1:] != column_major[:-1])
    counts = np.diff(np.concatenate(([0], changes, [width * height])))
    return Mask(width, height, tuple(counts.tolist()) if width * height else ())


MOST_PIXELS = 1 << 28
"""Of a picture that is painted in memory, a byte a pixel."""


class TooLargeError(ValueError):
    """A picture is too large to be painted in memory; run lengths and outlines on it may be sound."""


def check_paintable(width: int, height: int) -> None:
    """Raise TooLargeError for a picture that is too large."""
    if width * height > MOST_PIXELS:
        raise TooLargeError(f"a picture of {width} x {height} pixels is too large to be painted")


def to_pixels(mask: Mask) -> Pixels:
    """Raises TooLargeError."""
    check_paintable(mask.width, mask.height)
    values = np.arange(len(mask.counts)) % 2 == 1
    return np.repeat(values, mask.counts).reshape((mask.height, mask.width), order="F")


def is_sound(mask: Mask) -> bool:
    """True when the runs are whole and add up to the size they claim."""
    is_picture = mask.width >= 0 and mask.height >= 0
    return is_picture and all(run >= 0 for run in mask.counts) and sum(mask.counts) == mask.width * mask.height


def area(mask: Mask) -> int:
    """Painted pixels."""
    return sum(mask.counts[1::2])


def bounds(mask: Mask) -> Box | None:
    """The smallest box around the painted pixels, half-open; None for an empty mask."""
    ends = np.cumsum(np.asarray(mask.counts, dtype=np.int64))
    starts, stops = ends[0::2][: len(mask.counts) // 2], ends[1::2]
    painted = stops > starts
    if not painted.any():
        return None
    starts, lasts = starts[painted], stops[painted] - 1
    first_columns, last_columns = starts // mask.height, lasts // mask.height
    if (first_columns != last_columns).any():  # it runs over the foot of a column and on from the head of the next
        top, bottom = 0, mask.height - 1
    else:
        top, bottom = int((starts % mask.height).min()), int((lasts % mask.height).max())
    left, right = int(first_columns.min()), int(last_columns.max())
    return Box(float(left), float(top), float(right - left + 1), float(bottom - top + 1))


def to_upright(mask: Mask, orientation: int) -> Mask:
    """The mask of a stored picture, moved onto the picture as EXIF orientation 1 to 8 shows it."""
    pixels = to_pixels(mask)
    if orientation >= 5:
        pixels = pixels.T
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return from_pixels(pixels)


def rasterize(parts: Sequence[Part], width: int, height: int) -> Pixels:
    """The pixels whose centre lies in any of the parts and in none of that part's holes.

    pycocotools rounds outlines to fifths of a pixel first: it may decide otherwise about pixels that one cuts in half.

    Raises:
        TooLargeError: the picture cannot be painted.
    """
    check_paintable(width, height)
    pixels = np.zeros((height, width), dtype=np.bool_)
    for part in parts:
        window = _window(part.ring, width, height)
        painted = _fill(part.ring, window)
        for hole in part.holes:
            painted &= ~_fill(hole, window)
        left, top, right, bottom = window
        pixels[top:bottom, left:right] |= painted
    return pixels


def _window(ring: Sequence[Point], width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the pixels that a ring reaches; one speck costs no more than its own pixels."""
    xs, ys = [x for x, _ in ring], [y for _, y in ring]
    left, top = max(0, math.floor(min(xs))), max(0, math.floor(min(ys)))
    return left, top, max(left, min(width, math.ceil(max(xs)))), max(top, min(height, math.ceil(max(ys))))


def _fill(ring: Sequence[Point], window: tuple[int, int, int, int]) -> Pixels:
    """Even-odd rule at pixel centres, one row at a time: between the 1st and 2nd crossing, the 3rd and 4th, ..."""
    left, top, right, bottom = window
    pixels = np.zeros((bottom - top, right - left), dtype=np.bool_)
    x, y = np.asarray(ring, dtype=np.float64).T
    next_x, next_y = np.roll(x, -1), np.roll(y, -1)
    for row in range(max(top, int(np.floor(y.min()))), min(bottom, int(np.ceil(y.max())))):
        center = row + 0.5
        crossed = (y <= center) != (next_y <= center)
        slope = (next_x[crossed] - x[crossed]) / (next_y[crossed] - y[crossed])
        crossings = np.sort(x[crossed] + (center - y[crossed]) * slope)
        columns = np.clip(np.ceil(crossings - 0.5), left, right).astype(np.int64) - left
        for enter, leave in zip(columns[0::2], columns[1::2], strict=True):
            pixels[row - top, enter:leave] = True
    return pixels
