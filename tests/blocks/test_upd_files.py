"""UPD files that are none, that are damaged, or that are programs: refused in a sentence, and never obeyed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from blocks.upd import UpdSource
from exporters.errors import OuthaulError, RequestError, RetriableError
from tests.blocks.samples import everything
from tests.conformance.sources import CANARY
from tests.fakes.upd import HEAD, TABLES, add, archived, upd_file

ROOT = Path(__file__).parent.parent.parent


def without(table: str, column: str = "") -> dict[str, str]:
    """The tables but for one of them, or for one of its columns."""
    if not column:
        return {name: columns for name, columns in TABLES.items() if name != table}
    return {**TABLES, table: TABLES[table].replace(f"{column} ", f"not_{column} ", 1)}


def use(path: Path) -> None:
    """Read all there is."""
    source = UpdSource(url=str(path))
    for dataset in source.choose(()):
        list(source.read(dataset, list(source.list_entries(dataset, {})), "original"))


def refused(path: Path, kind: type[OuthaulError] = RequestError) -> str:
    """What is said of a file that is not read: one sentence that names it."""
    with pytest.raises(kind) as caught:
        use(path)
    said = str(caught.value)
    assert type(caught.value) is kind
    assert said.endswith(".")
    assert "\n" not in said
    assert f"upd:{path}" in said
    return said


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made.upd"


# Files that are none


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 5000, b"SQLite format 3\0" * 100, b"{}"], ids=["empty", "zeros", "sqlite", "json"]
)
def test_what_is_no_database(path: Path, content: bytes) -> None:
    """What is no DuckDB database is no UPD file."""
    path.write_bytes(content)
    assert "does not begin as a DuckDB database does" in refused(path)


def test_what_is_not_there(path: Path) -> None:
    """A path at which nothing lies, or a folder, is named."""
    assert "no file; check the path" in refused(path)
    path.mkdir()
    assert "no file; check the path" in refused(path)


@pytest.mark.parametrize("keep", [20, 5000, 12288, 300_000])
def test_half_a_file(path: Path, keep: int) -> None:
    """A file of which the end is missing is refused, or some of it cannot be read; in any case a sentence says so."""
    archived(path)
    path.write_bytes(path.read_bytes()[:keep])
    assert "it may be damaged" in refused(path)


WRONG_TABLES: list[tuple[dict[str, str], str]] = [
    ({}, "it has no table metadata"),
    ({"metadata": "name VARCHAR"}, "its table metadata lacks the column key and value"),
    (without("annotations"), "no table annotations"),
    ({"metadata": TABLES["metadata"]}, "no table datasets and medias and entries and annotations"),
    (without("medias", "blob_data"), "medias lacks the column blob_data"),
    (without("annotations", "properties"), "neither the columns category and properties nor the column annotation"),
    ({**TABLES, "medias": TABLES["medias"].replace("BLOB", "VARCHAR")}, "no BLOB"),
    ({**TABLES, "entries": TABLES["entries"] + ", rowid INTEGER"}, "has a column rowid"),
]


@pytest.mark.parametrize(("tables", "said"), WRONG_TABLES, ids=[said for _, said in WRONG_TABLES])
def test_wrong_tables(path: Path, tables: dict[str, str], said: str) -> None:
    """A database without the tables and columns of the format is refused, naming what it lacks."""
    head = HEAD if "value" in tables.get("metadata", "") else {}
    with upd_file(path, tables, head):
        pass
    assert said in refused(path)


WRONG_HEADS: list[tuple[dict[str, Any], str]] = [
    ({"Schema-Version": "1.1"}, "it has no Schema-Type"),
    ({"Schema-Type": "Another\nKind", "Schema-Version": "1.1"}, r"its Schema-Type is “Another\u000aKind”"),
    ({"Schema-Type": HEAD["Schema-Type"]}, "it has no Schema-Version"),
    ({**HEAD, "Schema-Version": "newest"}, "its Schema-Version is “newest”"),
    ({**HEAD, "Schema-Version": "2.0"}, "is of the UPD schema “2.0”, and schemas up to 1 are understood"),
]


@pytest.mark.parametrize(("head", "said"), WRONG_HEADS, ids=[said for _, said in WRONG_HEADS])
def test_wrong_schemas(path: Path, head: dict[str, Any], said: str) -> None:
    """A file that is of no schema, another one or a newer one is refused."""
    with upd_file(path, head=head):
        pass
    assert said in refused(path)


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.9", "0.2", 1.1])
def test_schemas_that_are_understood(path: Path, version: Any) -> None:
    """Schemas of the same or an older generation are read, also when the version stands there as a number."""
    with upd_file(path, head={**HEAD, "Schema-Version": version}) as database:
        add(database, "datasets", "d", "D", "acme", {})
    assert [one.id for one in UpdSource(url=str(path)).catalog()] == ["d"]


def test_no_quotes_around_the_schema(path: Path) -> None:
    """A tool that forgets the quotes of the JSON texts in `metadata` is understood."""
    with upd_file(path, head={}) as database:
        for key, value in HEAD.items():
            add(database, "metadata", key, value)
    assert UpdSource(url=str(path)).catalog() == []


def test_a_file_without_datasets(path: Path) -> None:
    """A file without datasets has nothing to export, and says so."""
    with upd_file(path):
        pass
    with pytest.raises(RequestError, match="no datasets"):
        UpdSource(url=str(path)).choose(())


# Rows that are wrong

STRAY: list[tuple[str, list[Any], str]] = [
    ("entries", ["e1", "nowhere", "", "{}"], "entries that belong to no dataset (1)"),
    ("annotations", ["a", "nowhere", "x", "{}", "c", "{}", "{}"], "annotations that belong to no entry (1)"),
    ("entries", ["e", "d", "", "{}"], "entries with the id of another (1)"),
    ("datasets", ["d", "D", "acme", "{}"], "more than one dataset of the id “d”"),
    ("datasets", ["d2", "D", "acme", '{"Outhaul-Id":"d"}'], "more than one dataset of the id “d”"),
]


@pytest.mark.parametrize(("table", "values", "said"), STRAY, ids=[str(values) for _, values, _ in STRAY])
def test_rows_that_belong_to_nothing(path: Path, table: str, values: list[Any], said: str) -> None:
    """Rows that would be left out without a word, or twice, are counted and refused."""
    with upd_file(path, {name: _loose(columns) for name, columns in TABLES.items()}) as database:
        add(database, "datasets", "d", "D", "acme", {})
        add(database, "entries", "e", "d", "", {})
        add(database, table, *values)
    assert said in refused(path)


def _loose(columns: str) -> str:
    """A table whose rows nothing holds together."""
    for constraint in (
        ", PRIMARY KEY (id, key)",
        " PRIMARY KEY",
        " REFERENCES datasets (id)",
        " REFERENCES entries (id)",
    ):
        columns = columns.replace(constraint, "")
    return columns


GOOD_ANNOTATION = ["a", "e", "acme:x", "{}", "c", "{}", "{}"]
BROKEN: list[tuple[str, list[Any], str]] = [
    ("entries", ["e2", "d", "", "{"], "The metadata of entry “e2” in"),
    ("entries", ["e2", "d", "", "[]"], "The metadata of entry “e2” in"),
    ("entries", ["e2", "d", "", '{"Outhaul-Name":"","Outhaul-State":"lost"}'], "Outhaul-State of entry “e2” in"),
    ("entries", ["e2", "d", "", '{"Priority":1e999}'], "The entry “e2” in"),
    ("annotations", [*GOOD_ANNOTATION[:3], "{x", *GOOD_ANNOTATION[4:]], "The column shape_args of annotation “a” in"),
    ("annotations", [*GOOD_ANNOTATION[:5], "NaN", "{}"], "The column properties of annotation “a” in"),
    ("annotations", [*GOOD_ANNOTATION[:6], '"x"'], "The metadata of annotation “a” in"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "values", "said"), BROKEN, ids=[str(values) for _, values, _ in BROKEN])
def test_columns_that_are_no_json(path: Path, table: str, values: list[Any], said: str) -> None:
    """A column that should be JSON and is not is named with its row."""
    with upd_file(path) as database:
        add(database, "datasets", "d", "D", "acme", {})
        add(database, "entries", "e", "d", "", {})
        add(database, table, *values)
    assert said in refused(path)


# Files that are programs


def test_functions_and_views_of_a_file_are_not_obeyed(tmp_path: Path, path: Path) -> None:
    """Functions and views that would read other files, named like what is used here, change nothing of what is read."""
    (tmp_path / "secret.csv").write_text(f"a\n{CANARY}\n")
    archived(path)
    expected = [everything(UpdSource(url=str(path)), id_) for id_ in ("d1", "d2")]
    with duckdb.connect(str(path)) as database:
        for name in (
            "count(x)",
            "contains(x, y)",
            "coalesce(x, y)",
            "array_slice(x, y, z)",
            "min(x)",
            "unnest(x)",
            "lower(x)",
        ):
            database.execute(f"CREATE MACRO {name} AS (SELECT content FROM read_text('{tmp_path}/secret.csv'))")
        for name in ("duckdb_tables", "duckdb_columns"):
            database.execute(f"CREATE MACRO {name}() AS TABLE SELECT * FROM read_csv('{tmp_path}/secret.csv')")
        database.execute(f"CREATE VIEW wanted AS SELECT * FROM read_csv('{tmp_path}/secret.csv')")
    source = UpdSource(url=str(path))
    found = [everything(source, id_) for id_ in ("d1", "d2")]
    assert [[one.annotations for one in entries] for entries in found] == [
        [one.annotations for one in entries] for entries in expected
    ]
    assert CANARY not in str(found)


@pytest.mark.parametrize("table", [name for name in TABLES if name != "metadata"])
def test_a_view_is_no_table(tmp_path: Path, path: Path, table: str) -> None:
    """A view in the place of a table is not read: what it says is what other files say."""
    (tmp_path / "secret.csv").write_text(f"a\n{CANARY}\n")
    tables = {name: _loose(columns) for name, columns in without(table).items()}
    with upd_file(path, tables) as database:
        columns = ", ".join(f"a AS {column.split()[0]}" for column in _loose(TABLES[table]).split(", "))
        database.execute(f"CREATE VIEW {table} AS SELECT {columns} FROM read_csv('{tmp_path}/secret.csv')")
    said = refused(path)
    assert f"it has no table {table}" in said
    assert CANARY not in said


def test_computed_columns_are_not_read(path: Path) -> None:
    """A column that is computed when it is read could tell of this machine; it is refused."""
    computed = (
        "id VARCHAR, dataset_id VARCHAR, media_url VARCHAR, "
        "metadata VARCHAR GENERATED ALWAYS AS (current_setting('temp_directory'))"
    )
    with upd_file(path, {**TABLES, "annotations": _loose(TABLES["annotations"]), "entries": computed}):
        pass
    assert "computes columns of its table entries" in refused(path)


def test_nothing_is_reached_from_inside(path: Path, tmp_path: Path) -> None:
    """With a file open, DuckDB reads and writes no other file, loads nothing, and lets nobody change that."""
    archived(path)
    (tmp_path / "secret.csv").write_text(f"a\n{CANARY}\n")
    with UpdSource(url=str(path))._open() as file:
        for query in (
            f"SELECT * FROM read_csv('{tmp_path}/secret.csv')",
            f"SELECT * FROM '{tmp_path}/secret.csv'",
            "SELECT * FROM read_text('http://127.0.0.1:9/')",
            f"COPY (SELECT 1) TO '{tmp_path}/written.csv'",
            f"ATTACH '{tmp_path}/other.upd' AS other",
            "LOAD httpfs",
            "INSTALL httpfs",
            "SET enable_external_access = true",
            "SET lock_configuration = false",
            "INSERT INTO upd.main.metadata VALUES ('x', 'y')",
        ):
            with pytest.raises(RequestError) as caught:
                list(file.rows(query))
            assert CANARY not in str(caught.value)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["made.upd", "secret.csv"]


@pytest.mark.parametrize(
    "name", ["a'b.upd", "a[1]*?.upd", "-- ; DROP.upd", "пример 🦖.upd", 'x".upd', "%41.upd", "md:x.upd"]
)
def test_any_file_name(tmp_path: Path, name: str) -> None:
    """A file may be called anything that its disk allows."""
    path = tmp_path / name
    with upd_file(tmp_path / "plain.upd") as database:
        add(database, "datasets", "d", "D", "acme", {})
    (tmp_path / "plain.upd").rename(path)
    source = UpdSource(url=str(path))
    assert [one.id for one in source.catalog()] == ["d"]
    assert source.identity()["name"] == name.removesuffix(".upd")


# Files that others use


def test_reading_leaves_a_file_as_it_is(path: Path) -> None:
    """A file has the same bytes after it was read, and nothing lies beside it."""
    archived(path)
    before = path.read_bytes()
    path.chmod(0o444)
    use(path)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["made.upd"]


def test_changes_that_were_not_closed_are_seen(path: Path) -> None:
    """What a program wrote last, and left beside the file when it was killed, is read too."""
    archived(path)
    code = (
        f"import duckdb, os; c = duckdb.connect({str(path)!r}); c.execute(\"SET checkpoint_threshold = '1GB'\");"
        "c.execute(\"INSERT INTO datasets VALUES ('late', 'Late', 'acme', '{}')\"); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert path.with_name("made.upd.wal").exists()
    assert [one.id for one in UpdSource(url=str(path)).catalog()] == ["d1", "d2", "late"]


def test_a_file_that_is_being_written(path: Path) -> None:
    """A file that another program is writing cannot be read now, and can be later."""
    archived(path)
    code = f"import duckdb; c = duckdb.connect({str(path)!r}); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout
        assert writer.stdin
        writer.stdout.readline()
        assert "is being written by another program" in refused(path, RetriableError)
        writer.stdin.close()
    use(path)


# Without DuckDB


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)


def test_the_catalog_does_not_load_duckdb() -> None:
    """DuckDB is loaded when a UPD file is read, and not before."""
    done = run(
        "import sys; from blocks.catalog import find_source; find_source('upd:x.upd');"
        "sys.exit(' '.join(name for name in sys.modules if name in ('duckdb', '_duckdb')))"
    )
    assert done.stderr.strip() == ""


def test_without_duckdb(path: Path) -> None:
    """Where DuckDB is not installed, a sentence names the extra that brings it; everything else works."""
    archived(path)
    done = run(
        "import sys; sys.modules['duckdb'] = None\n"
        "from blocks.catalog import find_source; from exporters.errors import RequestError\n"
        f"try: find_source('upd:{path}').catalog()\n"
        "except RequestError as error: print(error)"
    )
    assert "outhaul[upd]" in done.stdout
    assert len(done.stdout.splitlines()) == 1
