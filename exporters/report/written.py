"""Entries as an export has them: which of their annotations, in which shapes, measured on the upright picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from exporters.base import BaseExporter, Exporter
from exporters.errors import SkippableError
from exporters.model import Annotation, Box, Entry, Media
from exporters.pictures.upright import MediaFile, settle
from exporters.preparing import Preparation
from exporters.shard import MediaChoice
from exporters.survey import Placement

Files = Callable[[Media], MediaFile | str]
Written = tuple[Entry, list[tuple[Annotation, Box | None]]]


class Writing:
    """Of one shard. An exporter that sees all entries at once has no placement: it is taken to write all of them.

    What a format leaves out on its own, while it writes, is not known here; the books of the export have it.
    """

    def __init__(
        self, exporter: BaseExporter[Any], options: Any, placement: Placement, media: MediaChoice, files: Files | None
    ) -> None:
        is_sharded = isinstance(exporter, Exporter)
        self._preparation = Preparation(exporter.name, exporter.holds, options, placement) if is_sharded else None
        self._media, self._files = media, files

    def of(self, entry: Entry) -> Written | None:
        """The entry as it is written, each annotation with its extent where that is known; None when it is not."""
        files: dict[str, MediaFile] = {}
        for media in entry.medias:
            if self._files and (not media.key or self._media == "all"):
                file = self._files(media)
                if isinstance(file, str):
                    return None
                files[media.id] = file
        try:
            if self._preparation is None:
                original = entry.original
                settled = settle(entry, files.get(original.id) if original else None)
                return settled, [(one, None) for one in settled.annotations]
            item, _, _, reason = self._preparation.prepare(entry, 1, range(len(entry.annotations)), files)
        except SkippableError:
            return None
        return None if reason else (item.entry, [(one.annotation, one.box) for one in item.annotations])
