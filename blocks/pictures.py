"""Width, height and orientation of a picture, learned from as much of its beginning as it takes."""

from __future__ import annotations

import contextlib
import io
import warnings
from dataclasses import dataclass

from PIL import ExifTags, Image

MOST_BYTES = 4 * 1024 * 1024
"""A header longer than this (previews in EXIF can be long) is given up: the file counts as no picture."""


@dataclass(frozen=True)
class Picture:
    """As stored in the file, before the turn that `orientation` (EXIF, 1 to 8) asks for."""

    width: int
    height: int
    orientation: int = 1


class Header:
    """Fed with the chunks of a file until it has seen enough; holds no more than the header."""

    def __init__(self) -> None:
        self.result: Picture | None = None
        self._seen = bytearray()
        self._is_done = False

    def feed(self, chunk: bytes) -> bool:
        """Take the next chunk; True when no more are needed."""
        if not self._is_done:
            self._seen += chunk
            self.result = read_picture(bytes(self._seen))
            if self.result or len(self._seen) >= MOST_BYTES:
                self._is_done = True
                self._seen = bytearray()
        return self._is_done


def read_picture(data: bytes) -> Picture | None:
    """The picture that begins with `data`; None when that is no picture, or not enough of one yet."""
    with warnings.catch_warnings(), contextlib.suppress(OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        warnings.simplefilter("ignore")  # truncated EXIF blocks, huge sizes: nothing is decoded here
        image = Image.open(io.BytesIO(data))
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        return Picture(image.width, image.height, orientation if orientation in range(1, 9) else 1)
    return None
