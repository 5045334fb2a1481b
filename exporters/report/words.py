"""Words on the page: those of users escaped, cut to a bearable length, and kept from turning the text around them."""

from __future__ import annotations

import unicodedata
from html import escape
from typing import Any

import msgspec

WORD_SHOWN = 120
DOCUMENT_SHOWN = 2000


def plain(text: str, most: int = WORD_SHOWN) -> str:
    """A user's words as text of the page: escaped, in one line, without characters that cannot be seen."""
    clipped = text if len(text) <= most else f"{text[: most - 1]}…"
    return escape("".join(map(_visible, clipped)))


def word(text: str, most: int = WORD_SHOWN) -> str:
    """The same where other words stand around it, whichever way it runs."""
    return f"<bdi>{plain(text, most)}</bdi>"


def _visible(character: str) -> str:
    if character in "\n\t":
        return " "
    return "�" if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") else character


def prose(text: str) -> str:
    """A text with its line ends."""
    return "\n".join(plain(line, len(line) + 1) for line in text.replace("\r\n", "\n").split("\n"))


def document(value: Any) -> str:
    return f"<code>{plain(msgspec.json.encode(value).decode(), DOCUMENT_SHOWN)}</code>"


def some(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"
