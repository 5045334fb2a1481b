"""Label Studio's run lengths of brushes, read by a decoder written from the description of the code."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from exporters.model import Mask
from exporters.shapes import brushrle, masks
from tests import strategies


def decode(code: list[int], width: int, height: int) -> masks.Pixels:
    """The painted pixels: where the alpha channel, the last of each pixel's four bytes, is 255."""
    assert all(type(byte) is int and 0 <= byte <= 255 for byte in code)
    bits = "".join(f"{byte:08b}" for byte in code)
    at = 0

    def take(count: int) -> int:
        nonlocal at
        at += count
        return int(bits[at - count : at], 2)

    count = take(32)
    assert count == 4 * width * height
    word = take(5) + 1
    sizes = [take(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < count:
        is_run = take(1)
        length = take(sizes[take(2)]) + 1
        values += [take(word)] * length if is_run else [take(word) for _ in range(length)]
    assert len(values) == count
    assert "1" not in bits[at:]
    channels = np.array(values, np.uint8).reshape(height, width, 4)
    assert set(np.unique(channels)) <= {0, 255}
    return channels[:, :, 3] == 255


@given(strategies.pixels())
def test_pixels_come_back(pixels: masks.Pixels) -> None:
    """Any mask decodes to its pixels, row by row."""
    height, width = pixels.shape
    assert (decode(brushrle.encode(masks.from_pixels(pixels)), width, height) == pixels).all()


def test_long_runs_are_cut() -> None:
    """Runs of any length fit in: those of more than 65,536 bytes, and exactly so many, are cut."""
    for width, painted in ((16384, 16384), (16385, 16385), (40000, 39999), (40000, 1)):
        pixels = np.zeros((2, width), dtype=np.bool_)
        pixels[1, :painted] = True
        assert (decode(brushrle.encode(masks.from_pixels(pixels)), width, 2) == pixels).all()


def test_code_of_a_small_mask() -> None:
    """A mask of 4 x 6 pixels begins with how many bytes it has, 96."""
    code = brushrle.encode(Mask(4, 6, (24,)))
    assert code[:4] == [0, 0, 0, 96]
