"""A `jsonl` export of our own, read back: every entry is the one that was written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Self

import msgspec

from blocks.documents import MANIFEST, manifest_head
from blocks.layouts.layout import Layout
from blocks.layouts.opened import Folder
from blocks.storage_errors import translated
from exporters.errors import RequestError
from exporters.foreign_json import UNREADABLE, check_levels
from exporters.formats.jsonl import DATASETS, ENTRIES, JsonlExporter
from exporters.model import Dataset, Entry, Media, decode_dataset, decode_entry
from exporters.shard import MediaChoice
from exporters.version import too_new


class _Line(msgspec.Struct):
    id: str
    dataset_id: str
    files: dict[str, str] = {}


_decode_line = msgspec.json.Decoder(_Line).decode


class JsonlLayout(Layout):
    label: ClassVar[str] = "a jsonl export"
    sought: ClassVar[str] = f"{DATASETS} and {ENTRIES} of a jsonl export"

    @classmethod
    def found_in(cls, folder: Folder) -> Self | None:
        if folder.only_file:
            return None
        return cls(folder) if folder.storage.exists(DATASETS) and folder.storage.exists(ENTRIES) else None

    def catalog(self) -> list[Dataset]:
        self._refuse_newer()
        return [self._dataset(line) for line in self.folder.storage.read(DATASETS).splitlines()]

    def dataset(self, found: Dataset) -> Dataset:
        return found

    def list_entries(self, dataset: Dataset) -> Iterator[bytes]:
        with translated(self.folder.shown), self.folder.storage.open(ENTRIES) as handle:
            for line in handle:
                if self._line(line).dataset_id == dataset.id:
                    yield line.rstrip(b"\n")

    def read(self, dataset: Dataset, listing: Sequence[bytes], media: MediaChoice) -> Iterator[Entry]:  # noqa: ARG002
        for line in listing:
            yield self._entry(line, media)

    def _entry(self, line: bytes, media: MediaChoice) -> Entry:
        files = self._line(line).files
        try:
            check_levels(line)
            msgspec.json.decode(line)  # all of it: records are kept as they are, and opened later
            entry = decode_entry(line)
        except UNREADABLE as error:
            raise RequestError(
                f"{self.folder.shown}: a line of {ENTRIES} is not an entry ({error}); export it again."
            ) from None

        def found(one: Media) -> Media:
            if media == "none":
                return msgspec.structs.replace(one, ref="", version="")
            path = files.get(one.id, "")
            there = self.folder.find(path)
            wanted = path or f"media {one.id} of {entry.id}"
            return msgspec.structs.replace(one, ref=there or wanted, version=self.folder.version(there))

        return msgspec.structs.replace(entry, medias=tuple(map(found, entry.medias)))

    def _dataset(self, line: bytes) -> Dataset:
        try:
            check_levels(line)
            return decode_dataset(line)
        except UNREADABLE as error:
            raise RequestError(
                f"{self.folder.shown}: a line of {DATASETS} is not a dataset ({error}); export it again."
            ) from None

    def _refuse_newer(self) -> None:
        """What a newer version has put into an entry would be lost without a word; the manifest beside it says so."""
        if not self.folder.storage.exists(MANIFEST):
            return  # packed, it lies outside
        try:
            made_by = manifest_head(self.folder.storage, "").get("exporter")
        except UNREADABLE:
            return  # it is somebody else's
        version = (
            made_by.get("version") if isinstance(made_by, dict) and made_by.get("name") == JsonlExporter.name else 0
        )
        if isinstance(version, int) and version > JsonlExporter.version:
            raise too_new(self.folder.shown, "a jsonl export of version", version, JsonlExporter.version)

    def _line(self, line: bytes) -> _Line:
        try:
            return _decode_line(line)
        except UNREADABLE as error:
            raise RequestError(
                f"{self.folder.shown}: a line of {ENTRIES} is not an entry ({error}); export it again."
            ) from None
