"""The zip of an export, read while it arrives: one member, inflated as its bytes come in.

Where its data ends, a zip that was written on the way says only behind it; whether all of it is right, the list of
members at the end tells. So the zip is kept on disk until both have been compared, and read from there where its
beginning does not tell enough.
"""

from __future__ import annotations

import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from blocks.storage_errors import translated
from exporters.errors import FatalError, RetriableError
from exporters.temporary import owned_name

PIECE_BYTES = 1 << 20
_HEADER = struct.Struct("<4s5H3I2H")
_STORED, _DEFLATED = 0, 8
_IS_ENCRYPTED, _SIZES_FOLLOW = 0x1, 0x8
_UNKNOWN_SIZE = 0xFFFFFFFF


DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What zipfile raises for a zip that is damaged, or of a kind that it does not read; the last of names, and of places
before the beginning."""


class Archive:
    """A zip on its way: `feed` takes its bytes and gives those of the member; `finish` checks and gives the rest."""

    def __init__(self, file: IO[bytes], shown: str) -> None:
        self._file, self._shown = file, shown
        self._head = b""
        self._read_any = self._is_begun = False
        self._stored_left = 0
        self._inflating: zlib._Decompress | None = None
        self._crc32 = self._size = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        self._file.write(chunk)
        if not self._is_begun:
            self._head += chunk
            chunk = self._begin()
        for piece in self._read(chunk):
            self._crc32 = zlib.crc32(piece, self._crc32)
            self._size += len(piece)
            yield piece

    def finish(self) -> Iterator[bytes]:
        """Raises RetriableError where the zip is damaged, FatalError where it is not of one member."""
        self._file.flush()
        try:
            with zipfile.ZipFile(self._file) as archive:
                members = [one for one in archive.infolist() if not one.is_dir()]
                if len(members) != 1:
                    raise FatalError(
                        f"The export of {self._shown} is a zip of {len(members)} files where one is expected; "
                        f"this form of it is not known, please report it."
                    )
                if self._read_any:
                    if (members[0].file_size, members[0].CRC) != (self._size, self._crc32):
                        raise self._damaged()
                    return
                with archive.open(members[0]) as stream:
                    while piece := stream.read(PIECE_BYTES):
                        yield piece
        except DAMAGE:
            raise self._damaged() from None

    def _begin(self) -> bytes:
        """What of the head is data of the first member, once all of its header is here."""
        if len(self._head) < _HEADER.size:
            return b""
        magic, _, flags, method, _, _, _, packed, _, name, extra = _HEADER.unpack_from(self._head)
        start = _HEADER.size + name + extra
        if magic != b"PK\x03\x04" or flags & _IS_ENCRYPTED:
            self._is_begun = True  # `finish` says what is wrong with it
            return b""
        if len(self._head) < start:
            return b""
        self._is_begun = True
        if method == _DEFLATED:
            self._inflating, self._read_any = zlib.decompressobj(-zlib.MAX_WBITS), True
        elif method == _STORED and not flags & _SIZES_FOLLOW and packed != _UNKNOWN_SIZE:
            self._stored_left, self._read_any = packed, True
        data, self._head = self._head[start:], b""
        return data

    def _read(self, chunk: bytes) -> Iterator[bytes]:
        if self._stored_left:
            yield chunk[: self._stored_left]
            self._stored_left -= min(len(chunk), self._stored_left)
        while chunk and self._inflating and not self._inflating.eof:
            try:
                piece = self._inflating.decompress(chunk, PIECE_BYTES)
            except zlib.error:
                raise self._damaged() from None
            chunk = self._inflating.unconsumed_tail
            if piece:
                yield piece
            elif not chunk:
                return

    def _damaged(self) -> RetriableError:
        return RetriableError(f"The export of {self._shown} came as a damaged zip; try again later.")


def scratch_file() -> IO[bytes]:
    """A file without a name: it is gone when it is closed, or when this process is."""
    place = tempfile.gettempdir()
    with translated(place):
        return tempfile.TemporaryFile()


@contextmanager
def file_made_whole(path: Path) -> Iterator[IO[bytes]]:
    """A file for its owner's eyes alone, which is there once the block has ended well; else nothing is left."""
    partial = path.with_name(f".{owned_name()}.part")
    with translated(str(path)):
        file = os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "wb")
    try:
        with translated(str(path)):
            with file:
                yield file
            partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
