"""Exports: a zip with one member, built on disk, one file for each project."""

from __future__ import annotations

import os
import tempfile
import weakref
import zipfile
from collections.abc import Iterable, Iterator
from typing import IO, Any, cast

from blocks.sandbox.ango.links import Links
from blocks.sandbox.ango.query import Query
from blocks.sandbox.ango.tasks import Project
from blocks.sandbox.bodies import PIECE_BYTES, Body


class DiskFile:
    """A file without a name, gone with this object. It is read by several requests at once."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the object
        weakref.finalize(self, self._file.close)
        self.size = 0

    def write(self, data: Any) -> int:
        written = self._file.write(data)
        self.size += written
        return written

    def flush(self) -> None:
        self._file.flush()

    def body(self) -> Body:
        def pieces() -> Iterator[bytes]:
            descriptor, offset = self._file.fileno(), 0
            while piece := os.pread(descriptor, PIECE_BYTES, offset):
                yield piece
                offset += len(piece)

        return Body(self.size, pieces)


class ExportFile(DiskFile):
    """A zip, whose sizes come behind the data, as where zips are sent while made: it cannot be gone back in."""

    def __init__(self, member: str, pieces: Iterable[bytes]) -> None:
        super().__init__()
        with (
            zipfile.ZipFile(cast("IO[bytes]", self), "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open(member, "w", force_zip64=True) as stream,
        ):
            for piece in pieces:
                stream.write(piece)
        self.flush()


def build(project: Project, query: Query, links: Links) -> ExportFile:
    """Takes as long as it takes; holds a row at a time."""
    rows = project.rows(query, links, links.serial())
    if query.form == "ndjson":
        return ExportFile(f"{project.id}-export.ndjson", _lines(rows))
    return ExportFile(f"{project.id}-export.json", _list(rows))


def _lines(rows: Iterable[bytes]) -> Iterator[bytes]:
    """A blank one now and then."""
    for number, row in enumerate(rows):
        yield row + (b"\n\n" if number % 50 == 2 else b"\n")


def _list(rows: Iterable[bytes]) -> Iterator[bytes]:
    yield b"["
    for number, row in enumerate(rows):
        yield (b",\n" if number else b"\n") + row
    yield b"\n]\n"
