"""Texts cut into tokens, the same way every time and with no model of a language.

A token is a run of letters, digits and underscores, or one other character; blanks are none. Marks and joiners stay
with what they belong to: accents and vowel signs with their letter, the parts of a joined emoji together. Borders that
the caller gives are borders of tokens too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise

_PIECE = re.compile(r"\w+|[^\w\s]")
_JOINER = "\u200d"


def tokenize(text: str, borders: Iterable[int] = ()) -> Iterator[tuple[int, int]]:
    """Start and end of each token, half-open in code points, in order; none reaches over a border."""
    for start, end in pairwise(sorted({0, len(text), *borders})):
        yield from _tokenize(text, start, end)


def _tokenize(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    token: tuple[int, int] | None = None
    for piece in _PIECE.finditer(text, start, end):
        if token and token[1] == piece.start() and _goes_on(text, *token):
            token = token[0], piece.end()
            continue
        if token:
            yield token
        token = piece.span()
    if token:
        yield token


def _goes_on(text: str, start: int, end: int) -> bool:
    """Whether the character behind a token belongs to it."""
    last, following = text[end - 1], text[end]
    if _is_mark(following) or last == _JOINER:
        return True
    return _is_mark(last) and _is_letter(text[start]) and _is_letter(following)


def _is_mark(character: str) -> bool:
    return not character.isascii() and unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf")


def _is_letter(character: str) -> bool:
    return character.isalnum() or character == "_"
