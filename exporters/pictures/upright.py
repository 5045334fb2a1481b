"""Fetched media files, and entries settled on the picture that was really fetched.

A file can hold its pixels sideways with an EXIF orientation that turns them upright. Outhaul keeps the bytes and the
tag of every picture, and always writes the *upright* width, height and coordinates, whichever way the source counts.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from exporters.errors import SkippableError
from exporters.model import Annotation, Entry, Media
from exporters.shapes import geometry


class MediaFile(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Bytes in the media store. Width and height are as stored, before the turn; None for what is no picture."""

    sha256: str
    size: int
    crc32: int
    width: int | None = None
    height: int | None = None
    orientation: int = 1


def settle(entry: Entry, file: MediaFile | None) -> Entry:
    """The entry with the size and coordinates of its picture as it is shown.

    Raises:
        SkippableError: the file is not of the size that the source's coordinates are measured on.
    """
    media = entry.original
    if media is None or file is None or file.width is None or file.height is None:
        return entry
    stored = (file.width, file.height)
    upright = geometry.upright_size(*stored, file.orientation)
    declared = (media.width, media.height)
    if None not in declared and declared not in (stored, upright):
        raise SkippableError(entry.id, "its picture is not of the size that the source says")
    annotations = entry.annotations
    counts_on_stored = media.frame == "stored" and (None in declared or declared == stored)
    if counts_on_stored and file.orientation != 1:
        annotations = tuple(_turned(annotation, file) for annotation in annotations)
    elif media.frame == "upright" and declared == stored != upright:
        return entry  # the source counts on the stored picture, and says that this is how it is looked at
    settled = msgspec.structs.replace(media, width=upright[0], height=upright[1], frame="upright")
    medias = tuple(settled if one is media else one for one in entry.medias)
    return msgspec.structs.replace(entry, medias=medias, annotations=annotations)


def _turned(annotation: Annotation, file: MediaFile) -> Annotation:
    width, height = file.width or 0, file.height or 0
    shape = geometry.to_upright(annotation.shape, width, height, file.orientation)
    box = annotation.box and geometry.to_upright(annotation.box, width, height, file.orientation)
    return msgspec.structs.replace(annotation, shape=shape, box=box)


def size_of(entry: Entry) -> tuple[int, int] | None:
    """Width and height of the entry's picture, upright; None when nobody knows."""
    media: Media | None = entry.original
    return (media.width, media.height) if media and media.width and media.height else None
