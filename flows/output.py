"""What an exporter makes of one shard, on its way into the workspace: parts, small files, and the list of both.

All that is small goes into one pack: a thousand label files are one object, not a thousand.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from blocks.chunks import chunks_of
from blocks.storage import Storage
from blocks.store import Store, media_path
from exporters import FatalError
from exporters.output import MediaMember
from exporters.pictures.upright import MediaFile
from flows.index import Member, Run
from flows.results import ConvertedShard, Part

BUFFERED_BYTES = 16 << 20
"""Of all parts together, before they are written out: there may be more parts than files can be open."""
LARGE_BYTES = 8 << 20
"""A part of this size is an object of its own."""


def is_there(made: ConvertedShard, store: Store) -> bool:
    """Whether the workspace still has what was made of a shard; its members' own bytes are looked at when they go."""
    paths = {made.members, made.contents, *(part.path for part in made.parts.values())}
    return all(map(store.storage.exists, paths))


class ShardOutput:
    """Collects in a local folder; `save` moves all of it into the workspace under a path of the shard's own."""

    def __init__(self, folder: Path, path: str, storage: Storage) -> None:
        self._folder = folder
        self._path = path
        self._storage = storage
        self._pack = (folder / "pack").open("wb")
        self._members = (folder / "members").open("wb")
        self._buffers: dict[str, bytearray] = {}
        self._buffered = 0
        self._digests: dict[str, Any] = {}
        self._sizes: dict[str, int] = {}
        self._files: dict[str, Path] = {}
        self._paths: set[str] = set()

    def close(self) -> None:
        self._pack.close()
        self._members.close()

    def append(self, part: str, data: bytes, separator: bytes) -> None:
        buffer = self._buffers.get(part)
        if buffer is None:
            buffer = self._buffers[part] = bytearray()
            self._digests[part], self._sizes[part] = hashlib.sha256(), 0
        elif separator:
            data = separator + data
        buffer += data
        self._buffered += len(data)
        if self._buffered > BUFFERED_BYTES:
            self._spill()

    def write(self, path: str, data: bytes) -> None:
        if path in self._paths:
            raise FatalError(f"Two files of the package would lie at {path}; please report this as a fault.")
        self._paths.add(path)
        run = Run(self._pack_path, offset=self._pack.tell(), size=len(data))
        self._pack.write(data)
        self._add(Member(path, len(data), hashlib.sha256(data).hexdigest(), zlib.crc32(data), (run,)))

    def put_media(self, member: MediaMember) -> None:
        file = member.file
        self._add(Member(member.path, file.size, file.sha256, file.crc32, (Run(media_path(file.sha256)),)))

    def open_media(self, file: MediaFile) -> IO[bytes]:
        return self._storage.open(media_path(file.sha256))

    def save(self) -> dict[str, Part]:
        """Move everything into the workspace; returns where each part lies."""
        for part, buffer in self._buffers.items():
            self._book(part, buffer)
        large = {part for part, size in self._sizes.items() if size > LARGE_BYTES}
        saved: dict[str, Part] = {}
        for part in sorted(self._sizes.keys() - large):
            saved[part] = Part(
                path=self._pack_path,
                offset=self._pack.tell(),
                size=self._sizes[part],
                sha256=self._digests[part].hexdigest(),
            )
            for chunk in self._contents(part):
                self._pack.write(chunk)
        self._write_out()
        self.close()
        for number, part in enumerate(sorted(large)):
            path = f"{self._path}/{number}"
            self._storage.move_in(self._files[part], path)
            saved[part] = Part(path=path, size=self._sizes[part], sha256=self._digests[part].hexdigest())
        self._storage.move_in(self._folder / "pack", self._pack_path)
        return saved

    def members(self) -> Iterator[bytes]:
        """The files of the package that this shard brings, a line each, in order."""
        with (self._folder / "members").open("rb") as handle:
            for line in handle:
                yield line[:-1]

    @property
    def _pack_path(self) -> str:
        return f"{self._path}/pack"

    def _add(self, member: Member) -> None:
        self._members.write(msgspec.json.encode(member) + b"\n")

    def _contents(self, part: str) -> Iterator[bytes]:
        if part in self._files:
            with self._files[part].open("rb") as handle:
                yield from chunks_of(handle)
        yield bytes(self._buffers.pop(part))

    def _spill(self) -> None:
        """Put what is buffered of parts out of memory."""
        for part, buffer in self._buffers.items():
            self._book(part, buffer)
        self._write_out()

    def _book(self, part: str, data: bytearray) -> None:
        self._digests[part].update(data)
        self._sizes[part] += len(data)

    def _write_out(self) -> None:
        """Each to a file of its own that is open only meanwhile."""
        for part, buffer in self._buffers.items():
            path = self._files.setdefault(part, self._folder / f"part{len(self._files)}")
            with path.open("ab") as handle:
                handle.write(buffer)
            buffer.clear()
        self._buffered = 0
