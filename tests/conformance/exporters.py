"""What stands in for fetch, transform and package, in memory: runs an exporter as a whole export does.

`run_export` cuts the entries into shards, surveys them, converts each shard apart from the others, joins the parts.
What shards are told travels as bytes, as it does between machines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import msgspec

from exporters import ExporterOptions, Shard, read_options
from exporters.base import Assembly, Exporter, Piece
from exporters.classes import ClassMap
from exporters.model import Dataset, Entry, Media
from exporters.shard import MediaChoice
from exporters.survey import Placement, ShardIndex, survey
from exporters.tally import Tally, total
from exporters.upright import MediaFile
from tests.fakes.datasets import fetched

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


@dataclass
class _Workspace:
    """Parts of all shards, by path."""

    parts: dict[str, bytearray] = field(default_factory=dict)

    def appender(self, shard: int) -> Callable[[str, bytes, bytes], None]:
        def append(part: str, data: bytes, separator: bytes) -> None:
            path = f"{shard}/{part}"
            if path in self.parts:
                self.parts[path] += separator
            self.parts.setdefault(path, bytearray()).extend(data)

        return append

    def pieces(self, shard: int) -> dict[str, Piece]:
        prefix = f"{shard}/"
        return {path.removeprefix(prefix): Piece(path) for path in self.parts if path.startswith(prefix)}

    def read(self, piece: Piece) -> bytes:
        return bytes(self.parts[piece.path])


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
        (index, dataset, chunk)
        for index, dataset in enumerate(datasets)
        for chunk in _chunks(by_dataset.get(dataset.id, ()), shard_size)
    ]
    plan = survey(datasets, [_index(chunk) for _, _, chunk in cut], exporter.holds)
    workspace = _Workspace()
    medias: dict[str, MediaFile] = {}
    tallies = []
    for number, ((_, dataset, chunk), placement) in enumerate(zip(cut, plan.placements, strict=True)):
        shard = Shard(
            exporter,
            read,
            msgspec.json.decode(msgspec.json.encode(placement), type=Placement),
            dataset=dataset,
            media=media,
            files=None if media == "none" else files,
            skips_faults=skips_faults,
            append=workspace.appender(number),
        )
        for member in shard.run(watch(chunk, shard) if watch else chunk):
            if member.path in medias:
                raise AssertionError(f"two media are both to lie at {member.path!r}")
            medias[member.path] = member.file
        tallies.append(shard.counters.tally())
    package: Assembly[Any] = Assembly(
        options=read,
        datasets=datasets,
        classes=plan.classes,
        parts=[workspace.pieces(number) for number in range(len(cut))],
        shard_datasets=[index for index, _, _ in cut],
        name="export",
    )
    exporter.assemble(package)
    described = {
        path: b"".join(workspace.read(one) if isinstance(one, Piece) else one for one in segments)
        for path, segments in package.files.items()
    }
    if described.keys() & medias.keys():
        raise AssertionError(f"a file and a media are both to lie at {sorted(described.keys() & medias.keys())}")
    return Export(described, medias, total(tallies), plan.classes)


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


def _index(entries: Iterable[Entry]) -> bytes:
    index = ShardIndex()
    for entry in entries:
        index.add(entry)
    return index.to_bytes()
