"""What a contextual exporter wrote, as files of a package: whole, safe to unpack anywhere, nothing from elsewhere."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from exporters.contextual.io import SINGLE_FILE
from exporters.errors import FatalError, quoted
from exporters.naming import is_safe_path


def product_files(written: Path | None, name: str) -> Iterator[tuple[str, Path]]:
    """Path in the package and local file of all that was written, in stable order; a single file is called `name`.

    Raises:
        FatalError: it has something that a package cannot hold: a link, a device, a name that not every system takes.
    """
    if written is None:
        return
    if written.is_dir() and not written.is_symlink():
        yield from _below(written, written)
        return
    path = name + written.name.removeprefix(SINGLE_FILE)
    _check_kind(written, path)
    yield path, written


def _below(folder: Path, top: Path) -> Iterator[tuple[str, Path]]:
    with os.scandir(folder) as listed:
        everything = sorted(listed, key=lambda found: found.name)
    for found in everything:
        path = Path(found.path)
        shown = path.relative_to(top).as_posix()
        _check_name(found.name, shown)
        if found.is_dir(follow_symlinks=False):
            yield from _below(path, top)
        else:
            _check_kind(path, shown)
            yield shown, path


def _check_kind(path: Path, shown: str) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        raise FatalError(f"The exporter removed {quoted(shown)}, which it wrote; leave that to the run.") from None
    if stat.S_ISLNK(mode):
        raise FatalError(f"The exporter wrote {quoted(shown)} as a link, which no package holds; copy the file.")
    if not stat.S_ISREG(mode):
        raise FatalError(f"The exporter wrote {quoted(shown)}, which is no ordinary file; write one.")


def _check_name(name: str, shown: str) -> None:
    if not is_safe_path(name):
        raise FatalError(
            f"The exporter wrote a file {quoted(shown)}, a name that not every system takes; "
            f"use exporters.naming.safe_component, or safe_name of a media."
        )
