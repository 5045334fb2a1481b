"""Compression that gives the same bytes everywhere, for pictures of few colours.

What zlib makes of the same input differs between its versions and their replacements, and a delivered file must not.
So this writes the simplest compressed stream there is (RFC 1950, RFC 1951): the fixed code, and no repetition but that
of the byte before. Pictures of areas, filtered row by row, are long runs of zeros, which become 1/160 of their size.
"""

from __future__ import annotations

import zlib
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from exporters.arrays import np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    _Codes = tuple[NDArray[np.int64], NDArray[np.int64]]
    """For each byte, or each count of repetitions: the code, its first bit the lowest; how many bits it has."""

_HEADER = b"\x78\x01"
_BLOCK_BYTES = 1 << 18
"""Of input; more would only take more memory."""
_LONGEST, _SHORTEST = 258, 3
"""Repetitions that one code can stand for."""


def compress(data: bytes) -> bytes:
    """A zlib stream of the data."""
    blocks = range(0, max(len(data), 1), _BLOCK_BYTES)
    compressed = b"".join(
        _block(np.frombuffer(data[start : start + _BLOCK_BYTES], np.uint8), is_last=start == blocks[-1])
        for start in blocks
    )
    return _HEADER + compressed + zlib.adler32(data).to_bytes(4, "big")


def _block(data: NDArray[np.uint8], *, is_last: bool) -> bytes:
    """A block by the fixed code. One with others behind it ends with an empty stored block, that is: on a byte."""
    values, repeats = _runs(data)
    longest, rest = np.divmod(repeats, _LONGEST)
    is_match = rest >= _SHORTEST
    singles = np.where(is_match, 0, rest)
    # A run is its byte, then its repetitions: as many of the longest as fit, and the rest in one or byte by byte.
    counts = np.stack((1 + singles, longest, is_match.astype(np.int64)), axis=1).ravel()
    literals, matches = _literal_codes(), _match_codes()
    full = np.full_like(values, _LONGEST)
    codes = np.stack((literals[0][values], matches[0][full], matches[0][rest]), axis=1).ravel()
    sizes = np.stack((literals[1][values], matches[1][full], matches[1][rest]), axis=1).ravel()
    begin, end = (np.array([is_last | 0b010]), np.array([3])), (np.array([0]), np.array([7 if is_last else 10]))
    codes = np.concatenate((begin[0], np.repeat(codes, counts), end[0]))
    sizes = np.concatenate((begin[1], np.repeat(sizes, counts), end[1]))
    return _packed(codes, sizes) + (b"" if is_last else b"\x00\x00\xff\xff")


def _runs(data: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Bytes that differ from the one before them, and how often each is repeated."""
    starts = np.flatnonzero(np.concatenate((np.ones(min(len(data), 1), np.bool_), data[1:] != data[:-1])))
    return data[starts].astype(np.int64), np.diff(np.append(starts, len(data))) - 1


def _packed(codes: NDArray[np.int64], sizes: NDArray[np.int64]) -> bytes:
    """The codes' bits one after the other, filled up with zeros."""
    starts = np.cumsum(sizes) - sizes
    places = np.arange(int(sizes.sum())) - np.repeat(starts, sizes)
    bits = (np.repeat(codes, sizes) >> places) & 1
    return np.packbits(bits.astype(np.uint8), bitorder="little").tobytes()


def _symbol(symbol: int) -> tuple[int, int]:
    """A symbol by the fixed code; its code is written from the highest bit."""
    if symbol < 144:
        code, size = 0x30 + symbol, 8
    elif symbol < 256:
        code, size = 0x190 + symbol - 144, 9
    elif symbol < 280:
        code, size = symbol - 256, 7
    else:
        code, size = 0xC0 + symbol - 280, 8
    return int(f"{code:0{size}b}"[::-1], 2), size


@cache
def _match_codes() -> _Codes:
    """The codes of `length` repetitions of the last byte: symbol, what it leaves open of the length, distance 1."""
    codes, sizes = np.zeros(_LONGEST + 1, np.int64), np.zeros(_LONGEST + 1, np.int64)
    open_bits = [0] * 8 + [bits for bits in range(1, 6) for _ in range(4)]
    first_lengths = [_SHORTEST]
    for bits in open_bits:
        first_lengths.append(first_lengths[-1] + (1 << bits))
    for number, (first, following) in enumerate(pairwise(first_lengths)):
        code, size = _symbol(257 + number)
        for length in range(first, min(following, _LONGEST)):
            codes[length], sizes[length] = code | (length - first) << size, size + open_bits[number] + 5
    code, size = _symbol(285)
    codes[_LONGEST], sizes[_LONGEST] = code, size + 5
    return codes, sizes


@cache
def _literal_codes() -> _Codes:
    return (
        np.array([_symbol(byte)[0] for byte in range(256)], np.int64),
        np.array([_symbol(byte)[1] for byte in range(256)], np.int64),
    )
