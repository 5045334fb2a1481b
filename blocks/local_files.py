"""Files on this machine's disks: whole under their final names or not there, linked instead of copied."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from blocks import stopping
from blocks.chunks import chunks_of
from exporters.temporary import owned_name, owner_of


def walk(top: str) -> Iterator[tuple[str, int, float]]:
    """All files below a folder, relative to it, with size and time of writing. Links are not followed, nor told of.

    A folder that is not there has none. What goes away meanwhile is left out.
    """
    folders = [""]
    while folders:
        folder = folders.pop()
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(f"{top}/{folder}") as found:
            for one in found:
                if one.is_dir(follow_symlinks=False):
                    folders.append(f"{folder}{one.name}/")
                elif one.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        status = one.stat(follow_symlinks=False)
                        yield f"{folder}{one.name}", status.st_size, status.st_mtime


def is_partial(name: str) -> bool:
    """Whether a file of this name is one that is not whole yet, or was never to stay."""
    return name.startswith(".") and owner_of(name) is not None


def partial_name() -> str:
    return f".{owned_name()}.part"


def into_place(local: Path, target: Path) -> None:
    """Give a whole file its final name; copied there first where it lies on another disk."""
    try:
        local.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        beside = target.with_name(partial_name())
        try:
            with local.open("rb") as handle, beside.open("xb") as copy:
                for chunk in chunks_of(handle):
                    stopping.check()
                    copy.write(chunk)
                copy.flush()
                os.fsync(copy.fileno())
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
        local.unlink(missing_ok=True)


def link_over(there: str, path: str) -> None:
    """Give a file a further name, also one that is taken. Done for each file of an export, so texts are paths here."""
    try:
        os.link(there, path)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        os.link(there, path)
    except FileExistsError:
        os.unlink(path)  # noqa: PTH108
        os.link(there, path)


def link_unless_taken(partial: Path, target: Path, data: bytes) -> None:
    """Give a whole file its final name unless that is taken; written there where a disk has no links, as with FAT."""
    try:
        os.link(partial, target)
    except FileExistsError:
        return
    except OSError:
        try:
            handle = target.open("xb")
        except FileExistsError:
            return
        try:
            with handle:
                handle.write(data)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
