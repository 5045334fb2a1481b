"""Exporters that work shard by shard, run in memory: what survey, transform and package do, without a workspace."""

from __future__ import annotations

import hashlib
import io
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

import msgspec

from exporters.annotators import datasets_as_asked
from exporters.assembly import Assembly, Piece
from exporters.base import Exporter
from exporters.classes import ClassMap
from exporters.model import Dataset, Entry, Media
from exporters.naming import is_safe_path
from exporters.output import MediaMember
from exporters.pictures.upright import MediaFile
from exporters.shard import MEDIA_NOT_ASKED_FOR, MediaChoice, Shard
from exporters.shard_index import ShardIndex
from exporters.survey import Placement, survey
from exporters.tally import Tally, total
from exporters.testing.data import Datasets
from exporters.testing.result import Result

OpenMedia = Callable[[MediaFile], IO[bytes]]


@dataclass
class Output:
    """What one shard makes; `number` tells its parts from those of others."""

    open_media: OpenMedia
    number: int = 0
    parts: dict[str, bytearray] = field(default_factory=dict)
    files: list[tuple[str, bytes]] = field(default_factory=list)
    medias: list[MediaMember] = field(default_factory=list)

    def append(self, part: str, data: bytes, separator: bytes) -> None:
        if part in self.parts:
            self.parts[part] += separator
        self.parts.setdefault(part, bytearray()).extend(data)

    def write(self, path: str, data: bytes) -> None:
        self.files.append((path, data))

    def put_media(self, member: MediaMember) -> None:
        self.medias.append(member)

    def pieces(self) -> dict[str, Piece]:
        return {part: Piece(f"{self.number}/{part}", size=len(data)) for part, data in self.parts.items()}


@dataclass(frozen=True)
class Package:
    """All files that were written, the media beside them by path, the books, the classes."""

    files: dict[str, bytes]
    medias: dict[str, MediaFile]
    tally: Tally
    classes: ClassMap


def run_shards(
    exporter: Exporter[Any],
    options: Any,
    datasets: Sequence[Dataset],
    shards: Sequence[tuple[int, Sequence[Entry]]],
    *,
    media: MediaChoice,
    files: Callable[[Media], MediaFile | str],
    open_media: OpenMedia,
    skips_faults: bool = False,
    watch: Callable[[Iterable[Entry], Shard[Any]], Iterable[Entry]] | None = None,
) -> Package:
    """A whole export. Each shard is the index of its dataset, and entries of it; `watch` may look at them as they pass.

    What shards are told travels as bytes, as it does between machines.
    """
    plan = survey(datasets, [_index(exporter, some, options) for _, some in shards], exporter.holds, options)
    outputs, tallies = [], []
    for number, ((dataset, entries), placement) in enumerate(zip(shards, plan.placements, strict=True)):
        outputs.append(Output(open_media, number))
        shard = Shard(
            exporter,
            options,
            msgspec.json.decode(msgspec.json.encode(placement), type=Placement),
            dataset=datasets[dataset],
            media=media,
            files=None if media == "none" else files,
            skips_faults=skips_faults,
            output=outputs[-1],
        )
        shard.run(watch(entries, shard) if watch else entries)
        tallies.append(shard.counters.tally())
    package: Assembly[Any] = Assembly(
        options=options,
        datasets=datasets_as_asked(datasets, options),
        classes=plan.classes,
        parts=[output.pieces() for output in outputs],
        shard_datasets=[dataset for dataset, _ in shards],
        name="export",
    )
    exporter.assemble(package)
    parts = {f"{output.number}/{name}": bytes(part) for output in outputs for name, part in output.parts.items()}
    written = [
        (path, b"".join(parts[one.path] if isinstance(one, Piece) else one for one in segments))
        for path, segments in package.files.items()
    ]
    written += (file for output in outputs for file in output.files)
    medias = [(member.path, member.file) for output in outputs for member in output.medias]
    places = Counter(path for path, _ in (*written, *medias))
    unsafe = [path for path in places if not is_safe_path(path)]
    assert not unsafe, f"not every system takes the paths {unsafe}"
    repeated = [path for path, count in places.items() if count > 1]
    assert not repeated, f"two files are to lie at {repeated}"
    return Package(dict(written), dict(medias), total(tallies), plan.classes)


def run_sharded(exporter: Exporter[Any], data: Datasets, options: Any, *, skips_faults: bool) -> Result:
    """Run an exporter over all datasets, with all media that has bytes."""
    contents: dict[str, bytes] = {}

    def file_of(media: Media) -> MediaFile | str:
        found = data.read_media(media)
        if found is None:
            return MEDIA_NOT_ASKED_FOR
        digest = hashlib.sha256(found).hexdigest()
        contents[digest] = found
        return MediaFile(
            sha256=digest, size=len(found), crc32=zlib.crc32(found), width=media.width, height=media.height
        )

    shards = [(index, list(data.entries(dataset))) for index, dataset in enumerate(data.datasets)]
    medias = (media for _, entries in shards for entry in entries for media in entry.medias)
    made = run_shards(
        exporter,
        options,
        data.datasets,
        shards,
        media="all" if any(data.read_media(media) is not None for media in medias) else "none",
        files=file_of,
        open_media=lambda file: io.BytesIO(contents[file.sha256]),
        skips_faults=skips_faults,
    )
    made.tally.check("this export")
    return Result(made.files | {path: contents[file.sha256] for path, file in made.medias.items()}, made.tally)


def _index(exporter: Exporter[Any], entries: Iterable[Entry], options: Any) -> bytes:
    index = ShardIndex(exporter.holds, options)
    for entry in entries:
        index.add(entry)
    return index.to_bytes()
