"""The files of an earlier export at a target, found by their content, so that they need not be sent again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from blocks.documents import RECEIPT
from blocks.storage import Storage
from exporters.foreign_json import UNREADABLE
from flows.index import Member
from flows.manifest import ListedFile, is_understood, listed_files

TABLE = "create table there (sha256 text primary key, path text) without rowid"
CHANGED_IN_PLACE = 16
"""So many files may have other content under the name they had, before they are looked for under other names."""


class FormerFiles:
    """Files of an export that are what they were, as far as can be seen from outside.

    Mostly, an export has the files of the one before in the same order: they are read along. Where it has not, all of
    them are put on disk, and looked for there.
    """

    def __init__(self, storage: Storage, folder: str, database: sqlite3.Connection) -> None:
        """Of the export in this folder; empty: there is none. The database has the `TABLE`."""
        self._storage, self._folder, self._database = storage, folder, database
        self._dated = self._seen() if folder else {}
        self._along = self._sound()
        self._expected = next(self._along, None)
        self._changed = 0
        self._is_on_disk = False

    def find(self, member: Member) -> str | None:
        """Where there is a file of the same content as the next one of the package."""
        expected = self._expected
        if expected and expected.sha256 == member.sha256:
            self._expected = next(self._along, None)
            return f"{self._folder}/{expected.path}"
        if expected and expected.path == member.path and self._changed < CHANGED_IN_PLACE:
            self._changed += 1
            self._expected = next(self._along, None)
            return None
        return self._look_up(member)

    def _look_up(self, member: Member) -> str | None:
        if not self._is_on_disk:
            rows = ((file.sha256, file.path) for file in self._sound())
            self._database.executemany("insert or ignore into there values (?, ?)", rows)
            self._is_on_disk, self._expected = True, None
        row = self._database.execute("select path from there where sha256 = ?", (member.sha256,)).fetchone()
        return f"{self._folder}/{row[0]}" if row else None

    def _seen(self) -> dict[str, tuple[int, float]]:
        """What lies there, with size and time."""
        return {path: (size, written or 0.0) for path, size, written in self._storage.dated_files(self._folder)}

    def _sound(self) -> Iterator[ListedFile]:
        if RECEIPT not in self._dated or not is_understood(self._storage, f"{self._folder}/"):
            return
        _, finished = self._dated[RECEIPT]
        listed = listed_files(self._storage, f"{self._folder}/")
        while file := self._listed(listed):
            size, written = self._dated.get(file.path, (-1, 0.0))
            if size == file.size and written <= finished:
                yield file

    @staticmethod
    def _listed(listed: Iterator[ListedFile]) -> ListedFile | None:
        """The next one; none from where on a manifest cannot be read, which somebody has changed."""
        try:
            return next(listed, None)
        except UNREADABLE:
            return None
