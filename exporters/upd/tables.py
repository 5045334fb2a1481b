"""Rows on their way into tables, in groups that DuckDB can hold.

DuckDB takes 2,048 rows at a time, with all their blobs and texts, wherever it scans: also when it writes a table out.
So rows go in groups of that size that are written to the file when they are full, and a group that grows too large
before is filled up with rows of nothing. Those are deleted at the end; what is left of them is a few kilobytes a group.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exporters.errors import FatalError
from exporters.upd.database import GROUP_ROWS, WAITING, Database, IdsMeetError
from exporters.upd.rows import MediaRow, Members
from exporters.upd.schema import as_json, document

GROUP_BYTES = 32 << 20
LARGE = 4
"""A file over this part of a group does not wait for others."""

TAKEN = "RETURNING octet_length(blob_data)"

FILLER = "~" + "0" * 32
"""Ends the ids of rows of nothing; ids that look shortened are shortened, so that none of them is this."""


class RowTable:
    """A table of texts, of which the first is the id, and the second the id of what the row belongs to."""

    def __init__(self, database: Database, name: str, columns: Sequence[str], group_bytes: int = GROUP_BYTES) -> None:
        self._database = database
        self._name = name
        self._columns = columns
        self._group_bytes = group_bytes
        self._rows: list[tuple[str, ...]] = []
        self._size = 0
        self._fillers = 0

    def append(self, row: tuple[str, ...]) -> None:
        self._rows.append(row)
        self._size += sum(map(len, row))
        if len(self._rows) == GROUP_ROWS:
            self._insert()
        elif self._size >= self._group_bytes:
            self._fill_up()
            self._insert()

    def close(self) -> None:
        """Insert the rest, and delete what was filled up with."""
        self._insert()
        if self._fillers:
            statement = f"DELETE FROM {self._name} WHERE suffix(id, ?)"  # noqa: S608 - our own name
            self._database.execute(statement, [FILLER])

    def _fill_up(self) -> None:
        owner = self._rows[-1][1]
        empty = [""] * (len(self._columns) - 2)
        for _ in range(GROUP_ROWS - len(self._rows)):
            self._fillers += 1
            self._rows.append((f"{self._fillers}{FILLER}", owner, *empty))

    def _insert(self) -> None:
        if self._rows:
            columns = zip(*self._rows, strict=True)
            self._database.insert(self._name, dict(zip(self._columns, columns, strict=True)))
        self._rows.clear()
        self._size = 0


class MediaTable:
    """Descriptions of media, with their bytes or without.

    Small files wait in memory for the others of their group; a large one is read by DuckDB itself, from where it lies.
    """

    def __init__(self, database: Database, group_bytes: int = GROUP_BYTES) -> None:
        self._database = database
        self._group_bytes = group_bytes
        self._waiting: dict[tuple[str, str], tuple[MediaRow, bytes | None]] = {}
        self._inserted = self._size = 0
        """Rows of this group that are in the table, and bytes of all of it."""
        self._is_open = False
        self._filled = 0

    def append(self, row: MediaRow, members: Members, file: Path | None = None) -> None:
        """Add a row, unless it is there already: several entries may be about one media.

        Args:
            row: what the columns hold.
            members: its metadata.
            file: the bytes; None where they are not embedded.

        Raises:
            IdsMeetError: another media has its id and key.
        """
        size = file.stat().st_size if file else 0
        if file:
            members = [("SHA256", as_json(_sha256(file))), *members]
        row = row._replace(metadata=document(members))
        if not self._is_open:
            self._database.execute("BEGIN")
            self._is_open = True
        if file and size * LARGE > self._group_bytes:
            self._insert_waiting()
            self._insert_large(row, file, size)
        else:
            known, _ = self._waiting.setdefault((row.id, row.key), (row, file.read_bytes() if file else None))
            if known != row:
                raise IdsMeetError("medias")
        self._size += size + len(row.metadata)
        if self._inserted + len(self._waiting) == GROUP_ROWS:
            self._commit()
        elif self._size >= self._group_bytes:
            self._insert_waiting()
            if self._inserted:
                self._fill_up()
            self._commit()

    def close(self) -> None:
        """Insert the rest, and delete what was filled up with."""
        self._commit()
        if self._filled:
            self._database.execute("DELETE FROM medias WHERE id = ?", [FILLER])

    def _insert_waiting(self) -> None:
        known = self._known([row for row, _ in self._waiting.values()])
        new = [(row, blob) for row, blob in self._waiting.values() if row not in known]
        self._waiting.clear()
        if new:
            rows, blobs = zip(*new, strict=True)
            statement = f"INSERT INTO medias BY NAME SELECT * FROM {WAITING} {TAKEN}"  # noqa: S608 - our own name
            taken = self._database.apply(statement, _columns(rows) | {"blob_data": blobs})
            self._count([None if blob is None else len(blob) for blob in blobs], taken)

    def _insert_large(self, row: MediaRow, file: Path, size: int) -> None:
        if not self._known([row]):
            columns = ", ".join(MediaRow._fields)
            given = "SELECT ?, ?, ?, ?, content FROM read_blob(?)"
            statement = f"INSERT INTO medias ({columns}, blob_data) {given} {TAKEN}"
            self._count([size], self._database.execute(statement, [*row, _as_pattern(file)]))

    def _known(self, rows: Sequence[MediaRow]) -> set[MediaRow]:
        """Those of the rows that are in the table already.

        DuckDB would leave such rows out by itself (`ON CONFLICT DO NOTHING`), but mixes up the order of the others.
        """
        if not rows:
            return set()
        find = f"FROM medias SEMI JOIN {WAITING} USING (id, key)"
        if not self._database.apply(f"SELECT 1 {find} LIMIT 1", _columns(rows)):  # looks at no more than ids and keys
            return set()
        columns = ", ".join(MediaRow._fields)
        found = {MediaRow(*one) for one in self._database.apply(f"SELECT {columns} {find}", _columns(rows))}
        if not found <= set(rows):
            raise IdsMeetError("medias")
        return found

    def _count(self, sizes: Sequence[int | None], taken: Sequence[tuple[int | None]]) -> None:
        """Count rows that went in, and see that each did with all its bytes."""
        if [size for (size,) in taken] != list(sizes):
            raise FatalError("DuckDB has not taken all bytes of a media; please report this.")
        self._inserted += len(taken)

    def _fill_up(self) -> None:
        self._filled += 1
        missing = GROUP_ROWS - self._inserted
        statement = "INSERT INTO medias (id, key) SELECT ?, ? || '-' || number FROM range(?) rows (number)"
        self._database.execute(statement, [FILLER, str(self._filled), missing])

    def _commit(self) -> None:
        if self._is_open:
            self._insert_waiting()
            self._database.execute("COMMIT")
        self._is_open = False
        self._inserted = self._size = 0


def _columns(rows: Sequence[MediaRow]) -> dict[str, Sequence[Any]]:
    return dict(zip(MediaRow._fields, zip(*rows, strict=True), strict=True))


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _as_pattern(file: Path) -> str:
    """The path as a pattern that matches nothing else: `read_blob` takes no plain path."""
    return "".join(f"[{one}]" if one in "*?[" else one for one in str(file.absolute()))
