"""What is taken out of pictures, by what it stands in: EXIF data, XMP packets, Photoshop's resources, PNG texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from exporters.pictures import authors, gps

_EXIF_HEADER = b"Exif\0"
_XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
_MORE_XMP_HEADER = b"http://ns.adobe.com/xmp/extension/\0"
_MORE_XMP_LENGTH = len(_MORE_XMP_HEADER) + 32 + 4 + 4
"""Behind the header: a digest, the length of all of it, and where this piece belongs."""
_PHOTOSHOP_HEADER = b"Photoshop 3.0\0"

Erase = Callable[[bytes], bytes]
"""Gives back data of the same length, or the very same object when there is nothing to erase."""


class Sought(NamedTuple):
    """What is taken out."""

    name: str
    tiff: Erase
    xmp: Erase
    photoshop: Erase
    keywords: re.Pattern[bytes]
    """Of texts in a PNG that become blank."""
    damaged: str
    """What is said of a file of which it cannot be taken out."""

    def profile(self, data: bytes) -> bytes:
        """EXIF data, an XMP packet or Photoshop's resources without it, with or without their header in a JPEG."""
        if data.startswith(_EXIF_HEADER):
            return behind(len(_EXIF_HEADER) + 1, data, self.tiff)
        if data.startswith(_XMP_HEADER):
            return behind(len(_XMP_HEADER), data, self.xmp)
        if data.startswith(_MORE_XMP_HEADER):
            return behind(_MORE_XMP_LENGTH, data, self.xmp)
        if data.startswith(_PHOTOSHOP_HEADER):
            return behind(len(_PHOTOSHOP_HEADER), data, self.photoshop)
        return self.photoshop(data) if data.startswith(authors.RESOURCE) else self.tiff(data)


def behind(start: int, data: bytes, erase: Erase) -> bytes:
    """Data from which something is erased behind a header; the same object when it is not there."""
    rest = data[start:]
    erased = erase(rest)
    return data if erased is rest else data[:start] + erased


POSITION = Sought(
    "a position",
    gps.erase_from_tiff,
    gps.erase_from_xmp,
    lambda resources: resources,
    re.compile(rb"(?!)"),  # none
    gps.DAMAGED,
)
AUTHOR = Sought(
    "an author",
    authors.erase_from_tiff,
    authors.erase_from_xmp,
    authors.erase_from_photoshop,
    re.compile(rb"(?:Author|Artist|Copyright)\0", re.IGNORECASE),
    authors.DAMAGED,
)
