"""Texts in a PNG, and what is taken out of them: profiles that stand there as XML or digits, and texts that are it."""

from __future__ import annotations

import re
import zlib
from functools import partial

from exporters.pictures.authors import is_blank
from exporters.pictures.profiles import Erase, Sought, behind

TEXT_LIMIT_BYTES = 1 << 24
"""Of compressed text, once it is unpacked; readers refuse far less."""

KINDS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_PROFILE = re.compile(rb"(XML:com\.adobe\.xmp|Raw profile type (?:exif|APP1|xmp|8bim|iptc))\0", re.IGNORECASE)
_RAW_PROFILE = re.compile(rb"\s*\S+\s+\d+\s")
"""What stands before the hexadecimal digits of a profile that ImageMagick keeps as text."""


def erase_from_text(kind: bytes, content: bytes, sought: Sought) -> bytes:
    """The content of a chunk of one of the `KINDS`; the same object when there is nothing to erase.

    Raises:
        ValueError: what is sought cannot be taken out.
    """
    if keyword := _PROFILE.match(content):
        erase: Erase = partial(_profile_or_packet, sought)
    elif keyword := sought.keywords.match(content):
        erase = _blank
    else:
        return content
    unpacked = partial(_packed, sought, erase)
    if kind == b"tEXt":
        return behind(keyword.end(), content, erase)
    if kind == b"zTXt":  # behind the keyword, a byte names the method; there is one
        return behind(keyword.end() + 1, content, unpacked)
    is_packed = content[keyword.end() : keyword.end() + 1] == b"\1"
    language_end = content.find(b"\0", keyword.end() + 2)
    translation_end = content.find(b"\0", language_end + 1)
    if language_end < 0 or translation_end < 0:
        return content
    return behind(translation_end + 1, content, unpacked if is_packed else erase)


def _blank(text: bytes) -> bytes:
    return text if is_blank(text) else b" " * len(text)


def _packed(sought: Sought, erase: Erase, packed: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(packed, TEXT_LIMIT_BYTES)
    except zlib.error:
        return packed  # nobody can read it
    if unpacking.unconsumed_tail:
        raise ValueError(f"it is not known whether it holds {sought.name}, because a text in it is too large")
    erased = erase(text)
    return packed if erased is text else zlib.compress(erased)


def _profile_or_packet(sought: Sought, text: bytes) -> bytes:
    head = _RAW_PROFILE.match(text)
    if head is None:
        return sought.xmp(text)
    digits = text[head.end() :]
    try:
        profile = bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        return sought.xmp(text)
    erased = sought.profile(profile)
    if erased is profile:
        return text
    new_digits = iter(erased.hex().encode())
    return text[: head.end()] + re.sub(rb"[0-9a-fA-F]", lambda _: bytes([next(new_digits)]), digits)
