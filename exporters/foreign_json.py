"""JSON that somebody else wrote: how deep it may be nested, and what libraries raise when they read it.

Nothing that people or platforms write is nested more than a few dozen levels deep; what is, was made to exhaust
somebody's stack. Libraries have limits of their own, all different, and what one of them has read another one cannot
write. So depth is looked at first, at a fraction of what parsing costs.
"""

from __future__ import annotations

from typing import IO

import msgspec

from exporters.arrays import np

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""Of JSON that is none: also of texts that are no UTF-8, of numbers of thousands of digits, of lists without an end."""

MOST_LEVELS = 200
"""Lists and objects in each other; orjson writes 254."""

_MARKS = b'[{]}"'
_OTHERS = bytes(set(range(256)) - set(_MARKS))


class TooDeepError(ValueError):
    def __init__(self) -> None:
        super().__init__(f"it is nested more than {MOST_LEVELS} levels deep")


_FLAT = 8
"""Levels that are opened and closed within a piece, taken away before the others are counted, which are few then."""
_PIECE_BYTES = 1 << 16


class Levels:
    """Follows the brackets of a document that comes in pieces, and knows nothing else of it.

    Of what is no JSON the count means nothing behind the place where it ends to be JSON; no parser gets further.
    """

    def __init__(self) -> None:
        self._level = 0
        self._is_in_text = False
        self._escape = b""

    def feed(self, piece: bytes) -> None:
        """Raises TooDeepError: here, or in an earlier piece, there are more levels than anybody needs."""
        marks = self._without_escapes(piece).translate(None, _OTHERS).replace(b'""', b"")
        between = marks.split(b'"')
        brackets = b"".join(between[1 if self._is_in_text else 0 :: 2])
        self._is_in_text ^= len(between) % 2 == 0
        if not brackets:
            return
        rest = brackets
        for _ in range(_FLAT // 2):
            rest = rest.replace(b"[]", b"").replace(b"{}", b"")
        opened = rest.count(b"[") + rest.count(b"{")
        if self._level + opened + _FLAT > MOST_LEVELS:
            codes = np.frombuffer(brackets, np.uint8)
            levels = np.cumsum(np.where((codes == ord("[")) | (codes == ord("{")), 1, -1))
            if self._level + int(levels.max()) > MOST_LEVELS:
                raise TooDeepError
        self._level += 2 * opened - len(rest)

    def _without_escapes(self, piece: bytes) -> bytes:
        """A text ends at a quote, but not at an escaped one; an escape may be cut in two."""
        if not self._escape and b"\\" not in piece:
            return piece
        piece = self._escape + piece
        rest = piece.rstrip(b"\\")
        self._escape = b"\\" * ((len(piece) - len(rest)) % 2)
        return rest.replace(b"\\\\", b"").replace(b'\\"', b"")


class Shallow:
    """A file of JSON for a parser that takes any depth; its `read` raises TooDeepError where there is too much."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._levels = file, Levels()

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self._levels.feed(piece)
        return piece


def check_levels(document: bytes | bytearray | memoryview) -> None:
    """Raises TooDeepError."""
    data = bytes(document)
    levels = Levels()
    for at in range(0, len(data), _PIECE_BYTES):
        levels.feed(data[at : at + _PIECE_BYTES])
