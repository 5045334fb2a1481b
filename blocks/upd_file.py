"""A UPD file, opened: a DuckDB database of somebody else's making, which is read and never obeyed.

It is attached to an empty database, so that no function or view of the file takes the place of one of DuckDB's; from
then on DuckDB reaches no other file, no network and no extension, and no setting can be changed back. Of the file only
the tables of the format are read, and only if they are tables: a view or a computed column is a program.

What DuckDB itself makes of a database that was forged byte by byte is not in our hands.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec

from blocks import stopping
from blocks.storage_errors import translated
from blocks.upd_place import Place
from exporters.errors import FatalError, RequestError, RetriableError, quoted
from exporters.foreign_json import UNREADABLE
from exporters.temporary import temporary_folder
from exporters.upd.schema import SCHEMA_TYPE, duckdb

NEWEST = 1
"""The major version of the schema that is understood."""
MEMORY_MEGABYTES = 256
"""What DuckDB may hold, unless a row or a blob alone is larger."""
MOST_MEGABYTES = 12_000
"""What it may hold for the largest row there can be: a blob has up to 4 GiB."""
ROWS = 500
"""Rows handed over at a time."""
MAGIC_OFFSET, MAGIC = 8, b"DUCK"

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "metadata": ("key", "value"),
    "datasets": ("id", "name", "modality", "metadata"),
    "medias": ("id", "key", "blob_data", "media_type", "metadata"),
    "entries": ("id", "dataset_id", "media_url", "metadata"),
    "annotations": ("id", "entry_id", "shape_type", "shape_args", "metadata"),
}
"""Columns that every version has; annotations have their class besides, in one of these forms:"""
LABEL, OLD_LABEL = ("category", "properties"), ("annotation",)


class TooLargeError(FatalError):
    """DuckDB may not hold as much as this needs."""


class UpdFile:
    """`version` changes when the file may have; `is_old`: the class of an annotation is in a column `annotation`."""

    def __init__(self, connection: Any, place: Place, shown: str, memory_megabytes: int) -> None:
        self._connection, self._place, self._memory = connection, place, memory_megabytes
        self.shown = shown
        self.version = place.version
        self.is_old = self._check()

    def rows(self, query: str, *parameters: Any) -> Iterator[tuple[Any, ...]]:
        """The rows that a query gives, held a few hundred at a time; several queries may be under way."""
        with _explained(self.shown):
            cursor = self._connection.cursor()
        try:
            with _explained(self.shown):
                cursor.execute(query, parameters)
            while True:
                stopping.check()
                with _explained(self.shown):
                    rows = cursor.fetchmany(ROWS)
                if not rows:
                    return
                yield from rows
        finally:
            cursor.close()

    def blob(self, query: str, *parameters: Any) -> bytes | bytearray | None:
        """The blob that a query gives in a column `blob`. DuckDB holds it once, and Python once more, for a moment.

        DuckDB may hold as much as it takes, and no more, since it would fill the rest with what it has read: nothing
        but its refusal tells how large a blob is.
        """
        try:
            return self._blob(query, parameters)
        except TooLargeError:
            if not self.can_have_more:
                raise
        with self.with_more() as larger:
            return larger.blob(query, *parameters)

    @property
    def can_have_more(self) -> bool:
        return self._memory < MOST_MEGABYTES

    def with_more(self) -> AbstractContextManager[UpdFile]:
        """The same file, of which DuckDB may hold more."""
        return opened(self._place, self.shown, self._memory * 3 // 2)

    def _blob(self, query: str, parameters: Sequence[Any]) -> bytes | bytearray | None:
        with _explained(self.shown):
            cursor = self._connection.cursor()
            try:
                # As an array: what `fetchone` makes of a blob on its way takes another copy.
                found = cursor.execute(query, parameters).fetchnumpy()["blob"]
            finally:
                cursor.close()
        value = found[0] if len(found) else None
        return value if isinstance(value, bytes | bytearray) else None

    def _check(self) -> bool:
        """Raises RequestError: it is no UPD file, or not of a schema that is understood."""
        tables = {
            str(name).lower(): str(sql)
            for name, sql in self.rows(
                "SELECT table_name, sql FROM duckdb_tables() WHERE database_name = 'upd' AND schema_name = 'main'"
            )
        }
        if "metadata" not in tables:
            raise RequestError(f"{self.shown} is no UPD file: it has no table metadata; check the path.")
        self._check_columns("metadata", tables)
        self._check_schema(dict(self.rows("SELECT key::VARCHAR, value::VARCHAR FROM upd.main.metadata")))
        missing = [name for name in COLUMNS if name not in tables]
        if missing:
            named = " and ".join(missing)
            raise RequestError(f"{self.shown} is no whole UPD file: it has no table {named}; export it again.")
        columns = {name: self._check_columns(name, tables) for name in COLUMNS}
        if not any(set(label) <= columns["annotations"].keys() for label in (LABEL, OLD_LABEL)):
            raise RequestError(
                f"{self.shown} is no whole UPD file: its table annotations has neither the columns category and "
                f"properties nor the column annotation; export it again."
            )
        if columns["medias"]["blob_data"] != "BLOB":
            raise RequestError(f"{self.shown} is no UPD file: blob_data of its medias is no BLOB; export it again.")
        return not set(LABEL) <= columns["annotations"].keys()

    def _check_columns(self, table: str, tables: Mapping[str, str]) -> dict[str, str]:
        """The columns of a table with their types."""
        if "GENERATED ALWAYS" in tables[table].upper():
            raise RequestError(
                f"{self.shown} computes columns of its table {table}, and computed columns are not read; "
                f"store their values."
            )
        columns = {
            str(name).lower(): str(kind)
            for name, kind in self.rows(
                "SELECT column_name, data_type FROM duckdb_columns() "
                "WHERE database_name = 'upd' AND schema_name = 'main' AND lower(table_name) = ?",
                table,
            )
        }
        missing = [name for name in COLUMNS[table] if name not in columns]
        if missing or "rowid" in columns:  # which would hide the order of the rows
            wrong = f"lacks the column {' and '.join(missing)}" if missing else "has a column rowid, which no table may"
            raise RequestError(f"{self.shown} is no UPD file: its table {table} {wrong}; export it again.")
        return columns

    def _check_schema(self, metadata: Mapping[str, Any]) -> None:
        kind, version = _text(metadata.get("Schema-Type")), _text(metadata.get("Schema-Version"))
        if kind != SCHEMA_TYPE:
            said = f"its Schema-Type is {quoted(kind[:64])}" if kind else "it has no Schema-Type"
            raise RequestError(f"{self.shown} is no UPD file: {said}, not “{SCHEMA_TYPE}”; check the path.")
        major = version.partition(".")[0]
        if not major.isdecimal():
            said = f"its Schema-Version is {quoted(version[:64])}" if version else "it has no Schema-Version"
            raise RequestError(f"{self.shown} is no UPD file that can be read: {said}; export it again.")
        if int(major) > NEWEST:
            raise RequestError(
                f"{self.shown} is of the UPD schema {quoted(version[:64])}, and schemas up to {NEWEST} are understood; "
                f"use a newer Outhaul, or export it for an older schema."
            )


@contextlib.contextmanager
def opened(place: Place, shown: str, memory_megabytes: int = MEMORY_MEGABYTES) -> Iterator[UpdFile]:
    """The UPD file at a place.

    Raises:
        RequestError: it is no UPD file, or of a schema that is not understood, or duckdb is not installed.
        RetriableError: another program is writing it.
    """
    library = duckdb()
    _check_magic(place.path, shown)
    with contextlib.ExitStack() as stack:
        with translated(tempfile.gettempdir()):
            spill = stack.enter_context(temporary_folder())
        with _explained(shown):
            connection = stack.enter_context(
                contextlib.closing(library.connect(":memory:", config=_settings(spill, memory_megabytes)))
            )
            path = str(place.path).replace("'", "''")
            connection.execute(f"ATTACH '{path}' AS upd (READ_ONLY, TYPE duckdb)")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
        yield UpdFile(connection, place, shown, memory_megabytes)


def _settings(spill: str, memory_megabytes: int) -> dict[str, Any]:
    return {
        "threads": 1,  # shards are read side by side
        "memory_limit": f"{memory_megabytes}MiB",
        "temp_directory": spill,
        "preserve_insertion_order": True,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "allow_persistent_secrets": False,
        "python_enable_replacements": False,
    }


def _check_magic(path: Path, shown: str) -> None:
    with translated(shown), path.open("rb") as handle:
        head = handle.read(MAGIC_OFFSET + len(MAGIC))
    if head[MAGIC_OFFSET:] != MAGIC:
        raise RequestError(f"{shown} is no UPD file: it does not begin as a DuckDB database does; check the path.")


@contextlib.contextmanager
def _explained(shown: str) -> Iterator[None]:
    """Turn DuckDB's exceptions into ours."""
    library = duckdb()
    try:
        yield
    except library.OutOfMemoryException:
        raise TooLargeError(
            f"{shown} has rows that need more memory than DuckDB may take to read them; split them up."
        ) from None
    except (library.Error, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        if "Could not set lock" in said and isinstance(error, library.IOException):
            raise RetriableError(f"{shown} is being written by another program; close it and try again.") from None
        raise RequestError(
            f"{shown} cannot be read by DuckDB {library.__version__} ({quoted(said[:160])}); "
            f"it may be damaged, or need a newer DuckDB."
        ) from None


def _text(value: Any) -> str:
    """A text that is stored as JSON; tools forget its quotes."""
    if not isinstance(value, str):
        return ""
    try:
        found = msgspec.json.decode(value)
    except UNREADABLE:
        return value
    return found if isinstance(found, str) else value
