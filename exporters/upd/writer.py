"""A new UPD file: its tables, filled one after the other, then closed, and signed if asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from exporters.upd.database import Database
from exporters.upd.rows import EntryRow
from exporters.upd.schema import INDEXES, TABLES
from exporters.upd.tables import GROUP_BYTES, MediaTable, RowTable

ANNOTATION_COLUMNS = ("id", "entry_id", "shape_type", "shape_args", "category", "properties", "metadata")


class UpdWriter:
    """What lies at `path` before is replaced. Rows must follow those that they refer to, in tables that are closed."""

    def __init__(self, path: Path, *, memory_megabytes: int, group_bytes: int = GROUP_BYTES) -> None:
        for old in (path, path.with_name(f"{path.name}.wal")):
            old.unlink(missing_ok=True)
        self._database = Database(path, memory_megabytes)
        self._database.attach()
        for statement in TABLES.values():
            self._database.execute(statement)
        self.entries = RowTable(self._database, "entries", EntryRow._fields, group_bytes)
        self.annotations = RowTable(self._database, "annotations", ANNOTATION_COLUMNS, group_bytes)
        self.medias = MediaTable(self._database, group_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.__exit__(kind, error, trace)

    def add(self, table: str, columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
        """A few rows at once."""
        if rows:
            self._database.insert(table, dict(zip(columns, zip(*rows, strict=True), strict=True)))

    def finish(self, seal: Callable[[Any], None] | None = None) -> None:
        """Write out the tables, when all of them are closed. The file is whole afterwards.

        `seal` may add to the tables over a connection, in a file that was closed and opened again: as others see it.
        """
        for name, columns in INDEXES.items():
            self._database.execute(f"CREATE INDEX {name} ON {columns}")
        self._database.detach()
        if seal:
            self._database.attach()
            seal(self._database.connection)
            self._database.detach()
