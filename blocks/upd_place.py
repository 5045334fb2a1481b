"""Where a UPD file lies: on a local disk it is read in place, from anywhere else it is copied there once."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import secrets
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple

import msgspec

from blocks.storage import Storage
from blocks.storage_errors import translated
from exporters.errors import RequestError, RetriableError
from exporters.temporary import temporary_folder


class Place(NamedTuple):
    """A local file, and what changes when its content may have."""

    path: Path
    version: str


def located(storage: Storage, shown: str) -> Place:
    """The file that `storage` is opened at, on the local disk.

    Raises:
        RequestError: there is no such file.
        RetriableError: it could not be copied now.
    """
    size = storage.size("")
    if size is None:
        raise RequestError(f"{shown} is no file; check the path.")
    if not storage.is_local:
        return _copies.get(storage, shown, size)
    path = Path(storage.path(""))
    with translated(shown):
        # A file that was not closed has its last changes beside it.
        parts = [one.stat() for one in (path, path.with_name(f"{path.name}.wal")) if one.exists()]
    return Place(path, "-".join(f"{one.st_size}-{one.st_mtime_ns}" for one in parts))


class _Copies:
    """Copies of remote files, for as long as this process lives; of each place the newest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._found: dict[str, tuple[str, Place]] = {}

    def get(self, storage: Storage, shown: str, size: int) -> Place:
        name = _name(storage)
        with self._lock:
            mark = _mark(storage)
            former = self._found.get(name)
            if former and former[0] == mark and former[1].path.exists():
                return former[1]
            copy = self._copied(storage, shown, size)
            self._found[name] = (mark, copy)
            if former:
                with contextlib.suppress(OSError):  # where an open file cannot be removed, it goes with the folder
                    former[1].path.unlink()
            return copy

    def _copied(self, storage: Storage, shown: str, size: int) -> Place:
        path = self._top() / f"{secrets.token_hex(8)}.upd"
        copied, sha256 = Storage(str(path.parent)).write(path.name, storage.stream(""), durable=False, shown="")
        if copied != size:
            path.unlink()
            raise RetriableError(f"{copied} of {size} bytes of {shown} arrived; try again later.")
        return Place(path, sha256)

    def _top(self) -> Path:
        if self._folder is None:
            with translated(tempfile.gettempdir()):
                folder = temporary_folder()
            atexit.register(folder.cleanup)
            self._folder = Path(folder.name)
        return self._folder


_copies = _Copies()


def _name(storage: Storage) -> str:
    """A place as others are told from it, its options too: two stores may have files of the same address."""
    options = msgspec.json.encode(storage.fs.storage_options, order="deterministic", enc_hook=str)
    return f"{storage.url} {hashlib.sha256(options).hexdigest()}"


def _mark(storage: Storage) -> str:
    """Changes when a remote file may have; empty where nothing tells, and then it is copied once."""
    with translated(storage.shown):
        info = storage.fs.info(storage.path(""))
        if not str(info["name"]).startswith(("http://", "https://")):
            return str(storage.fs.ukey(storage.path("")))
    marks = [str(info[name]) for name in ("ETag", "Last-Modified", "Content-MD5", "Digest") if info.get(name)]
    return " ".join([*marks, str(info.get("size"))]) if marks else ""
