"""Writes Motion JPEG in an AVI container: the plainest video file there is, a list of pictures with an index."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction

_HAS_INDEX, _IS_KEY_FRAME = 0x10, 0x10
_FRAME = b"00dc"  # stream 0, a compressed picture


def write_avi(frames: Sequence[bytes], *, width: int, height: int, fps: Fraction) -> bytes:
    """``frames`` are JPEG files of ``width`` x ``height`` pixels, one a frame; ``fps`` may be 30000/1001."""
    largest = max(map(len, frames))
    main_header = struct.pack(
        "<14I",
        *(round(1_000_000 / fps), largest * round(fps), 0, _HAS_INDEX, len(frames), 0, 1, largest, width, height),
        *(0, 0, 0, 0),
    )
    stream_header = struct.pack(
        "<4s4sIHHIIIIIIII4H",
        *(b"vids", b"MJPG", 0, 0, 0, 0, fps.denominator, fps.numerator, 0, len(frames), largest, 0xFFFFFFFF, 0),
        *(0, 0, width, height),
    )
    picture_header = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, b"MJPG", width * height * 3, 0, 0, 0, 0)
    stream = _list(b"strl", _chunk(b"strh", stream_header) + _chunk(b"strf", picture_header))
    header = _list(b"hdrl", _chunk(b"avih", main_header) + stream)
    index, offset = bytearray(), 4  # offsets count from the name of the list of frames
    for frame in frames:
        index += struct.pack("<4sIII", _FRAME, _IS_KEY_FRAME, offset, len(frame))
        offset += len(_chunk(_FRAME, frame))
    movie = _list(b"movi", b"".join(_chunk(_FRAME, frame) for frame in frames))
    return _chunk(b"RIFF", b"AVI " + header + movie + _chunk(b"idx1", bytes(index)))


def _chunk(name: bytes, content: bytes) -> bytes:
    """Padded to an even length, which its own length does not tell."""
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _list(name: bytes, content: bytes) -> bytes:
    return _chunk(b"LIST", name + content)
