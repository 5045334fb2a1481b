"""Label Studio's run lengths of a brush: packed bits over the four bytes of every pixel, row by row.

A head says how many bytes there are (32 bits), how many bits one has (5 bits, less one), and how many bits the four
kinds of run use for their length (4 bits each, less one). A run is a bit 1, its kind in 2 bits, its length less one,
and the byte that is repeated: 255 where the brush has painted, else 0. Zero bits fill the last byte.
"""

from __future__ import annotations

from exporters.model import Mask
from exporters.shapes import masks

CHANNELS = 4
_SIZES = (3, 4, 8, 16)
_HEAD = f"{8 - 1:05b}" + "".join(f"{size - 1:04b}" for size in _SIZES)
_LONGEST = 1 << _SIZES[-1]


def encode(mask: Mask) -> list[int]:
    """The bytes of a sound mask's code."""
    along_rows = masks.from_pixels(masks.to_pixels(mask).T).counts  # down the columns of the transposed picture
    bits = [f"{mask.width * mask.height * CHANNELS:032b}", _HEAD]
    for index, pixels in enumerate(along_rows):
        value = "1" * 8 if index % 2 else "0" * 8
        length = pixels * CHANNELS
        while length:
            run = min(length, _LONGEST)
            kind = next(kind for kind, size in enumerate(_SIZES) if run <= 1 << size)
            bits.append(f"1{kind:02b}{run - 1:0{_SIZES[kind]}b}{value}")
            length -= run
    text = "".join(bits)
    count = -(-len(text) // 8)
    return list(int(text.ljust(count * 8, "0"), 2).to_bytes(count))
