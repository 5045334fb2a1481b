"""Width, height and orientation of a picture, learned from as much of its beginning as it takes."""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from PIL import ExifTags, Image, TiffImagePlugin

from exporters.errors import first_line
from exporters.pictures.upright import MOST_HEADER_BYTES


@dataclass(frozen=True)
class Picture:
    """As stored in the file, before the turn that `orientation` (EXIF, 1 to 8) asks for."""

    width: int
    height: int
    orientation: int = 1


LIKELY_BYTES = 16 * 1024
"""Most headers end by then. A chunk may be many times as long, and is not copied for them."""


class Header:
    """Fed with the chunks of a file until it has seen enough; holds no more than the header."""

    def __init__(self) -> None:
        self.result: Picture | None = None
        self._seen = b""
        self._is_done = False

    def feed(self, chunk: bytes) -> bool:
        """Take the next chunk; True when no more are needed."""
        if not self._is_done:
            likely = self._seen + chunk[: max(LIKELY_BYTES - len(self._seen), 0)]
            self.result = read_picture(likely) if len(likely) == LIKELY_BYTES else None
            if not self.result:
                self._seen += chunk
                self._look()
            if self._is_done or self.result:
                self._is_done, self._seen = True, b""
        return self._is_done

    def _look(self) -> None:
        self.result = read_picture(self._seen)
        if len(self._seen) >= MOST_HEADER_BYTES:
            self.result = self.result or read_webp_size(self._seen)
            self._is_done = True


def read_picture(data: bytes) -> Picture | None:
    """The picture that begins with `data`; None when that is no picture, or not enough of one yet."""
    with warnings.catch_warnings(), contextlib.suppress(OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        warnings.simplefilter("ignore")  # truncated EXIF blocks, huge sizes: nothing is decoded here
        image = Image.open(io.BytesIO(data))
        # Not image.getexif(): that of PNG decodes all of the picture to look behind it.
        orientation = Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
        width, height = image.size
        if isinstance(image, TiffImagePlugin.TiffImageFile):  # whose size is told as if it were turned already
            width, height = int(image.tag_v2[ExifTags.Base.ImageWidth]), int(image.tag_v2[ExifTags.Base.ImageLength])
        return Picture(width, height, orientation if orientation in range(1, 9) else 1)
    return None


def read_webp_size(data: bytes) -> Picture | None:
    """Width and height from the head of a WebP, of which Pillow wants to see all."""
    if len(data) < 30 or data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    match data[12:16]:
        case b"VP8X":
            return Picture(1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little"))
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return Picture(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
        case b"VP8 ":
            size = int.from_bytes(data[26:28], "little"), int.from_bytes(data[28:30], "little")
            return Picture(size[0] & 0x3FFF, size[1] & 0x3FFF)
    return None


OF_PIXELS = ("PNG", "BMP", "GIF", "JPEG", "TIFF", "WEBP")
"""Kinds that masks are kept in. Of some others, Pillow would start programs to draw them."""
MOST_PIXELS = 1 << 27
"""Of a picture that is decoded to be counted with; more than a wall of screens has."""


class UnreadablePictureError(ValueError):
    """No picture, a damaged one, or one too large to be decoded; its text says which."""


@contextlib.contextmanager
def decoded(data: bytes) -> Iterator[Image.Image]:
    """A picture whose pixels are data. Its size can be asked for before any of them is decoded.

    Raises:
        UnreadablePictureError: when it is opened, or later, when it turns out to be damaged.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=OF_PIXELS) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    raise UnreadablePictureError("it is too large")
                yield picture
    except Image.DecompressionBombError:
        raise UnreadablePictureError("it is too large") from None
    except (OSError, SyntaxError, EOFError, struct.error, OverflowError) as error:
        raise UnreadablePictureError(first_line(str(error)) or "it is damaged") from None


HEAD_BYTES, TAIL_BYTES = 16, 16


def ends_as_begun(head: bytes, tail: bytes, size: int) -> bool | None:
    """Whether a file of this beginning, end and size has the end that its kind must have; None: nobody can tell."""
    if head.startswith(b"\xff\xd8\xff"):
        return tail.endswith(b"\xff\xd9")
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return tail[-8:-4] == b"IEND"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return size >= int.from_bytes(head[4:8], "little") + 8
    if head.startswith((b"GIF87a", b"GIF89a")):
        return tail.endswith(b";")
    return None


def is_cut_off(file: str | Path | IO[bytes]) -> bool:
    """Whether a picture ends too early to be drawn. Decodes it; only for files that do not end as they should."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(file) as image:
                image.load()
        except Image.DecompressionBombError:
            return False
        except (OSError, SyntaxError, ValueError):
            return True
    return False
