"""What signatures are made over, against a serialisation that was written from the specification alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings

from exporters.errors import FatalError
from exporters.model import Box, Entry
from exporters.upd import canonical
from exporters.upd.canonical import data_hash, schema_hash, schema_hashes
from tests import strategies
from tests.exporters.upd.writing import write
from tests.fakes import hostile
from tests.fakes.datasets import annotation, dataset, entry, one_of_each

BOX = Box(1.0, 2.0, 3.0, 4.0)


# -- an independent implementation: rows are held, sorted and joined in Python ----------------------------------------


def independent_hash(path: Path, dataset_id: str, algorithm: str = "sha256", flavor: Sequence[str] = ()) -> str:
    """The specification's data hash."""
    with duckdb.connect(str(path), read_only=True) as connection:
        entries = connection.execute("SELECT * FROM entries").fetchall()
        annotations = connection.execute("SELECT * FROM annotations").fetchall()
        extra = [connection.execute(f'SELECT * FROM "{table}"').fetchall() for table in flavor]
    own = [row for row in entries if row[1] == dataset_id]
    ids = {row[0] for row in own}
    serialised = [own, [row for row in annotations if row[1] in ids], *extra]
    texts = ["\0ROW\0".join("\0COL\0".join(map(text, row)) for row in by_key(rows)) for rows in serialised]
    return hashlib.new(algorithm, "\0TABLE\0".join(texts).encode()).hexdigest()


def by_key(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Sorted by the first column, which is the primary key of all tables here, by its bytes."""
    return sorted(rows, key=lambda row: str(row[0]).encode())


def text(value: Any) -> str:
    match value:
        case None:
            return "\0NULL\0"
        case bool():
            return "true" if value else "false"
        case datetime():
            moment = value.astimezone(UTC) if value.tzinfo else value
            return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond:06}Z"
    return str(value)


def independent_schema_hash(path: Path, algorithm: str = "sha256", tables: Sequence[str] = ()) -> str:
    """The specification's schema hash."""
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute("SELECT table_name, sql FROM duckdb_tables").fetchall()
    wanted = {"entries", "annotations", *tables}
    statements = [re.sub(r"\s+", " ", sql).strip() for name, sql in found if name in wanted]
    return hashlib.new(algorithm, "\n".join(sorted(statements)).encode()).hexdigest()


def ours(path: Path, dataset_id: str = "d1", algorithm: str = "SHA256", flavor: Sequence[str] = ()) -> str:
    with duckdb.connect(str(path), read_only=True) as connection:
        return data_hash(connection, dataset_id, algorithm, flavor).hex()


# -- what they agree on -----------------------------------------------------------------------------------------------


def some_entries() -> list[Entry]:
    """In no order of their ids."""
    return [entry("z", *one_of_each().values()), entry("a", BOX), entry("m"), *hostile.entries()]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two datasets, the first of all sorts, and an empty one."""
    path = tmp_path_factory.mktemp("upd") / "file.upd"
    other = [entry("o", annotation("o1", BOX), dataset_id="d2")]
    write(path, {"d1": some_entries(), "d2": other}, [dataset("d1"), dataset("d2"), dataset("d3")])
    return path


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA512"])
@pytest.mark.parametrize("dataset_id", ["d1", "d2", "d3"])
def test_rows_are_hashed_as_specified(file: Path, dataset_id: str, algorithm: str) -> None:
    """Those of one dataset, sorted by their keys, in both algorithms."""
    assert ours(file, dataset_id, algorithm) == independent_hash(file, dataset_id, algorithm.lower())


def test_datasets_have_hashes_of_their_own(file: Path) -> None:
    """A dataset's hash says nothing of the others."""
    assert len({ours(file, dataset_id) for dataset_id in ("d1", "d2", "d3")}) == 3


def test_rows_that_are_too_large_to_be_sorted_have_the_same_hash(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are looked up by their keys, a few at a time."""
    expected = ours(file)
    asked = []

    def too_large(*_given: Any) -> Any:
        asked.append(True)
        raise duckdb.OutOfMemoryException

    monkeypatch.setattr(canonical, "_sorted_rows", too_large)
    for rows in (1, 2, 128):
        monkeypatch.setattr(canonical, "LOOKED_UP_ROWS", rows)
        assert ours(file) == expected
    assert len(asked) == 3


@settings(max_examples=20)
@given(strategies.entry_lists("d1", margin=30))
def test_any_rows_are_hashed_as_specified(entries: list[Entry]) -> None:
    """Whatever the entries."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "f.upd"
        write(path, entries, media="none")
        assert ours(path) == independent_hash(path, "d1")


def test_tables_are_hashed_as_specified(file: Path) -> None:
    """As DuckDB says how they were created; among the words of other versions are those of this one."""
    with duckdb.connect(str(file), read_only=True) as connection:
        for algorithm in ("SHA256", "SHA512"):
            expected = independent_schema_hash(file, algorithm.lower())
            assert schema_hash(connection, algorithm).hex() == expected
            assert expected in {one.hex() for one in schema_hashes(connection, algorithm)}


EDITS = [
    "UPDATE entries SET metadata = metadata || ' ' WHERE id = 'z'",
    "UPDATE entries SET media_url = 'x' WHERE id = 'm'",
    "UPDATE annotations SET category = 'other' WHERE id = 'z-a1'",
    "UPDATE annotations SET shape_args = replace(shape_args, '8.0', '8.1') WHERE id = 'z-a1'",
    "UPDATE annotations SET properties = '{\"x\":1}' WHERE id = 'z-a2'",
    "UPDATE annotations SET metadata = NULL WHERE id = 'z-a2'",
    "DELETE FROM annotations WHERE id = 'z-a3'",
    "INSERT INTO entries VALUES ('new', 'd1', '', '{}')",
    "INSERT INTO annotations VALUES ('new', 'm', 's', '{}', '', '{}', '{}')",
]


@pytest.mark.parametrize("edit", EDITS)
def test_every_change_shows(file: Path, tmp_path: Path, edit: str) -> None:
    """Of an entry or an annotation, also one that is added or gone; the hash stays that of the specification."""
    copy = tmp_path / "copy.upd"
    copy.write_bytes(file.read_bytes())
    with duckdb.connect(str(copy)) as connection:
        connection.execute(edit)
    assert ours(copy) != ours(file)
    assert ours(copy) == independent_hash(copy, "d1")
    assert ours(copy, "d2") == ours(file, "d2")


def test_null_is_no_text(file: Path, tmp_path: Path) -> None:
    """What is missing and what is empty are told apart."""
    made = []
    for value in ("NULL", "''", "'NULL'"):
        copy = tmp_path / "copy.upd"
        copy.write_bytes(file.read_bytes())
        with duckdb.connect(str(copy)) as connection:
            connection.execute(f"UPDATE annotations SET metadata = {value} WHERE id = 'z-a1'")
        made.append(ours(copy))
    assert len(set(made)) == 3


def test_tables_of_a_flavor_are_hashed_as_specified(file: Path, tmp_path: Path) -> None:
    """Whole, in the order given, numbers as DuckDB casts them, booleans and times in their fixed forms."""
    copy = tmp_path / "copy.upd"
    copy.write_bytes(file.read_bytes())
    with duckdb.connect(str(copy)) as connection:
        connection.execute(
            'CREATE TABLE "odd ""name" '
            '("the key" INTEGER PRIMARY KEY, ok BOOLEAN, here TIMESTAMP, there TIMESTAMPTZ, x BIGINT)'
        )
        connection.execute(
            """INSERT INTO "odd ""name" VALUES
            (1, true, '2026-01-02 03:04:05.5', '2026-01-02 03:04:05+02', 9007199254740993),
            (2, false, NULL, NULL, NULL), (3, NULL, '1999-12-31', '1999-12-31 00:00:00+00', -1)"""
        )
        connection.execute("CREATE TABLE b (id VARCHAR PRIMARY KEY)")
    with duckdb.connect(str(copy), read_only=True) as connection:
        quoted = connection.execute('SELECT count(*) FROM "odd ""name"').fetchone()
        assert quoted == (3,)
        made = data_hash(connection, "d1", "SHA256", ["b", 'odd "name']).hex()
        schema = schema_hash(connection, "SHA256", ["b", 'odd "name']).hex()
    assert made == independent_hash(copy, "d1", flavor=["b", 'odd ""name'])
    assert schema == independent_schema_hash(copy, tables=["b", 'odd "name'])


@pytest.mark.parametrize("create", ["SELECT 1", "CREATE TABLE t (id VARCHAR)"])
def test_a_table_that_cannot_be_gone_through_is_refused(file: Path, tmp_path: Path, create: str) -> None:
    """One that is not there, or has no primary key to sort by."""
    copy = tmp_path / "copy.upd"
    copy.write_bytes(file.read_bytes())
    with duckdb.connect(str(copy)) as connection:
        connection.execute(create)
        with pytest.raises(FatalError, match="no table “t” with a primary key"):
            data_hash(connection, "d1", "SHA256", ["t"])
