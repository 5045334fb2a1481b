"""COCO's compressed run lengths: the text form of a mask's runs.

Each run is written as the difference to the one two before it (from the fourth on), in groups of five bits from the
lowest; bit 5 of a group says that more follow, the highest bit of the last one is the sign. 48 is added to each group,
so that all of it is ASCII.
"""

from __future__ import annotations

from collections.abc import Sequence

from exporters.errors import FatalError

LONGEST_BITS = 60
"""Of a run; a text of nothing but continued groups would be one number of millions of bits."""


def compress(counts: Sequence[int]) -> str:
    text = bytearray()
    for index, run in enumerate(counts):
        value = run - counts[index - 2] if index > 2 else run
        more = True
        while more:
            group = value & 0x1F
            value >>= 5
            more = value != -1 if group & 0x10 else value != 0
            text.append((group | 0x20 if more else group) + 48)
    return text.decode("ascii")


def decompress(text: str) -> tuple[int, ...]:
    """The inverse of `compress`.

    Raises:
        FatalError: the text is no run lengths, or ends within one.
    """
    counts: list[int] = []
    value = shift = 0
    more = False
    for character in text.encode():
        group = character - 48
        if not 0 <= group < 64 or shift > LONGEST_BITS:
            raise FatalError(f"The run lengths {text[:40]!r} are none that a picture has; draw the mask again.")
        value |= (group & 0x1F) << shift
        shift += 5
        more = bool(group & 0x20)
        if not more:
            if group & 0x10:
                value |= -1 << shift
            counts.append(value + counts[-2] if len(counts) > 2 else value)
            value = shift = 0
    if more:
        raise FatalError(f"The run lengths {text[:40]!r} end in the middle of a run; draw the mask again.")
    return tuple(counts)
