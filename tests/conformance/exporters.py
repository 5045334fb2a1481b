"""What stands in for fetch, transform and package, in memory: runs an exporter as a whole export does.

`run_export` cuts the entries into shards, surveys them, converts each shard apart from the others, joins the parts.
What shards are told travels as bytes, as it does between machines.
"""

from __future__ import annotations

import hashlib
import io
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any

from msgspec.structs import replace

from exporters import ExporterOptions, Shard, read_options
from exporters.base import BaseExporter, Exporter
from exporters.classes import ClassMap
from exporters.contextual import Context, ContextualExporter, Counts, Faulty, IoContext
from exporters.contextual.product import product_files
from exporters.model import Box, Dataset, Entry, Media, Shape
from exporters.pictures.upright import MediaFile, settle
from exporters.shard import DERIVED_NOT_ASKED_FOR, MEDIA_NOT_ASKED_FOR, MediaChoice
from exporters.tally import Tally
from exporters.testing.sharded import run_shards
from tests.fakes.datasets import TEXT, fetched, media_bytes, one_of_each

Files = Callable[[Media], MediaFile | str]
Entries = Mapping[str, Sequence[Entry]]


@dataclass
class Export:
    """What an exporter made: the files it described, the media beside them, the books."""

    files: dict[str, bytes]
    medias: dict[str, MediaFile]
    tally: Tally
    classes: ClassMap = field(compare=False)

    def write(self, folder: Path) -> None:
        """Lay all of it out as a folder, media as their digests."""
        members = self.files | {path: file.sha256.encode() for path, file in self.medias.items()}
        for path, data in members.items():
            check_path(path)
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as handle:
                handle.write(data)


def run_export(
    exporter: BaseExporter[Any],
    datasets: Sequence[Dataset],
    entries: Entries | Sequence[Entry],
    *,
    shard_size: int = 1000,
    options: Mapping[str, Any] | None = None,
    media: MediaChoice = "original",
    files: Files = fetched,
    skips_faults: bool = False,
    watch: Callable[[Iterable[Entry], Shard[Any]], Iterable[Entry]] | None = None,
) -> Export:
    """A whole export. `entries` by dataset id, or those of the only dataset; `watch` may look at them as they pass.

    A contextual exporter sees no shards: their size means nothing to it, and nobody watches.
    """
    by_dataset = entries if isinstance(entries, Mapping) else {datasets[0].id: entries}
    read: ExporterOptions = read_options(exporter, options or {})
    if isinstance(exporter, ContextualExporter):
        source = FetchedEntries(datasets, by_dataset, media, files)
        return _run_contextual(exporter, read, source, skips_faults=skips_faults)
    assert isinstance(exporter, Exporter)
    cut = [
        (index, chunk)
        for index, dataset in enumerate(datasets)
        for chunk in _chunks(by_dataset.get(dataset.id, ()), shard_size)
    ]
    contents = _Contents(by_dataset)
    made = run_shards(
        exporter,
        read,
        datasets,
        cut,
        media=media,
        files=files,
        open_media=contents.open,
        skips_faults=skips_faults,
        watch=watch,
    )
    return Export(made.files, made.medias, made.tally, made.classes)


def _run_contextual(
    exporter: ContextualExporter, options: ExporterOptions, source: FetchedEntries, *, skips_faults: bool
) -> Export:
    """What the process of a contextual exporter does, in this one."""
    with tempfile.TemporaryDirectory() as folder, closing(IoContext(Path(folder))) as product:
        log = logging.getLogger(exporter.name)
        context = Context(source, options, product, log=log, skips_faults=skips_faults)
        exporter.export(context)
        files = {path: file.read_bytes() for path, file in product_files(context.finish(), "export")}
    return Export(files, {}, context.tally(), ClassMap(()))


class FetchedEntries:
    """Entries with their files as a run has fetched them, for a contextual exporter to read."""

    def __init__(self, datasets: Sequence[Dataset], entries: Entries, media: MediaChoice, files: Files) -> None:
        self.datasets = datasets
        self._entries = entries
        self._media = media
        self._files = files
        self._contents = _Contents(entries)
        self._found: dict[str, MediaFile | str] = {}
        """Files of the entry that is looked at, by the ids of its medias."""

    def counts(self, dataset: Dataset) -> Counts:
        entries = self._entries.get(dataset.id, ())
        medias = sum(len(one.medias) for one in entries)
        return Counts(len(entries), sum(len(one.annotations) for one in entries), medias)

    def entries(self, dataset: Dataset) -> Iterator[Entry | Faulty]:
        for entry in self._entries.get(dataset.id, ()):
            self._found = {one.id: self._files(one) for one in entry.medias if not self.missing(one)}
            faults = [file for file in self._found.values() if isinstance(file, str)]
            original = self._found.get(entry.original.id) if entry.original else None
            yield Faulty(entry, faults[0]) if faults else settle(entry, original)  # type: ignore[arg-type]

    def missing(self, media: Media) -> str:
        if self._media == "none":
            return MEDIA_NOT_ASKED_FOR
        return DERIVED_NOT_ASKED_FOR if media.key and self._media == "original" else ""

    def open(self, media: Media) -> IO[bytes]:
        file = self._found[media.id]
        assert isinstance(file, MediaFile)
        return self._contents.open(file)

    def path(self, media: Media) -> Path | None:
        return None


class _Contents:
    """Bytes of fetched files, made when the first of them is asked for."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries
        self._by_digest: dict[str, bytes] = {}

    def open(self, file: MediaFile) -> IO[bytes]:
        if not self._by_digest:
            made = map(media_bytes, _medias(self._entries))
            self._by_digest = {hashlib.sha256(data).hexdigest(): data for data in made}
        return io.BytesIO(self._by_digest[file.sha256])


def _medias(entries: Entries) -> Iterator[Media]:
    return (media for some in entries.values() for entry in some for media in entry.medias)


def suited(exporter: BaseExporter[Any], entries: Iterable[Entry]) -> list[Entry]:
    """The entries as a format can have them: of a modality that it holds, with a shape that it holds for each box."""
    holds = exporter.holds
    kind = "image" if holds.modalities is None or "image" in holds.modalities else min(holds.modalities)
    shape = None
    if holds.shapes is not None and "box" not in holds.shapes:
        shape = one_of_each()[min(holds.shapes - {"relation"}, key=SUITED.index)]
    return [_suited(entry, shape, MIME_TYPES[kind]) for entry in entries]


SUITED = (
    "classification",
    "track",
    "text_span",
    "time_span",
    "polygon",
    "rotated_box",
    "mask",
    "skeleton",
    "ellipse",
    "polyline",
)
"""The shapes that stand for a box in formats without boxes, the likeliest first."""
MIME_TYPES = {"image": "image/png", "video": "video/mp4", "audio": "audio/wav", "text": "text/plain"}


def _suited(entry: Entry, shape: Shape | None, mime_type: str) -> Entry:
    annotations = entry.annotations
    if shape is not None:
        annotations = tuple(replace(one, shape=shape) if isinstance(one.shape, Box) else one for one in annotations)
    medias = entry.medias
    if mime_type != "image/png":
        medias = tuple(
            replace(one, mime_type=mime_type, frame_rate=25.0, frames_count=50, duration=2.0) for one in medias
        )
    # Where no media is asked for, a text is known from its attribute alone.
    attributes = {"text": TEXT, **entry.attributes} if mime_type == "text/plain" else entry.attributes
    return replace(entry, annotations=annotations, medias=medias, attributes=attributes)


def check_path(path: str) -> None:
    """Raise unless a path is relative, legal on every system, and stays in the folder that it is put in."""
    components = path.split("/")
    wrong = [
        not path,
        path.startswith("/"),
        "\\" in path,
        PureWindowsPath(path).is_absolute(),
        bool(PureWindowsPath(path).drive),
        any(component in ("", ".", "..") for component in components),
        any(len(component.encode()) > 255 for component in components),
        any(ord(character) < 32 or ord(character) == 127 for character in path),
        PurePosixPath(path).as_posix() != path,
    ]
    if any(wrong):
        raise AssertionError(f"unsafe path {path!r}")


def _chunks(entries: Sequence[Entry], size: int) -> Iterator[list[Entry]]:
    passing = iter(entries)
    while chunk := list(islice(passing, size)):
        yield chunk
