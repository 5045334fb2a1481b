"""diff: what was added, changed and removed between two exports, by entry and by class."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Literal

from blocks.chunks import lines_of
from blocks.documents import MANIFEST
from blocks.scratch import scratch_database
from blocks.storage import Storage
from exporters import RequestError
from exporters.foreign_json import UNREADABLE
from flows.contents import CONTENTS, Line, UnreadableContentsError, decode_line
from flows.delivered import Changes
from flows.manifest import decode_manifest, export_folder, is_understood

Kind = Literal["added", "changed", "removed"]
Change = tuple[Kind, str, str]
"""What happened to the entry of this dataset and id."""


class Earlier:
    """Entries of an earlier export, on disk; those that are taken are told from those that are left."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def add(self, lines: Iterable[Line]) -> None:
        """Of an entry that comes twice the last word counts."""
        rows = ((line.dataset, line.entry, line.sha256) for line in lines)
        self._database.executemany("insert or replace into before (dataset, entry, sha256) values (?, ?, ?)", rows)

    def take(self, dataset: str, entry: str) -> str | None:
        """The digest of an entry's content; None when there was none."""
        key = (dataset, entry)
        row = self._database.execute("select sha256 from before where dataset = ? and entry = ?", key).fetchone()
        if row is None:
            return None
        self._database.execute("update before set seen = 1 where dataset = ? and entry = ?", key)
        sha256: str = row[0]
        return sha256

    def left(self) -> Iterator[tuple[str, str]]:
        """Dataset and id of each that was not taken, in their order."""
        return self._database.execute("select dataset, entry from before where not seen order by dataset, entry")


@contextmanager
def earlier(lines: Iterable[Line] = ()) -> Iterator[Earlier]:
    columns = "dataset text, entry text, sha256 text, seen integer default 0, primary key (dataset, entry)"
    with scratch_database(f"create table before ({columns}) without rowid") as database:
        known = Earlier(database)
        known.add(lines)
        yield known


class Difference:
    """Two exports beside each other; holds neither in memory."""

    def __init__(self, before: Iterable[Line], after: Iterable[Line], since: str) -> None:
        self._since = since
        self._before, self._after = before, after
        self._counts: Counter[str] = Counter()
        self._classes: dict[str, list[int]] = {}

    def entries(self) -> Iterator[Change]:
        """Every entry that is not the same in both: in the order of the later export, then those that are gone."""
        before = self._counted(self._before, 0)
        with earlier() as known:
            expected = next(before, None)
            for line in self._counted(self._after, 1):
                if expected and (expected.dataset, expected.entry) == (line.dataset, line.entry):
                    sha256: str | None = expected.sha256  # mostly, both have the same entries in the same order
                    expected = next(before, None)
                else:
                    known.add(chain([expected] if expected else (), before))
                    sha256, expected = known.take(line.dataset, line.entry), None
                if sha256 == line.sha256:
                    self._counts["unchanged"] += 1
                else:
                    yield self._change("changed" if sha256 else "added", line.dataset, line.entry)
            known.add(chain([expected] if expected else (), before))
            for key in known.left():
                yield self._change("removed", *key)

    def changes(self) -> Changes:
        """The sums, right when all of `entries` has been taken."""
        return Changes(
            since=self._since,
            **{kind: self._counts[kind] for kind in ("added", "changed", "removed", "unchanged")},
            annotations={name: (before, after) for name, (before, after) in sorted(self._classes.items())},
        )

    def _counted(self, lines: Iterable[Line], side: int) -> Iterator[Line]:
        for line in lines:
            for name, count in line.annotations.items():
                self._classes.setdefault(name, [0, 0])[side] += count
            yield line

    def _change(self, kind: Kind, dataset: str, entry: str) -> Change:
        self._counts[kind] += 1
        return kind, dataset, entry


def compare(before: Iterable[Line], after: Iterable[Line], since: str) -> Changes:
    difference = Difference(before, after, since)
    for _ in difference.entries():
        pass
    return difference.changes()


def delivered_lines(storage: Storage, folder: str) -> Iterator[Line] | None:
    """What a delivered export is of; None when an older version delivered it, and does not say, or a newer one."""
    path = f"{folder}{CONTENTS}"
    return _read(storage, path) if storage.exists(path) and is_understood(storage, folder) else None


def _read(storage: Storage, path: str) -> Iterator[Line]:
    """Raises UnreadableContentsError."""
    for number, line in enumerate(lines_of(storage.stream(path)), 1):
        try:
            yield decode_line(line)
        except UNREADABLE:
            raise UnreadableContentsError(
                f"{storage.shown_path(path)}, line {number} cannot be read; run outhaul verify."
            ) from None


def open_export(storage: Storage) -> tuple[str, Iterator[Line]]:
    """The id of an export at a URL, or of the newest one below it, and what it is of.

    Raises:
        RequestError: there is no export, it cannot be read, or another version made it.
    """
    folder = export_folder(storage)
    if not storage.exists(f"{folder}{MANIFEST}"):
        raise RequestError(f"{storage.shown} holds no export; give the folder of one, or the one above it.")
    shown = storage.shown_path(f"{folder}{MANIFEST}")
    try:
        export_id = decode_manifest(storage.read(f"{folder}{MANIFEST}"), shown).export_id
    except UNREADABLE:
        raise RequestError(f"{shown} cannot be read; run outhaul verify.") from None
    lines = delivered_lines(storage, folder)
    if lines is None:
        raise RequestError(
            f"{storage.shown_path(folder.rstrip('/'))} has no {CONTENTS}: an older version made it; export again."
        )
    return export_id, lines
