"""Pictures without the place where they were taken: JPEG, PNG, WebP, and TIFF with the raw formats made of it.

Position data is erased where it stands, in EXIF data and XMP packets; pixels, thumbnails and all other data stay as
they are. What is no picture of these kinds is *not* looked into, and HEIC, AVIF, GIF and videos may well hold one: ask
`is_looked_into` first.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable

from exporters.pictures.gps import DAMAGED, erase_from_tiff, erase_from_xmp

TEXT_LIMIT_BYTES = 1 << 24
"""Of compressed text in a PNG, once it is unpacked; readers refuse far less."""

_XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
_MORE_XMP_HEADER = b"http://ns.adobe.com/xmp/extension/\0"
_MORE_XMP_LENGTH = len(_MORE_XMP_HEADER) + 32 + 4 + 4
"""Behind the header: a digest, the length of all of it, and where this piece belongs."""


def is_looked_into(head: bytes) -> bool:
    """Whether a file that begins so is of a kind that `without_position` cleans; 16 bytes tell."""
    is_webp = head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    return is_webp or head.startswith((b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"))


def without_position(data: bytes) -> bytes:
    """A picture file without the position of the camera; the very same object when it has none.

    As long as before, but for a PNG whose text is compressed. What became of GPS data is zeros or spaces.

    Raises:
        ValueError: the file has a position that cannot be taken out, since the data around it is damaged. The message
            is a phrase that goes on from "the picture cannot be exported:".
    """
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    return erase_from_tiff(data)


def _erased(profile: bytes) -> bytes:
    """EXIF data or an XMP packet, with or without the header that it has in a JPEG."""
    if profile.startswith(b"Exif\0"):
        return _behind(6, profile, erase_from_tiff)
    if profile.startswith(_XMP_HEADER):
        return _behind(len(_XMP_HEADER), profile, erase_from_xmp)
    if profile.startswith(_MORE_XMP_HEADER):
        return _behind(_MORE_XMP_LENGTH, profile, erase_from_xmp)
    return erase_from_tiff(profile)


def _behind(start: int, data: bytes, erase: Callable[[bytes], bytes]) -> bytes:
    rest = data[start:]
    erased = erase(rest)
    return data if erased is rest else data[:start] + erased


# -- JPEG -------------------------------------------------------------------------------------------------------------

_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])", re.DOTALL)
"""Of a segment that has a length, or of the end of a picture."""
_APP1, _END = b"\xe1", b"\xd9"


def _jpeg(data: bytes) -> bytes:
    """Segment by segment; whatever lies between segments, pixels or rubbish, holds no marker."""
    pieces: list[bytes] = []
    copied = at = 0
    while marker := _MARKER.search(data, at):
        at = marker.end()
        if marker[1] == _END:  # perhaps another picture follows, as in files of several views
            at = data.find(b"\xff\xd8\xff", at)
            if at < 0:
                break
            continue
        end = at + max(2, int.from_bytes(data[at : at + 2], "big"))
        if marker[1] == _APP1:
            profile = data[at + 2 : end]
            erased = _erased(profile)
            if erased is not profile:
                pieces += [data[copied : at + 2], erased]
                copied = end
        at = end
    return b"".join([*pieces, data[copied:]]) if pieces else data


# -- PNG --------------------------------------------------------------------------------------------------------------

_TEXT = re.compile(rb"(XML:com\.adobe\.xmp|Raw profile type (?:exif|APP1|xmp))\0", re.IGNORECASE)
_RAW_PROFILE = re.compile(rb"\s*\S+\s+\d+\s")
"""What stands before the hexadecimal digits of a profile that ImageMagick keeps as text."""


def _png(data: bytes) -> bytes:
    readers = {b"eXIf": _erased, b"tEXt": _text, b"zTXt": _compressed_text, b"iTXt": _international_text}
    pieces: list[bytes] = []
    copied, at = 0, 8
    while at + 8 <= len(data):
        kind, end = data[at + 4 : at + 8], at + 8 + int.from_bytes(data[at : at + 4], "big")
        if kind in readers:
            content = data[at + 8 : end]
            erased = readers[kind](content)
            if erased is not content:
                if end + 4 > len(data):
                    raise ValueError(DAMAGED)
                checksum = zlib.crc32(kind + erased).to_bytes(4, "big")
                pieces += [data[copied:at], len(erased).to_bytes(4, "big"), kind, erased, checksum]
                copied = end + 4
        at = end + 4
    return b"".join([*pieces, data[copied:]]) if pieces else data


def _text(content: bytes) -> bytes:
    keyword = _TEXT.match(content)
    return _behind(keyword.end(), content, _profile_or_packet) if keyword else content


def _compressed_text(content: bytes) -> bytes:
    keyword = _TEXT.match(content)
    # Behind the keyword, a byte names the method; there is one.
    return _behind(keyword.end() + 1, content, _packed) if keyword else content


def _international_text(content: bytes) -> bytes:
    keyword = _TEXT.match(content)
    if keyword is None:
        return content
    is_packed = content[keyword.end() : keyword.end() + 1] == b"\1"
    language_end = content.find(b"\0", keyword.end() + 2)
    translation_end = content.find(b"\0", language_end + 1)
    if language_end < 0 or translation_end < 0:
        return content
    return _behind(translation_end + 1, content, _packed if is_packed else _profile_or_packet)


def _packed(packed: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(packed, TEXT_LIMIT_BYTES)
    except zlib.error:
        return packed  # nobody can read it
    if unpacking.unconsumed_tail:
        raise ValueError("it is not known whether it holds a position, because a text in it is too large")
    erased = _profile_or_packet(text)
    return packed if erased is text else zlib.compress(erased)


def _profile_or_packet(text: bytes) -> bytes:
    head = _RAW_PROFILE.match(text)
    if head is None:
        return erase_from_xmp(text)
    digits = text[head.end() :]
    try:
        profile = bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        return erase_from_xmp(text)
    erased = _erased(profile)
    if erased is profile:
        return text
    new_digits = iter(erased.hex().encode())
    return text[: head.end()] + re.sub(rb"[0-9a-fA-F]", lambda _: bytes([next(new_digits)]), digits)


# -- WebP -------------------------------------------------------------------------------------------------------------


def _webp(data: bytes) -> bytes:
    readers = {b"EXIF": _erased, b"XMP ": erase_from_xmp}
    pieces: list[bytes] = []
    copied, at = 0, 12
    while at + 8 <= len(data):
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + length
        if kind in readers:
            content = data[at + 8 : end]
            erased = readers[kind](content)
            if erased is not content:
                pieces += [data[copied : at + 8], erased]
                copied = end
        at = end + length % 2  # chunks begin at even places
    return b"".join([*pieces, data[copied:]]) if pieces else data
