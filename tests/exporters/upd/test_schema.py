"""The container: what any client of DuckDB finds in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.upd.schema import document, field_name, metadata_key, with_member
from tests.exporters.upd.reading import rows, tables
from tests.exporters.upd.writing import write
from tests.fakes.datasets import SQUARE, entry

COLUMNS = {
    "metadata": ["key", "value"],
    "datasets": ["id", "name", "modality", "metadata"],
    "medias": ["id", "key", "blob_data", "media_type", "metadata"],
    "entries": ["id", "dataset_id", "media_url", "metadata"],
    "annotations": ["id", "entry_id", "shape_type", "shape_args", "category", "properties", "metadata"],
}
TEXTS = {table: ["VARCHAR"] * len(columns) for table, columns in COLUMNS.items()}
TEXTS["medias"][2] = "BLOB"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("upd") / "file.upd"
    write(path, [entry("e1", SQUARE), entry("e2")])
    return path


def open_copy(file: Path, folder: Path) -> duckdb.DuckDBPyConnection:
    """The file, to be written to."""
    copy = folder / "copy.duckdb"
    copy.write_bytes(file.read_bytes())
    return duckdb.connect(str(copy))


def test_the_tables_are_those_of_the_schema(file: Path) -> None:
    """Five tables and no others, their columns in the order that hashes depend on, all texts but the blobs."""
    with duckdb.connect(str(file), read_only=True) as connection:
        found = rows(connection, "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal")
    assert {one["table_name"] for one in found} == set(COLUMNS)
    for table, columns in COLUMNS.items():
        own = [one for one in found if one["table_name"] == table]
        assert [one["column_name"] for one in own] == columns
        assert [one["data_type"] for one in own] == TEXTS[table]


def test_the_constraints_and_indexes_are_those_of_the_schema(file: Path) -> None:
    """Primary keys, references, checks of length, what must not be null, and three indexes."""
    with duckdb.connect(str(file), read_only=True) as connection:
        found = rows(
            connection,
            "SELECT table_name, constraint_type, constraint_text, constraint_column_names AS names "
            "FROM duckdb_constraints()",
        )
        indexes = rows(connection, "SELECT table_name, expressions FROM duckdb_indexes()")
    by_kind: dict[str, set[Any]] = {}
    for one in found:
        by_kind.setdefault(one["constraint_type"], set()).add((one["table_name"], tuple(one["names"])))
    assert by_kind["PRIMARY KEY"] == {
        ("metadata", ("key",)),
        ("datasets", ("id",)),
        ("medias", ("id", "key")),
        ("entries", ("id",)),
        ("annotations", ("id",)),
    }
    assert by_kind["FOREIGN KEY"] == {("entries", ("dataset_id",)), ("annotations", ("entry_id",))}
    not_null = {(table, name) for table, names in by_kind["NOT NULL"] for name in names}
    assert not_null >= {
        *(("metadata", "value"), ("datasets", "name"), ("datasets", "modality"), ("entries", "dataset_id")),
        *(("entries", "media_url"), *(("annotations", name) for name in COLUMNS["annotations"][1:6])),
    }
    assert {(one["table_name"], one["expressions"]) for one in indexes} == {
        ("entries", "[dataset_id]"),
        ("annotations", "[entry_id]"),
        ("annotations", "[shape_type]"),
    }


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(f"INSERT INTO datasets VALUES ('{'x' * 65}', '', '', '{{}}')", id="id of a dataset"),
        pytest.param(f"INSERT INTO datasets VALUES ('d', '{'x' * 65}', '', '{{}}')", id="name"),
        pytest.param(f"INSERT INTO datasets VALUES ('d', '', '{'x' * 65}', '{{}}')", id="modality"),
        pytest.param(f"INSERT INTO entries VALUES ('{'x' * 65}', 'd1', '', '{{}}')", id="id of an entry"),
        pytest.param(f"INSERT INTO medias VALUES ('m', '{'x' * 257}', NULL, NULL, '{{}}')", id="key"),
        pytest.param(f"INSERT INTO medias VALUES ('m', '', NULL, '{'x' * 65}', '{{}}')", id="media type"),
        pytest.param(f"INSERT INTO annotations VALUES ('a', 'e1', '{'x' * 65}', '{{}}', '', '{{}}', '')", id="shape"),
        pytest.param("INSERT INTO annotations VALUES ('a', 'e1', 's', '{}', NULL, '{}', '')", id="category"),
        pytest.param("INSERT INTO annotations VALUES ('a', 'nobody', 's', '{}', '', '{}', '')", id="entry"),
        pytest.param("INSERT INTO entries VALUES ('e1', 'd1', '', '{}')", id="id twice"),
        pytest.param("DELETE FROM entries WHERE id = 'e1'", id="entry with annotations"),
        pytest.param(f"INSERT INTO metadata VALUES ('{'x' * 65}', '1')", id="key of the file's metadata"),
    ],
)
def test_the_checks_hold(file: Path, tmp_path: Path, statement: str) -> None:
    """Who goes on writing to the file is kept to what the schema allows."""
    with open_copy(file, tmp_path) as connection, pytest.raises(duckdb.ConstraintException):
        connection.execute(statement)


def test_metadata_has_its_defaults(file: Path, tmp_path: Path) -> None:
    """A row without metadata or properties has an empty object there."""
    with open_copy(file, tmp_path) as connection:
        connection.execute("INSERT INTO annotations (id, entry_id, shape_type, shape_args, category) VALUES "
                           "('a', 'e1', 's', '{}', 'c')")  # fmt: skip
        (row,) = rows(connection, "SELECT properties, metadata FROM annotations WHERE id = 'a'")
    assert row == {"properties": "{}", "metadata": "{}"}


def test_the_file_says_what_it_is(file: Path) -> None:
    """The rows that must be there, their values JSON with its quotes."""
    found = {row["key"]: row["value"] for row in tables(file)["metadata"]}
    assert found.pop("Schema-Built-By").startswith('"outhaul ')
    assert found == {
        "Schema-Type": '"Universal Portable Dataset"',
        "Schema-Version": '"1.1"',
        "Schema-Flavor": '"Vanilla"',
    }


def test_nothing_lies_beside_the_file(tmp_path: Path) -> None:
    """When it is closed it is whole: there is no log of what is still to be written to it."""
    write(tmp_path / "file.upd", [entry("e1", SQUARE)])
    assert [path.name for path in tmp_path.iterdir()] == ["file.upd"]


@pytest.mark.parametrize(
    ("field", "key"),
    [("wf_step", "Wf-Step"), ("id", "Id"), ("assigned_to_id", "Assigned-To-Id"), ("groupId", "GroupId")],
)
def test_keys_are_named_by_rule(field: str, key: str) -> None:
    """Words are capitalised and joined with dashes."""
    assert metadata_key(field) == key
    if field == field.lower():
        assert field_name(key) == field


@given(st.dictionaries(st.text(), st.integers(), max_size=4), st.text())
def test_objects_are_joined_of_json(members: dict[str, int], key: str) -> None:
    """Whatever the keys, what is joined is the object with these members; one more goes behind them."""
    text = document((name, str(value).encode()) for name, value in members.items())
    assert json.loads(text) == members
    assert list(json.loads(with_member(text, key, b"[1]")).items())[-1] == (key, [1]) or key in members
