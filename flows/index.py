"""The index of a package: its files, and where in the workspace their bytes lie.

A package is described before it exists: media is written once, when it is fetched, and read once, when deliver makes
the archive while it uploads. Size, CRC and digest of every file are known beforehand, so the archive is a pure function
of the index, and an index can be kept, compared and sent to another machine.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import Struct

from blocks.chunks import CHUNK_BYTES
from blocks.ranges import stream_range
from blocks.storage import Storage
from exporters import FatalError
from exporters.assembly import Piece, Segment


class Run(Struct, frozen=True, omit_defaults=True):
    """A run of a file's bytes: all of a file in the workspace, a stretch of one, or a few written out here."""

    path: str = ""
    literal: str = ""
    """Base64."""
    offset: int = 0
    size: int | None = None
    """None: to the end."""


class Member(Struct, frozen=True):
    """A file of a package."""

    path: str
    size: int
    sha256: str
    crc32: int
    runs: tuple[Run, ...]

    def read(self, storage: Storage) -> Iterator[bytes]:
        """The file's bytes, checked while they pass: the workspace may have been tampered with since."""
        digest, size = hashlib.sha256(), 0
        for chunk in _read(self.runs, storage, self.size):
            digest.update(chunk)
            size += len(chunk)
            yield chunk
        if (size, digest.hexdigest()) != (self.size, self.sha256):
            raise _tampered(storage, self.path)


decode_member = msgspec.json.Decoder(Member).decode


def written_member(path: str, segments: Sequence[Segment], storage: Storage) -> Member:
    """A file that an exporter described; its pieces are read once, and have to be what the transform step wrote."""
    digest, crc32, size = hashlib.sha256(), 0, 0
    runs = []
    for segment in segments:
        piece_digest = hashlib.sha256()
        for chunk in _read([_run(segment)], storage):
            piece_digest.update(chunk)
            digest.update(chunk)
            crc32 = zlib.crc32(chunk, crc32)
            size += len(chunk)
        if isinstance(segment, Piece) and piece_digest.hexdigest() != segment.sha256:
            raise _tampered(storage, path)
        if segment:
            runs.append(_run(segment))
    return Member(path, size, digest.hexdigest(), crc32, tuple(runs))


def _tampered(storage: Storage, path: str) -> FatalError:
    return FatalError(
        f"What the workspace {storage.shown} holds for {path} is not what was put there; "
        f"remove the workspace and run again."
    )


def _run(segment: Segment) -> Run:
    if isinstance(segment, Piece):
        return Run(segment.path, offset=segment.offset, size=segment.size)
    return Run(literal=base64.b64encode(segment).decode())


def _read(runs: Iterable[Run], storage: Storage, expected: int = CHUNK_BYTES) -> Iterator[bytes]:
    for run in runs:
        if not run.path:
            yield base64.b64decode(run.literal)
        elif run.size is None:
            yield from storage.stream(run.path, expected)
        else:
            yield from stream_range(storage, run.path, run.offset, run.size)
