"""Fetched media files, and entries settled on the picture that was really fetched.

A file can hold its pixels sideways with an EXIF orientation that turns them upright. Outhaul keeps the bytes and the
tag of every picture, and always writes the *upright* width, height and coordinates, whichever way the source counts.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from exporters.errors import SkippableError, quoted
from exporters.model import Annotation, Entry, Media
from exporters.naming import EXTENSIONS
from exporters.shapes import geometry

READ_TYPES = frozenset({"image/bmp", "image/gif", "image/jpeg", "image/png", "image/tiff", "image/webp"})
"""Pictures whose header is always read. One of another type (HEIC, DICOM) goes out as it is."""
MOST_HEADER_BYTES = 4 << 20
"""How much of a file is looked at for its header; where that of a larger file was not found, it may lie behind."""

_TYPES = {extension: mime_type for mime_type, extension in EXTENSIONS.items()} | {
    ".jpeg": "image/jpeg",
    ".tif": "image/tiff",
}


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
        SkippableError: the file is no picture, though it should be, or not of the size that the source's coordinates
            are measured on.
    """
    media = entry.original
    if media is None or file is None:
        return entry
    if file.width is None or file.height is None:
        if _should_be_read(media, file):
            reason = "its picture cannot be read"
            raise SkippableError(entry.id, reason, f"{reason} ({quoted(media.name)}, {file.size} bytes)")
        return entry
    stored = (file.width, file.height)
    upright = geometry.upright_size(*stored, file.orientation)
    declared = (media.width, media.height)
    if None not in declared and declared not in (stored, upright):
        found, said = f"{upright[0]} x {upright[1]}", f"{media.width} x {media.height}"
        raise SkippableError(
            entry.id,
            "its picture is not of the size that the source says",
            f"its picture {quoted(media.name)} has {found} pixels, but the source says {said}",
        )
    annotations = entry.annotations
    counts_on_stored = media.frame == "stored" and (None in declared or declared == stored)
    if counts_on_stored and file.orientation != 1:
        annotations = tuple(_turned(annotation, file) for annotation in annotations)
    elif media.frame == "upright" and declared == stored != upright:
        return entry  # the source counts on the stored picture, and says that this is how it is looked at
    settled = msgspec.structs.replace(media, width=upright[0], height=upright[1], frame="upright")
    medias = tuple(settled if one is media else one for one in entry.medias)
    return msgspec.structs.replace(entry, medias=medias, annotations=annotations)


def _should_be_read(media: Media, file: MediaFile) -> bool:
    """Whether a file without a header is a broken picture, rather than a video, a text, or a picture of a rare kind."""
    stem, dot, extension = media.name.rpartition(".")
    mime_type = media.mime_type or (_TYPES.get(dot + extension.lower()) if stem else None)
    return mime_type in READ_TYPES and file.size <= MOST_HEADER_BYTES


def _turned(annotation: Annotation, file: MediaFile) -> Annotation:
    width, height = file.width or 0, file.height or 0
    shape = geometry.to_upright(annotation.shape, width, height, file.orientation)
    box = annotation.box and geometry.to_upright(annotation.box, width, height, file.orientation)
    return msgspec.structs.replace(annotation, shape=shape, box=box)


def size_of(entry: Entry) -> tuple[int, int] | None:
    """Width and height of the entry's picture, upright; None when nobody knows."""
    media: Media | None = entry.original
    return (media.width, media.height) if media and media.width and media.height else None
