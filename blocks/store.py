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

import hashlib
import secrets
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import msgspec
import zstandard

from blocks import stopping
from blocks.chunks import chunks_of, gathered, lines_of
from blocks.storage import Storage
from blocks.storage_errors import translated
from exporters.errors import FatalError
from exporters.pictures.upright import MediaFile
from exporters.temporary import temporary_folder

INCOMING = "incoming"
"""Apart from what is whole, so that what killed runs left is found without looking through a million files."""

_decode_media_file = msgspec.json.Decoder(MediaFile).decode


class Store:
    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        storage.spool = INCOMING

    def identity(self) -> str:
        """A name made once for each workspace: what caches say about another, or a former one, is not about this."""
        name = "workspace.json"
        if not self.storage.exists(name):
            self.storage.create(name, msgspec.json.encode({"id": secrets.token_hex(8), "layout": 1}))
        found: str = msgspec.json.decode(self.storage.read(name))["id"]
        return found

    def save_lines(self, lines: Iterable[bytes]) -> tuple[str, str]:
        """Keep a sequence of lines, compressed, under a name made of their content; returns path and SHA-256."""
        digest = hashlib.sha256()
        with translated(tempfile.gettempdir()), temporary_folder() as folder:
            spool = Path(folder) / "lines"
            with spool.open("wb") as raw, zstandard.ZstdCompressor(level=1).stream_writer(raw) as writer:
                for some in gathered(line + b"\n" for line in lines):
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

        Raises:
            FatalError: after the last line, when they are not the lines that were saved.
        """
        digest = hashlib.sha256()

        def chunks(reader: IO[bytes]) -> Iterator[bytes]:
            for chunk in chunks_of(reader):
                stopping.check()
                digest.update(chunk)
                yield chunk

        try:
            with self.storage.open(name) as handle, zstandard.ZstdDecompressor().stream_reader(handle) as reader:
                yield from lines_of(chunks(reader))
            is_damaged = digest.hexdigest() not in name
        except zstandard.ZstdError:
            is_damaged = True
        if is_damaged:
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

    def known_media(self, key: str) -> MediaFile | None:
        """The file fetched earlier under this key, if its bytes are still whole."""
        name = f"media-keys/{key[:2]}/{key}"
        if not self.storage.exists(name):
            return None
        try:
            found = _decode_media_file(self.storage.read(name))
        except msgspec.MsgspecError:
            return None
        return found if self.has_media(found) else None

    def has_media(self, file: MediaFile) -> bool:
        """Whether the bytes of a file are here, in full length."""
        return self.storage.size(media_path(file.sha256)) == file.size

    def keep_media(self, key: str, local: Path, file: MediaFile) -> None:
        """Take over a fetched file. Its key is written last: who sees the key finds the bytes."""
        path = media_path(file.sha256)
        local.chmod(0o444)  # every worker may read it, and exporters that are handed the file itself do not change it
        if self.storage.size(path) != file.size:
            self.storage.move_in(local, path)
        self.storage.write(f"media-keys/{key[:2]}/{key}", [msgspec.json.encode(file)], durable=False)

    def spool_folder(self) -> Path:
        """A local folder for files on their way in, on the store's own disk where it has one."""
        if self.storage.is_local:
            folder = Path(self.storage.path(INCOMING))
            folder.mkdir(parents=True, exist_ok=True)
            return folder
        return Path(tempfile.gettempdir())


def media_path(sha256: str) -> str:
    return f"media/{sha256[:2]}/{sha256}"


def media_key(*facts: str) -> str:
    """The name under which a source's file is remembered: a digest of all that tells its bytes from others."""
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()
