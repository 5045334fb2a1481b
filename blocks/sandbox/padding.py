"""Makes JPEG files as large as a benchmark wants them, still pictures that every reader decodes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache

from blocks.sandbox.bodies import PIECE_BYTES, Body

_COMMENT = 0xFE
_FRAME_BYTES = 4  # of a comment: two for its marker, two for its length, which counts itself but not the marker
_LONGEST_COMMENT = 0xFFFF + 2


def pad_jpeg(jpeg: bytes, size: int, mark: bytes) -> Body:
    """The picture with comments between its data and its end marker, ``size`` bytes in all, or little more than it had.

    The header stays in front, as near to the data as ever. ``mark`` (up to 30 KiB) makes the file unlike every other
    of the same picture, and is the least that is added. The rest looks random, so that it cannot be compressed, but
    holds nothing that could be taken for a marker.
    """
    picture, end = jpeg[:-2], jpeg[-2:]
    marked_bytes = _FRAME_BYTES + len(mark)
    added = max(size - len(jpeg), marked_bytes)
    full, rest = divmod(added - marked_bytes, _LONGEST_COMMENT)
    rest += marked_bytes
    if rest > _LONGEST_COMMENT:  # too long for one comment, too short for two of which one is full
        first = _comment(mark, rest // 2) + _comment(b"", rest - rest // 2)
    else:
        first = _comment(mark, rest)

    def pieces() -> Iterator[bytes]:
        yield picture + first
        whole, left = divmod(full, _COMMENTS_A_PIECE)
        for _ in range(whole):
            yield _full_comments(_COMMENTS_A_PIECE)
        yield _full_comments(left) + end

    return Body(len(jpeg) + added, pieces)


_COMMENTS_A_PIECE = PIECE_BYTES // _LONGEST_COMMENT


@cache
def _filler() -> bytes:
    return random.Random("filler").randbytes(_LONGEST_COMMENT).replace(b"\xff", b"\xfe")


@cache
def _full_comments(count: int) -> bytes:
    return _comment(b"", _LONGEST_COMMENT) * count


def _comment(text: bytes, size: int) -> bytes:
    """``size`` bytes with the frame."""
    return bytes((0xFF, _COMMENT)) + (size - 2).to_bytes(2) + text + _filler()[: size - _FRAME_BYTES - len(text)]
