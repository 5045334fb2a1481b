"""What there is to be seen of an entry: its picture, or its text, or a sentence that says why there is neither."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import IO

from PIL import Image

from exporters.model import Annotation, Box, Entry, Media
from exporters.pictures.upright import MediaFile, size_of
from exporters.report import pictures
from exporters.report.tiles import Sample
from exporters.shapes import geometry

TEXT_BYTES = 64 << 10
"""Of a text that is looked at for its beginning."""

NO_MEDIA = "this entry has no media"
NOT_EXPORTED = "media was not asked for"
_SENTENCES = {
    "video": "a video",
    "audio": "a sound",
    "text": "a text",
    "document": "a document",
    "point_cloud": "a point cloud",
    "application": "a file that is no picture",
}


class Opener:
    """Opens what entries of one dataset show. `files` are the fetched ones by the media's ref and key."""

    def __init__(
        self,
        files: Mapping[tuple[str, str], MediaFile | str],
        open_file: Callable[[MediaFile], IO[bytes]],
        modality: str,
    ) -> None:
        self._files, self._open, self._modality = files, open_file, modality

    def sample(self, entry: Entry, annotations: Sequence[tuple[Annotation, Box | None]]) -> Sample:
        media = entry.original
        found = self._files.get((media.ref, media.key)) if media else None
        file = found if isinstance(found, MediaFile) else None
        picture = self._picture(entry, media, file)
        measured = size_of(entry)
        if measured is None and file and file.width and file.height:
            measured = geometry.upright_size(file.width, file.height, file.orientation)
        drawn = [one for one, _ in annotations]
        return Sample(entry, drawn, picture, measured, self._text(entry, media, file))

    def _picture(self, entry: Entry, media: Media | None, file: MediaFile | None) -> Image.Image | str:
        if media is None:
            return NO_MEDIA
        kind = (media.mime_type or "").partition("/")[0] or self._modality
        if kind in _SENTENCES and not (kind == "application" and file and file.width):
            return _SENTENCES[kind]
        if file is None:
            return NOT_EXPORTED
        with self._open(file) as handle:
            return pictures.opened(handle, file, entry)

    def _text(self, entry: Entry, media: Media | None, file: MediaFile | None) -> str | None:
        """The beginning of its text, as formats of texts read it."""
        kind = (media.mime_type or "").partition("/")[0] if media else ""
        if media and file and (kind == "text" or (not kind and self._modality == "text")):
            with self._open(file) as handle:
                return handle.read(TEXT_BYTES).decode("utf-8-sig", errors="replace")
        text = entry.attributes.get("text")
        return text if isinstance(text, str) and (self._modality == "text" or media is None) else None
