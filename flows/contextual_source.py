"""The fetched shards of a run as what a contextual exporter reads from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from msgspec.structs import replace

from blocks.store import Store, media_path
from exporters import FatalError, SkippableError
from exporters.contextual.source import Counts, Faulty
from exporters.model import Dataset, Entry, Media, decode_dataset, decode_entry
from exporters.pictures.upright import settle
from exporters.shard import DERIVED_NOT_ASKED_FOR, MEDIA_NOT_ASKED_FOR, MediaChoice
from flows.contextual_messages import FetchedEntries
from flows.outcomes import Files, load_files
from flows.pieces import load_records

Stamp = tuple[int, int, int] | None


class FetchedSource:
    """Entries as they were fetched, settled on the pictures that were."""

    def __init__(self, store: Store, datasets: str, shards: Sequence[FetchedEntries], media: MediaChoice) -> None:
        self.datasets = [decode_dataset(line) for line in store.load_lines(datasets)]
        self._store = store
        self._shards = shards
        self._media = media
        self._shown: list[tuple[Media, Path, Stamp]] = []
        """Files of the store that the exporter has been told of since it got its last entry."""

    def counts(self, dataset: Dataset) -> Counts:
        shards = self._shards_of(dataset)
        return sum((Counts(one.entries, one.annotations, one.medias) for one in shards), Counts())

    def entries(self, dataset: Dataset) -> Iterator[Entry | Faulty]:
        for shard in self._shards_of(dataset):
            of_entries = load_files(shard.outcomes or "", shard.entries, self._store)
            for line, files in zip(load_records(shard.path, shard.pieces, self._store), of_entries, strict=True):
                self.check_shown()
                yield _ready(decode_entry(line), files)

    def missing(self, media: Media) -> str:
        if media.version:
            return ""
        return DERIVED_NOT_ASKED_FOR if media.key and self._media == "original" else MEDIA_NOT_ASKED_FOR

    def open(self, media: Media) -> IO[bytes]:
        return self._store.storage.open(media_path(media.version))

    def path(self, media: Media) -> Path | None:
        storage = self._store.storage
        if not storage.is_local:
            return None
        path = Path(storage.path(media_path(media.version)))
        self._shown.append((media, path, _stamp(path)))
        return path

    def check_shown(self) -> None:
        """Raise when a file that the exporter was told of is not as it was; it is removed, to be fetched again.

        Raises:
            FatalError: the exporter has written to it.
        """
        shown, self._shown = self._shown, []
        changed = [media for media, path, before in shown if _stamp(path) != before]
        for media in changed:
            self._store.storage.remove(media_path(media.version))
        if changed:
            raise FatalError(
                f"A file of the workspace was written to, that of media {changed[0].id}; "
                f"copy what media.path names, and run again."
            )

    def _shards_of(self, dataset: Dataset) -> list[FetchedEntries]:
        return [shard for shard in self._shards if self.datasets[shard.dataset_index].id == dataset.id]


def _stamp(path: Path) -> Stamp:
    """What changes with a file; None when it is gone."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _ready(entry: Entry, files: Files) -> Entry | Faulty:
    """The entry with its fetched files: from here on, `version` is a file's digest, and empty where there is none."""
    medias, original = [], None
    for media in entry.medias:
        file = files.get((media.ref, media.key))
        if isinstance(file, str):
            return Faulty(entry, file)
        medias.append(replace(media, version=file.sha256, size=file.size) if file else replace(media, version=""))
        if file and not media.key and original is None:
            original = file
    try:
        return settle(replace(entry, medias=tuple(medias)), original)
    except SkippableError as error:
        return Faulty(entry, error.reason, error.detail)
