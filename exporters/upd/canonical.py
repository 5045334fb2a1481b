"""What a signature is made over: the rows of a dataset in one fixed form, and the way its tables are made.

`data_hash` goes over the tables `entries` and `annotations`, then those of a flavor, each sorted by its primary key,
column by column as text, read as a stream. `schema_hash` goes over what DuckDB says of how these tables were created.
Neither sees media, nor the dataset's own row: the signature stands in that.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from exporters.errors import FatalError, quoted

NULL, COLUMN, ROW, TABLE = b"\x00NULL\x00", b"\x00COL\x00", b"\x00ROW\x00", b"\x00TABLE\x00"
ALGORITHMS = {"SHA256": "sha256", "SHA512": "sha512"}
CORE = {
    "entries": "WHERE dataset_id = $1",
    "annotations": "WHERE entry_id IN (SELECT id FROM entries WHERE dataset_id = $1)",
}
"""The signed tables that every file has, and which of their rows belong to a dataset."""

FETCHED_ROWS = 256
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
    digest = hashlib.new(ALGORITHMS[algorithm])
    for number, table in enumerate((*CORE, *flavor_tables)):
        if number:
            digest.update(TABLE)
        where = CORE.get(table, "")
        separator = b""
        for row in _rows(connection, table, where, [dataset_id] if where else []):
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


def _rows(connection: Any, table: str, where: str, values: list[str]) -> Iterator[tuple[str | None, ...]]:
    """The rows of a table, sorted by its primary key, each column as text."""
    columns = _columns(connection, table)
    key = _primary_key(connection, table)
    if not columns or not key:
        raise FatalError(f"The file has no table {quoted(table)} with a primary key; ask who made it for a whole one.")
    texts = ", ".join(_TEXTS.get(kind, "CAST({} AS VARCHAR)").format(_identifier(name)) for name, kind in columns)
    order = ", ".join(map(_identifier, key))
    found = connection.execute(f"SELECT {texts} FROM {_identifier(table)} {where} ORDER BY {order}", values)  # noqa: S608 - names are quoted
    while rows := found.fetchmany(FETCHED_ROWS):
        yield from rows


def _columns(connection: Any, table: str) -> list[tuple[str, str]]:
    """Name and type of each column, in their order."""
    rows: list[tuple[str, str]] = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = current_database()"
        " AND schema_name = current_schema() AND table_name = $1 ORDER BY column_index",
        [table],
    ).fetchall()
    return rows


def _primary_key(connection: Any, table: str) -> list[str]:
    row = connection.execute(
        "SELECT constraint_column_names FROM duckdb_constraints() WHERE database_name = current_database()"
        " AND schema_name = current_schema() AND table_name = $1 AND constraint_type = 'PRIMARY KEY'",
        [table],
    ).fetchone()
    return list(row[0]) if row else []


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _plain(sql: str) -> str:
    """A statement without comments, its white space one blank each."""
    without = re.sub(r"--[^\n]*|/\*.*?\*/", "", sql, flags=re.DOTALL)
    return re.sub(r"\s+", " ", without).strip()
