"""diff: what was added, changed and removed between two exports, by entry and by class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from blocks.scratch import scratch_database
from blocks.storage import Storage
from exporters import RequestError
from flows.contents import CONTENTS, Line, decode_line
from flows.manifest import MANIFEST, decode_manifest, export_folder
from flows.results import Changes

Kind = Literal["added", "changed", "removed"]
Change = tuple[Kind, str, str]
"""What happened to the entry of this dataset and id."""


class Difference:
    """Two exports beside each other; holds neither in memory."""

    def __init__(self, before: Iterable[Line], after: Iterable[Line], since: str) -> None:
        self._since = since
        self._before, self._after = before, after
        self._counts: Counter[str] = Counter()
        self._classes: dict[str, list[int]] = {}

    def entries(self) -> Iterator[Change]:
        """Every entry that is not the same in both: in the order of the later export, then those that are gone."""
        columns = "dataset text, entry text, sha256 text, seen integer default 0, primary key (dataset, entry)"
        with scratch_database(f"create table before ({columns}) without rowid") as known:
            rows = ((line.dataset, line.entry, line.sha256) for line in self._counted(self._before, 0))
            known.executemany("insert into before (dataset, entry, sha256) values (?, ?, ?)", rows)
            for line in self._counted(self._after, 1):
                key = (line.dataset, line.entry)
                row = known.execute("select sha256 from before where dataset = ? and entry = ?", key).fetchone()
                if row:
                    known.execute("update before set seen = 1 where dataset = ? and entry = ?", key)
                if row and row[0] == line.sha256:
                    self._counts["unchanged"] += 1
                else:
                    yield self._change("changed" if row else "added", *key)
            for key in known.execute("select dataset, entry from before where not seen order by dataset, entry"):
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
    """What a delivered export is of; None when an older version delivered it, and does not say."""
    path = f"{folder}{CONTENTS}"
    return _lines(storage, path) if storage.exists(path) else None


def _lines(storage: Storage, path: str) -> Iterator[Line]:
    rest = b""
    for chunk in storage.stream(path):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from map(decode_line, whole)


def open_export(storage: Storage) -> tuple[str, Iterator[Line]]:
    """The id of an export at a URL, or of the newest one below it, and what it is of.

    Raises:
        RequestError: there is no export, or an older version made it.
    """
    folder = export_folder(storage)
    if not storage.exists(f"{folder}{MANIFEST}"):
        raise RequestError(f"{storage.shown} holds no export; give the folder of one, or the one above it.")
    lines = delivered_lines(storage, folder)
    try:
        export_id = decode_manifest(storage.read(f"{folder}{MANIFEST}")).export_id
    except msgspec.MsgspecError:
        raise RequestError(f"{storage.shown_path(f'{folder}{MANIFEST}')} cannot be read; run outhaul verify.") from None
    if lines is None:
        raise RequestError(
            f"{storage.shown_path(folder.rstrip('/'))} has no {CONTENTS}: an older version made it; export again."
        )
    return export_id, lines
