"""TensorFlow's records without TensorFlow: `tf.train.Example` messages, and the frame that a TFRecord puts around each.

An Example is a map from names to lists of bytes, 32-bit floats, or 64-bit integers. Written here with its names sorted,
so that the same features give the same bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence

Feature = bytes
"""An encoded list of one of the three kinds."""

_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3


def bytes_list(values: Iterable[bytes]) -> Feature:
    return _field(_BYTES_LIST, b"".join(_field(1, value) for value in values))


def float_list(values: Sequence[float]) -> Feature:
    return _field(_FLOAT_LIST, _field(1, struct.pack(f"<{len(values)}f", *values)) if values else b"")


def int64_list(values: Sequence[int]) -> Feature:
    """Of numbers from 0."""
    return _field(_INT64_LIST, _field(1, b"".join(map(_varint, values))) if values else b"")


def example(features: Mapping[str, Feature]) -> bytes:
    """An Example of these features."""
    pairs = (_field(1, name.encode()) + _field(2, features[name]) for name in sorted(features))
    return _field(1, b"".join(_field(1, pair) for pair in pairs))


def record(data: bytes, crc32c: Callable[[bytes], int]) -> bytes:
    """The frame of a TFRecord: the length, its checksum, the data, their checksum, all little-endian."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, _masked(crc32c(length)), data, _masked(crc32c(data))))


def _masked(checksum: int) -> bytes:
    """A checksum as the frame has it: turned by 15 bits and moved, as data may hold checksums of its own."""
    turned = checksum >> 15 | checksum << 17 & 0xFFFFFFFF
    return struct.pack("<I", turned + 0xA282EAD8 & 0xFFFFFFFF)


def _field(number: int, data: bytes) -> bytes:
    """A field of a message, of a number below 16, that says its length."""
    return b"".join((bytes((number << 3 | 2,)), _varint(len(data)), data))


def _varint(value: int) -> bytes:
    """Seven bits a byte from the lowest; the top bit says that more follow."""
    if value < 0x80:
        return bytes((value,))
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
