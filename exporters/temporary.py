"""Temporary files that say whose they are, so that what a killed process left can be told from what is in use.

A name holds the place a process runs in (a machine and its numbering of processes), its number and when it began.
Whether that process is gone is known only in the same place; elsewhere, what has not been touched for a day is left
behind.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import re
import secrets
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LONGEST_SECONDS = 24 * 3600
"""What nobody has touched for so long is in nobody's use."""

_NAME = re.compile(r"\.?outhaul-([0-9a-f]{12})-(\d+)-(\d+)-\w+(?:\.[a-z]+)?")
_GONE_STATES = ("Z", "X")
"""Of a process that has ended, though its parent has not looked yet."""


@dataclass(frozen=True)
class Owner:
    """A process, told from all others that have the same number later or on another machine."""

    place: str
    pid: int
    began: int

    @property
    def is_gone(self) -> bool | None:
        """Whether the process has ended; None when that cannot be told from here."""
        if self.place != _place():
            return None
        return not _is_alive(self.pid, self.began)


def this_process() -> Owner:
    return _owner(os.getpid())


def owned_name() -> str:
    """A name for a temporary file or folder of this process that nothing else has."""
    owner = this_process()
    return f"outhaul-{owner.place}-{owner.pid}-{owner.began}-{secrets.token_hex(4)}"


def owner_of(name: str) -> Owner | None:
    """Whose a file or folder of this name is; None when the name does not say."""
    found = _NAME.fullmatch(name)
    return Owner(found[1], int(found[2]), int(found[3])) if found else None


def temporary_folder(parent: Path | None = None) -> tempfile.TemporaryDirectory[str]:
    """A folder for the length of a `with`; `sweep` removes it when this process is killed meanwhile."""
    return tempfile.TemporaryDirectory(prefix=f"{owned_name()}_", dir=parent, ignore_cleanup_errors=True)


def sweep(folder: Path, *, is_ours: bool = False) -> int:
    """Remove what processes that are gone have left in a folder; returns how many files and folders that were.

    Of a folder that is ours, everything is swept that nobody has touched for a day, whatever its name.
    """
    swept = 0
    for path in _children(folder):
        owner = owner_of(path.name)
        if not (owner or is_ours) or (owner and owner.is_gone is False):
            continue
        if (owner and owner.is_gone) or _is_old(path):
            _remove(path)
            swept += 1
    return swept


def _children(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            yield from [Path(entry.path) for entry in entries]
    except OSError:  # there is no such folder, or it is not for us to read
        return


def _is_old(path: Path) -> bool:
    """Whether nothing was written for a day, to a file or to anything in a folder."""
    newest = 0.0
    for one in (path, *path.rglob("*")):
        with contextlib.suppress(OSError):
            newest = max(newest, one.lstat().st_mtime)
    return newest < time.time() - LONGEST_SECONDS


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


@functools.cache
def _owner(pid: int) -> Owner:
    return Owner(_place(), pid, _began(pid) or 0)


@functools.cache
def _place() -> str:
    """This machine since it was started, and the numbering of processes: containers have one each."""
    try:
        facts = Path("/proc/sys/kernel/random/boot_id").read_text() + str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        facts = f"{platform.node()} {uuid.getnode()}"
    return hashlib.sha256(facts.encode()).hexdigest()[:12]


def _began(pid: int) -> int | None:
    """When a process began, in the kernel's own count; None when it has ended, or that is not to be had."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if state in _GONE_STATES else int(rest[18])


def _is_alive(pid: int, began: int) -> bool:
    if os.name != "posix":  # elsewhere asking would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass  # somebody else's, whose beginning may be hidden
    else:
        if began and _began(pid) is None:
            return False
    return not began or _began(pid) in (None, began)
