"""Files on their way to the target: written whole, looked at there, and sent only when no earlier export has them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from blocks.chunks import gathered
from blocks.scratch import scratch_database
from blocks.stopping import Threads
from blocks.storage import Storage
from blocks.store import Store
from exporters import RetriableError
from flows import progress
from flows.former_files import TABLE, FormerFiles
from flows.index import Member, decode_member
from flows.results import Package

FILES_AT_ONCE = 8
FILES_AT_ONCE_IN_S3 = 32
"""Most of their time goes by waiting for an answer; together they stay within the budget of `blocks.uploads`."""
SHARE = 8
"""Files that a thread is told of at once: threads that are told of each file hinder each other."""
SHARES_AHEAD = 2
"""For each thread: none waits for the slowest before it goes on."""
SENT = "create table sent (path text primary key, size integer) without rowid"


class Moved(NamedTuple):
    """What was sent to the target."""

    files: int
    bytes: int


def put(storage: Storage, path: str, chunks: Iterable[bytes], *, expected: int | None = None) -> tuple[int, str]:
    """Write a file, and look at the far end whether it arrived in full length; returns its size and SHA-256.

    `expected` is about how large it will be, where that is known.

    Raises:
        RetriableError: it did not; the delivery starts over, and nobody has seen a receipt.
    """
    size, sha256 = storage.write(path, gathered(chunks), expected=expected)
    _check(storage, path, size)
    return size, sha256


def put_directory(members: Iterable[Member], folder: str, former: str, storage: Storage, store: Store) -> Moved:
    """Every file of a package, several at once; the index is read along, never held.

    What the `former` export has is taken from there where the store can do that by itself: a disk lets both have one
    file, an object store copies. A file that was tampered with since is sent anew. In the end the far end is asked for
    the sizes of all, which takes a request for a thousand.

    Raises:
        RetriableError: one did not arrive in full length.
    """
    moved_files = moved_bytes = 0

    def some(found: Sequence[tuple[Member, str | None]]) -> Moved:
        files = size = 0
        for member, there in found:
            if not _take_over(member, there, folder, storage):
                chunks = counted(member.read(store.storage))
                storage.write(f"{folder}/{member.path}", chunks, durable=False, expected=member.size, hashed=False)
                files, size = files + 1, size + member.size
        return Moved(files, size)

    def shares(known: sqlite3.Connection) -> Iterator[list[tuple[Member, str | None]]]:
        """Of the files, each with where the former export has it; those that are to be sent are noted."""
        there = FormerFiles(storage, f"{folder.rpartition('/')[0]}/{former}" if former else "", known)
        waiting = iter(members)
        while found := [(member, there.find(member)) for member in islice(waiting, SHARE)]:
            if storage.is_local:  # a link is made in less time than a thread is told to, and is the file itself
                found = [(member, None) for member, path in found if not _take_over(member, path, folder, storage)]
            known.executemany("insert or replace into sent values (?, ?)", [(one.path, one.size) for one, _ in found])
            yield found

    at_once = FILES_AT_ONCE_IN_S3 if storage.is_s3 else FILES_AT_ONCE
    with scratch_database(SENT, TABLE) as known:
        with Threads(at_once) as pool:
            for moved in pool.stream(some, shares(known), ahead=SHARES_AHEAD * at_once):
                moved_files, moved_bytes = moved_files + moved.files, moved_bytes + moved.bytes
        _check_all(storage, folder, known)
    if storage.is_local:
        os.sync()  # once for all of them: the receipt must not survive a power cut that the files do not
    return Moved(moved_files, moved_bytes)


def _take_over(member: Member, there: str | None, folder: str, storage: Storage) -> bool:
    """Have a file that lies at the target already in this folder, too."""
    if not there or not storage.copy(there, f"{folder}/{member.path}"):
        return False
    progress.advance("deliver", member.size, member.size)
    return True


def _check_all(storage: Storage, folder: str, known: sqlite3.Connection) -> None:
    """Whether the files that were sent are there in full length, and those that the store copied.

    A listing may lag behind: what it does not tell of is asked for by name.
    """
    if not storage.is_local:
        for path, size in storage.sizes(folder):
            known.execute("delete from sent where path = ? and size = ?", (path, size))
    for path, size in known.execute("select path, size from sent"):
        _check(storage, f"{folder}/{path}", size)


def _check(storage: Storage, path: str, size: int) -> None:
    found = storage.size(path)
    if found != size:
        raise RetriableError(
            f"{storage.shown_path(path)} should have {size} bytes, but the target has "
            f"{'none' if found is None else found}; it may be short of space or lose writes, try again later."
        )


def index_of(package: Package, store: Store) -> Iterator[Member]:
    return map(decode_member, store.load_lines(package.index))


def counted(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        progress.advance("deliver", len(chunk), len(chunk))
        yield chunk
