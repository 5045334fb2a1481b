"""What a signature is made over: the rows of a dataset in one fixed form, and the way its tables are made.

`data_hash` goes over the tables `entries` and `annotations`, then those of a flavor, each sorted by its primary key,
column by column as text, read as a stream. `schema_hash` goes over what DuckDB says of how these tables were created.
Neither sees media, nor the dataset's own row: the signature stands in that.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from exporters.errors import FatalError, quoted
from exporters.upd.schema import duckdb

Texts = tuple[str | None, ...]
"""A row."""

NULL, COLUMN, ROW, TABLE = b"\x00NULL\x00", b"\x00COL\x00", b"\x00ROW\x00", b"\x00TABLE\x00"
ALGORITHMS = {"SHA256": "sha256", "SHA512": "sha512"}
CORE = {
    "entries": "WHERE dataset_id = $1",
    "annotations": "WHERE entry_id IN (SELECT id FROM entries WHERE dataset_id = $1)",
}
"""The signed tables that every file has, and which of their rows belong to a dataset."""

FETCHED_ROWS = 256
LOOKED_UP_ROWS = 128
"""Each may lie in a block of its own, a quarter of a megabyte."""
LOOKED_UP_BYTES = 8 << 20
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
_TEXTS = {
    "VARCHAR": "{}",
    "BOOLEAN": "CASE WHEN {0} THEN 'true' WHEN NOT {0} THEN 'false' END",
    "TIMESTAMP": f"strftime({{}}, '{_TIME}')",
    "TIMESTAMP WITH TIME ZONE": f"strftime({{}} AT TIME ZONE 'UTC', '{_TIME}')",
}
"""How a column is made text, by its type; all others as DuckDB casts them."""


def data_hash(connection: Any, dataset_id: str, algorithm: str, flavor_tables: Sequence[str] = ()) -> bytes:
    """The digest of a dataset's rows.

    Args:
        connection: to DuckDB, which is using the file's database.
        dataset_id: as the table has it.
        algorithm: one of ALGORITHMS.
        flavor_tables: further tables, whole, in the order in which they were signed.

    Raises:
        FatalError: there is no such table, or it has no primary key to go by.
    """
    try:
        return _data_hash(connection, dataset_id, algorithm, flavor_tables, _sorted_rows)
    except duckdb().OutOfMemoryException:  # it holds 2,048 rows at once, wherever they lie
        return _data_hash(connection, dataset_id, algorithm, flavor_tables, _looked_up_rows)


def _data_hash(
    connection: Any, dataset_id: str, algorithm: str, flavor_tables: Sequence[str], read: Callable[..., Iterator[Texts]]
) -> bytes:
    digest = hashlib.new(ALGORITHMS[algorithm])
    for number, table in enumerate((*CORE, *flavor_tables)):
        if number:
            digest.update(TABLE)
        where = CORE.get(table, "")
        separator = b""
        for row in read(connection, _described(connection, table), where, [dataset_id] if where else []):
            digest.update(separator)
            digest.update(COLUMN.join(NULL if value is None else value.encode() for value in row))
            separator = ROW
    return digest.digest()


def schema_hash(connection: Any, algorithm: str, flavor_tables: Sequence[str] = ()) -> bytes:
    """The digest of how the signed tables were created, in the words of this version of DuckDB."""
    return _digest_of(_statements(connection, flavor_tables), algorithm)


def schema_hashes(connection: Any, algorithm: str, flavor_tables: Sequence[str] = ()) -> list[bytes]:
    """The same, and in the words of other versions: 1.x says `REFERENCES main.entries` where 2.0 leaves `main.` out."""
    statements = _statements(connection, flavor_tables)
    short = [one.replace("REFERENCES main.", "REFERENCES ") for one in statements]
    long = [one.replace("REFERENCES ", "REFERENCES main.") for one in short]
    return [_digest_of(words, algorithm) for words in (statements, short, long)]


def _statements(connection: Any, flavor_tables: Sequence[str]) -> list[str]:
    found = connection.execute(
        "SELECT sql FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = current_schema()"
        " AND table_name IN (SELECT unnest($1))",
        [[*CORE, *flavor_tables]],
    ).fetchall()
    return [_plain(sql) for (sql,) in found]


def _digest_of(statements: Sequence[str], algorithm: str) -> bytes:
    return hashlib.new(ALGORITHMS[algorithm], "\n".join(sorted(statements)).encode()).digest()


@dataclass(frozen=True)
class _Table:
    """A table in the words of SQL."""

    name: str
    columns: tuple[str, ...]
    texts: str
    """Each column as text."""
    key: tuple[str, ...]

    @property
    def order(self) -> str:
        return ", ".join(self.key)


def _described(connection: Any, table: str) -> _Table:
    where = "WHERE database_name = current_database() AND schema_name = current_schema() AND table_name = $1"
    columns = connection.execute(
        f"SELECT column_name, data_type FROM duckdb_columns() {where} ORDER BY column_index",  # noqa: S608 - ours
        [table],
    ).fetchall()
    key = connection.execute(
        f"SELECT constraint_column_names FROM duckdb_constraints() {where} AND constraint_type = 'PRIMARY KEY'",  # noqa: S608
        [table],
    ).fetchone()
    if not columns or not key:
        raise FatalError(f"The file has no table {quoted(table)} with a primary key; ask who made it for a whole one.")
    names = tuple(_identifier(name) for name, _ in columns)
    kinds = [kind for _, kind in columns]
    texts = [_TEXTS.get(kind, "CAST({} AS VARCHAR)").format(name) for name, kind in zip(names, kinds, strict=True)]
    return _Table(_identifier(table), names, ", ".join(texts), tuple(map(_identifier, key[0])))


def _sorted_rows(connection: Any, table: _Table, where: str, values: list[str]) -> Iterator[Texts]:
    """The rows of a table, sorted by its primary key."""
    query = f"SELECT {table.texts} FROM {table.name} {where} ORDER BY {table.order}"  # noqa: S608 - names are quoted
    found = connection.execute(query, values)
    while rows := found.fetchmany(FETCHED_ROWS):
        yield from rows


def _looked_up_rows(connection: Any, table: _Table, where: str, values: list[str]) -> Iterator[Texts]:
    """The same, a few rows at a time by their keys: slower, and rows may be of any size."""
    if len(table.key) > 1:
        yield from _sorted_rows(connection, table, where, values)
        return
    size = " + ".join(f"coalesce(strlen(CAST({name} AS VARCHAR)), 0)" for name in table.columns)
    keys = connection.cursor()
    keys.execute(f"USE {_identifier(connection.execute('SELECT current_database()').fetchone()[0])}")
    keys.execute(f"SELECT {table.order}, {size} FROM {table.name} {where} ORDER BY {table.order}", values)  # noqa: S608
    waiting: list[Any] = []
    bytes_waiting = 0
    while rows := keys.fetchmany(FETCHED_ROWS):
        for key, length in rows:
            waiting.append(key)
            bytes_waiting += length
            if len(waiting) == LOOKED_UP_ROWS or bytes_waiting >= LOOKED_UP_BYTES:
                yield from _looked_up(connection, table, waiting)
                waiting, bytes_waiting = [], 0
    yield from _looked_up(connection, table, waiting)


def _looked_up(connection: Any, table: _Table, keys: list[Any]) -> list[Texts]:
    if not keys:
        return []
    marks = ", ".join("?" * len(keys))
    query = f"SELECT {table.texts} FROM {table.name} WHERE {table.order} IN ({marks}) ORDER BY {table.order}"  # noqa: S608
    found: list[Texts] = connection.execute(query, keys).fetchall()
    return found


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _plain(sql: str) -> str:
    """A statement without comments, its white space one blank each."""
    without = re.sub(r"--[^\n]*|/\*.*?\*/", "", sql, flags=re.DOTALL)
    return re.sub(r"\s+", " ", without).strip()
