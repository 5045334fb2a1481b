"""The workspace, opened: what a run keeps between its tasks, and the media store that outlives runs.

    snapshot/<sha>...           fetched shards, listings, indexes of packages: named by their content
    media/<sha256>              media bytes, each distinct file once
    media-keys/<key>            what is known of a file under the source's own name for it
    parts/<key>/...             what exporters made of a shard
    incoming/                   files that are not whole yet
    running/                    who works here: see `blocks.lease`

Everything is named by its content or by all that it depends on, and written whole: a killed run leaves nothing that the
next one could take for more than it is. Any number of workers may share one workspace.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import secrets
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import msgspec
import zstandard

from blocks import stopping
from blocks.chunks import chunks_of, exhaust, gathered, lines_of
from blocks.local_files import READ_ONLY
from blocks.storage import Storage
from blocks.storage_errors import translated
from exporters.errors import FatalError
from exporters.foreign_json import UNREADABLE
from exporters.pictures.upright import MediaFile
from exporters.temporary import temporary_folder
from exporters.version import too_new

LAYOUT = 1
"""Of a workspace; raised when who knows the one before would do harm in the new one, `pushes` above all."""
SIGN = "workspace.json"
INCOMING = "incoming"
"""Apart from what is whole, so that what killed runs left is found without looking through a million files."""

HELD_BYTES = 8 << 20
"""Of what is kept compressed: lines of a shard that is not of a kind of its own have a tenth of it."""
SEAL_BYTES = 32


class _Sign(msgspec.Struct):
    """What tells a workspace from others, and from those of another layout."""

    id: str
    layout: int = LAYOUT


_decode_sign = msgspec.json.Decoder(_Sign).decode
_decode_media_file = msgspec.json.Decoder(MediaFile).decode


class Store:
    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        storage.spool = INCOMING
        storage.lost = "run again, and it is made anew"

    def identity(self) -> str:
        """A name made once for each workspace: what caches say about another, or a former one, is not about this.

        Raises:
            RequestError: a newer Outhaul works here.
        """
        if not self.storage.exists(SIGN):
            self.storage.create(SIGN, msgspec.json.encode(_Sign(secrets.token_hex(8))))
        return self._sign().id

    def check_layout(self) -> None:
        """Leave alone what a newer Outhaul made: to be asked before anything is written, or removed.

        Raises:
            RequestError: it did.
            FatalError: what says so cannot be read.
        """
        if self.storage.exists(SIGN):
            self._sign()

    def _sign(self) -> _Sign:
        try:
            sign = _decode_sign(self.storage.read(SIGN))
        except UNREADABLE:
            raise self.damaged(SIGN) from None
        if sign.layout > LAYOUT:
            shown = self.storage.shown_path(SIGN)
            raise too_new(shown, "the layout", sign.layout, LAYOUT, "give another --workspace")
        return sign

    def save_lines(self, lines: Iterable[bytes]) -> tuple[str, str]:
        """Keep a sequence of lines, compressed, under a name made of their content; returns path and SHA-256."""
        digest = hashlib.sha256()
        with translated(tempfile.gettempdir()), temporary_folder() as folder, _short_of_memory():
            spool = Path(folder) / "lines"
            with spool.open("wb") as raw, zstandard.ZstdCompressor(level=1).stream_writer(raw) as writer:
                for some in gathered(lines, b"\n"):
                    digest.update(some)
                    writer.write(some)
            sha256 = digest.hexdigest()
            name = f"snapshot/{sha256}.jsonl.zst"
            if not self.storage.exists(name):
                with spool.open("rb") as handle:
                    self.storage.write(name, chunks_of(handle))
        return name, sha256

    def load_lines(self, name: str) -> Iterator[bytes]:
        """The lines kept under this name, one at a time.

        They are looked through before the first one is handed on, so that nobody trips over what is damaged; of what is
        too much to be held, the last one is followed by that.

        Raises:
            FatalError: they are not the lines that were saved.
        """
        with self.storage.open(name) as handle:
            held = handle.read(HELD_BYTES)
            if len(held) < HELD_BYTES:
                exhaust(self._checked(name, io.BytesIO(held)))
                yield from lines_of(_decompressed(io.BytesIO(held)))
            else:
                handle.seek(0)
                yield from lines_of(self._checked(name, handle))

    def _checked(self, name: str, handle: IO[bytes]) -> Iterator[bytes]:
        digest = hashlib.sha256()
        try:
            for chunk in _decompressed(handle):
                digest.update(chunk)
                yield chunk
        except zstandard.ZstdError:
            raise self.damaged(name) from None
        if digest.hexdigest() not in name:
            raise self.damaged(name)

    def damaged(self, name: str) -> FatalError:
        """What to raise when a file of the workspace is not what was put there."""
        return FatalError(f"{self.storage.shown_path(name)} is damaged; remove the workspace and run again.")

    def save_blob(self, data: bytes) -> tuple[str, str]:
        """Keep some bytes under a name made of their content; returns path and SHA-256."""
        sha256 = hashlib.sha256(data).hexdigest()
        name = f"snapshot/{sha256}"
        if not self.storage.exists(name):
            self.storage.write(name, [data])
        return name, sha256

    def load_blob(self, name: str) -> bytes:
        """Raises FatalError when they are not the bytes that were saved."""
        data = self.storage.read(name)
        if hashlib.sha256(data).hexdigest() not in name:
            raise self.damaged(name)
        return data

    def save_sealed(self, name: str, data: bytes) -> None:
        """Keep some bytes under a name that does not tell them from others, with their digest before them."""
        self.storage.write(name, [hashlib.sha256(data).digest(), data], durable=False)

    def load_sealed(self, name: str) -> bytes:
        """Raises FatalError when they are not the bytes that were saved."""
        kept = self.storage.read(name)
        seal, data = kept[:SEAL_BYTES], kept[SEAL_BYTES:]
        if hashlib.sha256(data).digest() != seal:
            raise self.damaged(name)
        return data

    def known_media(self, key: str) -> MediaFile | None:
        """The file fetched earlier under this key, if its bytes are still whole."""
        name = f"media-keys/{key[:2]}/{key}"
        if not self.storage.exists(name):
            return None
        try:
            found = _decode_media_file(self.storage.read(name))
        except UNREADABLE:
            return None
        return found if self.has_media(found) else None

    def has_media(self, *files: MediaFile) -> bool:
        """Whether the bytes of all these files are here, in full length."""
        sizes = self.storage.each_size([media_path(file.sha256) for file in files])
        return all(size == file.size for size, file in zip(sizes, files, strict=True))

    def keep_media(self, key: str, arrived: Path | Iterable[bytes], file: MediaFile) -> None:
        """Take over a fetched file, or the bytes of one. Its key is written last: who sees it finds the bytes."""
        path = media_path(file.sha256)
        if self.storage.size(path) != file.size:
            if isinstance(arrived, Path):
                arrived.chmod(READ_ONLY)
                self.storage.move_in(arrived, path)
            else:
                self.storage.write(path, arrived, durable=False, expected=file.size, hashed=False, read_only=True)
        self.storage.write(f"media-keys/{key[:2]}/{key}", [msgspec.json.encode(file)], durable=False, hashed=False)

    def spool_folder(self) -> Path:
        """A local folder for files on their way in, on the store's own disk where it has one."""
        if self.storage.is_local:
            folder = Path(self.storage.path(INCOMING))
            folder.mkdir(parents=True, exist_ok=True)
            return folder
        return Path(tempfile.gettempdir())


def _decompressed(handle: IO[bytes]) -> Iterator[bytes]:
    with _short_of_memory(), zstandard.ZstdDecompressor().stream_reader(handle) as reader:
        for chunk in chunks_of(reader):
            stopping.check()
            yield chunk


@contextlib.contextmanager
def _short_of_memory() -> Iterator[None]:
    """What zstd says when it gets no memory is no word about the data."""
    try:
        yield
    except zstandard.ZstdError as error:
        raise (MemoryError if "memory" in str(error) else error) from None


def media_path(sha256: str) -> str:
    return f"media/{sha256[:2]}/{sha256}"


def media_key(*facts: str) -> str:
    """The name under which a source's file is remembered: a digest of all that tells its bytes from others."""
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()
