"""A dataset laid out as a folder in Datumaro's own form: what the bridge to its other formats begins with.

The entries go through the same machinery as in every export: splits, classes, conversions, clipping. What that leaves
out is left out of the context too, so that it is counted there.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from exporters.assembly import Assembly, Piece
from exporters.contextual import Context, DatasetContext, EntryContext, MediaContext
from exporters.formats.datumaro import DatumaroExporter
from exporters.item import Item
from exporters.model import Classification, Entry, Media
from exporters.options import ImageOptions
from exporters.output import MediaMember
from exporters.pictures.upright import MediaFile
from exporters.shard import Shard
from exporters.shard_index import ShardIndex
from exporters.survey import Placement, survey
from exporters.tally import Counters, Kind


@dataclass(frozen=True)
class StagedItem:
    """An entry as Datumaro is given it: of each annotation the id, the class, and whether that is one of it all."""

    id: str
    annotations: tuple[tuple[str, str | None, bool], ...]


Items = dict[tuple[str, str], StagedItem]
"""By dataset id and entry id."""


@dataclass
class Staging:
    """Stages a context's entries below `folder`."""

    context: Context
    folder: Path
    items: Items = field(default_factory=dict)

    def run(self, options: ImageOptions) -> None:
        """Read all entries twice: to survey them, and to write them."""
        exporter = _Noting(self.items)
        datasets = list(self.context.datasets)
        indexes = [_index(dataset, options) for dataset in datasets]
        models = [dataset.model for dataset in datasets]
        plan = survey(models, indexes, exporter.holds, options)
        parts = [
            self._stage(exporter, options, dataset, placement, self.folder / "parts" / str(number))
            for number, (dataset, placement) in enumerate(zip(datasets, plan.placements, strict=True))
        ]
        order = list(range(len(datasets)))
        package = Assembly(options, models, plan.classes, parts, order, name="export")
        exporter.assemble(package)
        for path, segments in package.files.items():
            with _created(self.folder / path) as out:
                for segment in segments:
                    if isinstance(segment, bytes):
                        out.write(segment)
                        continue
                    with Path(segment.path).open("rb") as part:
                        shutil.copyfileobj(part, out)
        shutil.rmtree(self.folder / "parts", ignore_errors=True)

    def _stage(
        self, exporter: _Noting, options: ImageOptions, dataset: DatasetContext, placement: Placement, parts: Path
    ) -> dict[str, Piece]:
        with contextlib.closing(_Folder(self.folder, parts)) as output:
            shard = Shard(
                exporter,
                options,
                placement,
                dataset=dataset.model,
                media="original",
                files=output.file,
                skips_faults=True,  # the context has the policy, and is told of each
                output=output,
            )
            noted = _NotingCounters()
            shard.counters = noted
            shard.run(_passing(dataset, output, noted))
        for what, count in sorted(noted.changed.items()):
            self.context.change(what, count)
        return output.pieces()


def _index(dataset: DatasetContext, options: ImageOptions) -> bytes:
    index = ShardIndex(DatumaroExporter.holds, options)
    for entry in dataset.entries():
        index.add(entry.model)
    return index.to_bytes()


def _passing(dataset: DatasetContext, output: _Folder, noted: _NotingCounters) -> Iterator[Entry]:
    """The entries of a dataset; what became of one is told to the context when the next is asked for."""
    for entry in dataset.entries():
        output.begin({one.model.id: one for one in entry.medias(key="")})
        noted.noted.clear()
        yield entry.model
        _tell(entry, noted.noted)


def _tell(entry: EntryContext, noted: Iterable[_Left]) -> None:
    annotations = {one.model.id: one for one in entry.annotations()}
    for left in noted:
        if left.kind == "entries":
            entry.leave_out(left.reason, is_fault=left.is_fault)
        elif left.kind == "annotations":
            for id_ in left.ids:
                annotations[id_].leave_out(left.reason)


@dataclass(frozen=True)
class _Left:
    kind: Kind
    reason: str
    ids: tuple[str, ...]
    is_fault: bool


class _NotingCounters(Counters):
    """Counters that remember what was left out of one entry: a tally only has examples."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[_Left] = []

    def leave_out(
        self, kind: Kind, reason: str, ids: Iterable[str], *, count: int | None = None, is_fault: bool = False
    ) -> None:
        given = tuple(ids)
        self.noted.append(_Left(kind, reason, given, is_fault))
        super().leave_out(kind, reason, given, count=count, is_fault=is_fault)


class _Noting(DatumaroExporter):
    """Datumaro's own form, with a note of what each item is called there."""

    def __init__(self, items: Items) -> None:
        self._items = items

    def convert(self, item: Item, shard: Shard[ImageOptions]) -> None:
        super().convert(item, shard)
        annotations = tuple(
            (one.annotation.id, one.category.name if one.category else None, isinstance(one.shape, Classification))
            for one in item.annotations
        )
        self._items[item.entry.dataset_id, item.entry.id] = StagedItem(self.item_id(item), annotations)


class _Folder:
    """What a shard writes, as files of a folder; fetched files are linked into it where the system can."""

    def __init__(self, folder: Path, parts: Path) -> None:
        self._medias: dict[str, MediaContext] = {}
        self._folder = folder
        self._parts = parts
        self._open: dict[str, tuple[Path, IO[bytes]]] = {}
        self._paths: dict[str, Path] = {}

    def begin(self, medias: dict[str, MediaContext]) -> None:
        """The next entry has these medias, by id."""
        self._medias, self._paths = medias, {}

    def file(self, media: Media) -> MediaFile | str:
        """The fetched file of a media of this entry."""
        path = self._medias[media.id].path
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        self._paths[digest] = path
        size = path.stat().st_size
        return MediaFile(sha256=digest, size=size, crc32=0, width=media.width, height=media.height)

    def append(self, part: str, data: bytes, separator: bytes) -> None:
        if part in self._open:
            self._open[part][1].write(separator)
        else:
            path = self._parts / str(len(self._open))
            self._open[part] = (path, _created(path))
        self._open[part][1].write(data)

    def write(self, path: str, data: bytes) -> None:
        with _created(self._folder / path) as out:
            out.write(data)

    def put_media(self, member: MediaMember) -> None:
        target = self._folder / member.path
        target.parent.mkdir(parents=True, exist_ok=True)
        source = self._paths[member.file.sha256]
        try:
            target.hardlink_to(source)
        except OSError:  # on another file system, or one without links
            shutil.copyfile(source, target)

    def open_media(self, file: MediaFile) -> IO[bytes]:
        return self._paths[file.sha256].open("rb")

    def pieces(self) -> dict[str, Piece]:
        return {part: Piece(str(path)) for part, (path, _) in self._open.items()}

    def close(self) -> None:
        for _, stream in self._open.values():
            stream.close()


def _created(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")
