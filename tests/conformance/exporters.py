"""What stands in for fetch, transform and package, in memory: runs an exporter as a whole export does.

`run_export` cuts the entries into shards, surveys them, converts each shard apart from the others, joins the parts.
What shards are told travels as bytes, as it does between machines.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any

from msgspec.structs import replace

from exporters import ExporterOptions, Shard, read_options
from exporters.base import Exporter
from exporters.classes import ClassMap
from exporters.model import Box, Dataset, Entry, Media, Shape
from exporters.pictures.upright import MediaFile
from exporters.shard import MediaChoice
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
    exporter: Exporter[Any],
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
    """A whole export. `entries` by dataset id, or those of the only dataset; `watch` may look at them as they pass."""
    by_dataset = entries if isinstance(entries, Mapping) else {datasets[0].id: entries}
    read: ExporterOptions = read_options(exporter, options or {})
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


def suited(exporter: Exporter[Any], entries: Iterable[Entry]) -> list[Entry]:
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
