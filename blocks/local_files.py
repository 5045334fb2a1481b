"""Files on this machine's disks: whole under their final names or not there, linked instead of copied."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from blocks import stopping
from blocks.chunks import chunks_of
from exporters.temporary import owned_name, owner_of

READ_ONLY = 0o444
"""Every worker may read such a file, and exporters that are handed it do not change it."""


def walk(top: str, only: Callable[[str], bool] | None = None) -> Iterator[tuple[str, int, float]]:
    """All files below a folder, relative to it, with size and time of writing. Links are not followed, nor told of.

    `only` says by their names which are wanted: to ask for size and time takes longer than all the rest.

    A folder that is not there has none. What goes away meanwhile is left out.
    """
    folders = [""]
    while folders:
        folder = folders.pop()
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(f"{top}/{folder}") as found:
            for one in found:
                if one.is_dir(follow_symlinks=False):
                    folders.append(f"{folder}{one.name}/")
                elif (only is None or only(one.name)) and one.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        status = one.stat(follow_symlinks=False)
                        yield f"{folder}{one.name}", status.st_size, status.st_mtime


def is_partial(name: str) -> bool:
    """Whether a file of this name is one that is not whole yet, or was never to stay."""
    return name.startswith(".") and owner_of(name) is not None


def partial_name() -> str:
    return f".{owned_name()}.part"


def write_whole(path: str, partial: str, chunks: Iterable[bytes], *, durable: bool, read_only: bool = False) -> None:
    """Write a file under a `partial` name, and give it its own when it is whole; else nothing is left of it."""
    try:
        with _new_file(partial) as handle:
            for chunk in chunks:
                handle.write(chunk)
            if read_only:
                os.chmod(partial, READ_ONLY)  # noqa: PTH101 - done for every small file, as all here
            if durable:
                handle.flush()
                os.fsync(handle.fileno())
        into_place(partial, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(partial)  # noqa: PTH108
        raise


def _new_file(path: str) -> IO[bytes]:
    try:
        return open(path, "xb")  # noqa: PTH123
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        return open(path, "xb")  # noqa: PTH123


def into_place(local: str, path: str) -> None:
    """Give a whole file its final name; copied there first where it lies on another disk."""
    try:
        try:
            os.replace(local, path)  # noqa: PTH105
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
            os.replace(local, path)  # noqa: PTH105
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_into_place(Path(local), Path(path))


def _copy_into_place(local: Path, target: Path) -> None:
    beside = target.with_name(partial_name())
    try:
        with local.open("rb") as handle, beside.open("xb") as copy:
            for chunk in chunks_of(handle):
                stopping.check()
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
        beside.chmod(stat.S_IMODE(local.stat().st_mode))
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


def create(target: Path, partial: Path, data: bytes) -> None:
    """Write a small file unless there is one of this name; it lies at `partial` before it is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    try:
        partial.write_bytes(data)
        link_unless_taken(partial, target, data)
    finally:
        partial.unlink(missing_ok=True)


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
