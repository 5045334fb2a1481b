"""Where a contextual exporter writes: one file, or one directory.

The first use decides which; the other one is refused from then on. What is written belongs to the run, which takes it
over when the exporter is done: `cleanup` closes, and removes nothing that is still to be delivered.
"""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Literal, cast

from exporters.errors import FatalError, quoted

Mode = Literal["file", "dir"]

COPY_BYTES = 1 << 20
SINGLE_FILE = "file"
"""What the one file of an export is called here, before its extension."""

_FORMAT = re.compile(r"\.?([A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*)", re.ASCII)
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest that a zip can hold: the same files make the same zip."""


class ProductFile(io.BufferedRandom):
    """The file of an export, open for reading and writing. Takes bytes, and text, which it writes as UTF-8."""

    def __init__(self, path: Path) -> None:
        super().__init__(cast("io.RawIOBase", io.FileIO(path, "w+b")))
        self.path = str(path)

    def write(self, data: Any) -> int:
        """Write bytes or text; returns how many bytes or characters were taken."""
        if isinstance(data, str):
            super().write(data.encode())
            return len(data)
        return super().write(data)


class IoContext:
    """`folder` is where everything is written; it is empty, and whoever made it removes it."""

    def __init__(self, folder: Path) -> None:
        self._outer = folder
        self._folder = folder / "export"
        self._folder.mkdir()
        self._mode: Mode | None = None
        self._file: ProductFile | None = None
        self._given: IO[Any] | None = None
        self._taken: Path | None = None

    @property
    def mode(self) -> Mode | None:
        """`file` or `dir`, once one of them has been used."""
        return self._mode

    @property
    def file(self) -> Callable[..., ProductFile]:
        """`file(format="json")`: the one file of this export, made by the first call; `format` is its extension.

        `io.file = handle` uses a file that is open already; what it holds when the exporter ends is exported.
        """
        return self._open_file

    @file.setter
    def file(self, handle: IO[Any]) -> None:
        if not hasattr(handle, "read") or not hasattr(handle, "close"):
            raise FatalError(f"context.io.file takes an open file, not {type(handle).__name__}; open it first.")
        self._decide("file")
        if handle is self._file:
            return
        self._discard()
        self._file = None
        self._given = handle

    @property
    def directory(self) -> Path:
        """The one directory of this export, made by the first use; hidden files in it are exported too."""
        self._decide("dir")
        directory = self._folder / "directory"
        directory.mkdir(exist_ok=True)
        return directory

    def zip_directory(self) -> Path:
        """A zip of the directory as it is now, beside it, for the exporter's own use.

        The directory is what is exported, in whatever package was asked for; a zip need not be made for that.
        """
        if self._mode != "dir":
            raise FatalError("context.io.zip_directory() zips context.io.directory; use that first.")
        target = self._folder / "directory.zip"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(self.directory.rglob("*")):
                if path.is_file():
                    info = zipfile.ZipInfo(path.relative_to(self.directory).as_posix(), _ZIP_TIME)
                    info.compress_type = zipfile.ZIP_DEFLATED
                    with path.open("rb") as source, archive.open(info, "w", force_zip64=True) as entry:
                        shutil.copyfileobj(source, entry)
        return target

    def cleanup(self) -> None:
        """Close what is open. Nothing is lost by it: the run removes the rest, after it has taken what was written."""
        if self._given is not None:
            self._taken, self._given = self._take(self._given), None
        if self._file:
            self._file.close()

    def close(self) -> None:
        """Close what is open, and take nothing over."""
        for handle in (self._file, self._given):
            if handle is not None:
                handle.close()

    def finish(self) -> Path | None:
        """What was written: a file, a directory, or None. Nothing is to be written afterwards."""
        if self._mode is None:
            return None
        self._refuse_strays()
        if self._mode == "dir":
            return self.directory
        self.cleanup()
        return Path(self._file.path) if self._file else self._taken

    def _open_file(self, format: str | None = None) -> ProductFile:  # noqa: A002 - the platform's own word
        self._decide("file")
        if self._given is not None or self._taken is not None:
            raise FatalError("context.io.file is a file of the exporter's own already; write to that.")
        if self._file is None:
            self._file = ProductFile(self._folder / f"{SINGLE_FILE}{_suffix(format)}")
        return self._file

    def _decide(self, mode: Mode) -> None:
        if self._mode not in (None, mode):
            used = "context.io.file" if self._mode == "file" else "context.io.directory"
            raise FatalError(f"This export has {used} already; an export is either one file or one directory.")
        self._mode = mode

    def _refuse_strays(self) -> None:
        """Raise when a name with `..` has led beside the directory: such a file would be missing from the export."""
        own = {"export", "directory", "directory.zip"}
        found = [*self._outer.iterdir(), *self._folder.iterdir()]
        strays = [path.name for path in found if path.name not in own and path.name.partition(".")[0] != SINGLE_FILE]
        if strays:
            raise FatalError(
                f"A file {quoted(min(strays))} was written beside context.io.directory, where it would be lost; "
                f"use names without “..”, such as safe_name of a media."
            )

    def _discard(self) -> None:
        """A file that another one takes the place of."""
        self.close()
        if self._file:
            Path(self._file.path).unlink(missing_ok=True)

    def _take(self, handle: IO[Any]) -> Path:
        """The contents of a file that the exporter opened itself, from where it lies, or else from its beginning."""
        name = getattr(handle, "name", None)
        lies_at = Path(name) if isinstance(name, str | Path) and Path(name).is_file() else None
        target = self._folder / f"{SINGLE_FILE}{lies_at.suffix if lies_at else ''}"
        with contextlib.closing(handle), ProductFile(target) as out:
            if not handle.closed:
                handle.flush()
            if lies_at:
                with lies_at.open("rb") as source:
                    shutil.copyfileobj(source, out, COPY_BYTES)
            elif handle.closed or not handle.readable():
                raise FatalError("context.io.file was given a file that cannot be read any more; leave it open.")
            else:
                handle.seek(0)
                shutil.copyfileobj(handle, out, COPY_BYTES)
        return target


def _suffix(extension: str | None) -> str:
    """The extension with its dot; empty when none was asked for."""
    if not extension:
        return ""
    match = _FORMAT.fullmatch(extension)
    if match is None:
        raise FatalError(f"The format {extension!r} is no extension of a file; use letters and digits, such as json.")
    return f".{match[1]}"
