"""Pictures without the place where they were taken, or without who took them: JPEG, PNG, WebP, and TIFF with the raw
formats made of it.

What is sought is erased where it stands, in EXIF data, XMP packets, IPTC's fields and texts; pixels, thumbnails and all
other data stay as they are. What is no picture of these kinds is *not* looked into, and HEIC, AVIF, GIF and videos may
well hold some: ask `is_looked_into` first.
"""

from __future__ import annotations

import re
import zlib

from exporters.pictures import png_texts
from exporters.pictures.profiles import AUTHOR, POSITION, Sought


def is_looked_into(head: bytes) -> bool:
    """Whether a file that begins so is of a kind that `without_position` and its like clean; 16 bytes tell."""
    is_webp = head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    return is_webp or head.startswith((b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"))


def without_position(data: bytes) -> bytes:
    """A picture file without the position of the camera; the very same object when it has none.

    As long as before, but for a PNG whose text is compressed. What became of GPS data is zeros or spaces.

    Raises:
        ValueError: the file has a position that cannot be taken out, since the data around it is damaged. The message
            is a phrase that goes on from "the picture cannot be exported:".
    """
    return _without(POSITION, data)


def without_author(data: bytes) -> bytes:
    """A picture file without who took it, who owns it or the camera; the very same object when it does not say.

    As long as before, but for a PNG whose text is compressed. What became of names is zeros or spaces.

    Raises:
        ValueError: the file names somebody who cannot be taken out, since the data around it is damaged. The message
            is a phrase that goes on from "the picture cannot be exported:".
    """
    return _without(AUTHOR, data)


def _without(sought: Sought, data: bytes) -> bytes:
    if data.startswith(b"\xff\xd8"):
        return _jpeg(sought, data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(sought, data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(sought, data)
    return sought.tiff(data)


# -- JPEG -------------------------------------------------------------------------------------------------------------

_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])", re.DOTALL)
"""Of a segment that has a length, or of the end of a picture."""
_APP1, _APP13, _END = b"\xe1", b"\xed", b"\xd9"


def _jpeg(sought: Sought, data: bytes) -> bytes:
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
        if marker[1] in (_APP1, _APP13):
            profile = data[at + 2 : end]
            erased = sought.profile(profile)
            if erased is not profile:
                pieces += [data[copied : at + 2], erased]
                copied = end
        at = end
    return b"".join([*pieces, data[copied:]]) if pieces else data


# -- PNG --------------------------------------------------------------------------------------------------------------


def _png(sought: Sought, data: bytes) -> bytes:
    pieces: list[bytes] = []
    copied, at = 0, 8
    while at + 8 <= len(data):
        kind, end = data[at + 4 : at + 8], at + 8 + int.from_bytes(data[at : at + 4], "big")
        if kind == b"eXIf" or kind in png_texts.KINDS:
            content = data[at + 8 : end]
            is_exif = kind == b"eXIf"
            erased = sought.profile(content) if is_exif else png_texts.erase_from_text(kind, content, sought)
            if erased is not content:
                if end + 4 > len(data):
                    raise ValueError(sought.damaged)
                checksum = zlib.crc32(kind + erased).to_bytes(4, "big")
                pieces += [data[copied:at], len(erased).to_bytes(4, "big"), kind, erased, checksum]
                copied = end + 4
        at = end + 4
    return b"".join([*pieces, data[copied:]]) if pieces else data


# -- WebP -------------------------------------------------------------------------------------------------------------


def _webp(sought: Sought, data: bytes) -> bytes:
    readers = {b"EXIF": sought.profile, b"XMP ": sought.xmp}
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
