"""Label Studio's run lengths of a brush, read back; `exporters.shapes.brushrle` says how they are packed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from exporters.formats.mask_images import MOST_PIXELS
from exporters.model import Mask
from exporters.shapes import masks
from exporters.shapes.brushrle import CHANNELS


def decode(data: Sequence[int], size: tuple[int, int]) -> Mask:
    """The painted pixels of a picture of this size: those of which the fourth byte, the opacity, is not 0.

    Raises:
        ValueError: the bytes are no mask of this size.
    """
    width, height = size
    if width * height > MOST_PIXELS:
        raise ValueError("it is too large to be read in memory")
    bits = _Bits(bytes(data))
    total = bits.take(32)
    if total != width * height * CHANNELS:
        raise ValueError("it is not of the size of its picture")
    word = bits.take(5) + 1
    lengths = [bits.take(4) + 1 for _ in range(4)]
    values = np.empty(total, np.uint32)
    done = 0
    while done < total:
        is_run, kind = bits.take(1), bits.take(2)
        count = bits.take(lengths[kind]) + 1
        if done + count > total:
            raise ValueError("its runs are longer than it")
        values[done : done + count] = bits.take(word) if is_run else list(bits.words(count, word))
        done += count
    return masks.from_pixels(values.reshape((height, width, CHANNELS))[:, :, CHANNELS - 1] > 0)


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> int:
        """The number in the next bits."""
        start, self._at = self._at, self._at + count
        if self._at > 8 * len(self._data):
            raise ValueError("it ends in the middle")
        first, last = start // 8, -(-self._at // 8)
        return int.from_bytes(self._data[first:last]) >> (8 * last - self._at) & ((1 << count) - 1)

    def words(self, count: int, size: int) -> Iterator[int]:
        return (self.take(size) for _ in range(count))
