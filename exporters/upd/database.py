"""DuckDB as the writer uses it: bounded memory, the same bytes for the same rows, errors in our words.

One thread, no checkpoint before the file is closed, and no FSST compression, for which DuckDB draws samples at random:
what is written depends on the rows and on the version of DuckDB alone, whose name stands in the head of the file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from exporters.arrays import np
from exporters.errors import FatalError
from exporters.temporary import temporary_folder
from exporters.upd.schema import STORAGE_VERSION, duckdb

GROUP_ROWS = 2048
"""Of DuckDB's vectors: what it holds at once, and the smallest group of rows that it stores apart."""

ALIAS = "upd"
"""The name of the database while it is open. DuckDB stores it with the indexes, and up to 1.1 asks for it again."""

WAITING = "waiting"
"""The name under which SQL finds rows that are not in the file yet."""


class IdsMeetError(Exception):
    """Two rows of a table would have one id; `args[0]` is the table."""


class Database:
    """A file that is written. What DuckDB cannot hold in `memory_megabytes` is on disk meanwhile."""

    def __init__(self, path: Path, memory_megabytes: int) -> None:
        self._library = duckdb()
        self._path = path
        self._resources = contextlib.ExitStack()
        folder = self._resources.enter_context(temporary_folder())
        settings: dict[str, str | int | bool] = {
            "threads": 1,
            "memory_limit": f"{memory_megabytes}MiB",
            "temp_directory": folder,
        }
        self.connection = self._resources.enter_context(self._library.connect(config=settings))
        self.connection.execute("SET disabled_compression_methods = 'fsst,dict_fsst'")
        self.connection.execute("SET wal_autocheckpoint = '1TB'")
        self.connection.execute(f"SET pandas_analyze_sample = {GROUP_ROWS}")  # of rows that come from here, all

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    def attach(self) -> None:
        """Open the file, which is made if it is not there."""
        path = str(self._path).replace("'", "''")
        options = f"STORAGE_VERSION '{STORAGE_VERSION}', ROW_GROUP_SIZE {GROUP_ROWS}"
        self.execute(f"ATTACH '{path}' AS {ALIAS} ({options})")
        self.execute(f"USE {ALIAS}")

    def detach(self) -> None:
        """Close the file. It is whole afterwards."""
        for statement in (f"CHECKPOINT {ALIAS}", "USE memory", f"DETACH {ALIAS}"):
            self.execute(statement)

    def execute(self, statement: str, values: Sequence[Any] = (), *, table: str = "") -> list[tuple[Any, ...]]:
        """Run a statement; `table` is the one it puts rows into. Returns the rows of its result.

        Raises:
            IdsMeetError: a row has the id of another.
            FatalError: DuckDB needs more memory than it may have.
        """
        with self._translated(table):
            rows: list[tuple[Any, ...]] = self.connection.execute(statement, list(values)).fetchall()
        return rows

    def insert(self, table: str, columns: Mapping[str, Sequence[Any]]) -> None:
        """Put rows into a table at once, in their order: texts, bytes or None by name of column."""
        self.apply(f"INSERT INTO {table} BY NAME SELECT * FROM {WAITING}", columns, table=table)  # noqa: S608 - our name

    def apply(self, statement: str, columns: Mapping[str, Sequence[Any]], *, table: str = "") -> list[tuple[Any, ...]]:
        """Run a statement to which rows are the table WAITING; the rest is as in `execute`.

        Columns without any value are left out of it: DuckDB 1 does not know what to make of them.
        """
        filled = {name: values for name, values in columns.items() if any(one is not None for one in values)}
        arrays = {name: np.array(values, dtype=object) for name, values in filled.items()}
        self.connection.register(WAITING, arrays)
        try:
            return self.execute(statement, table=table)
        finally:
            with contextlib.suppress(self._library.Error):  # a database that has failed is asked for nothing any more
                self.connection.unregister(WAITING)

    @contextlib.contextmanager
    def _translated(self, table: str) -> Iterator[None]:
        try:
            yield
        except self._library.ConstraintException as error:
            if table and "duplicate key" in str(error).lower():
                raise IdsMeetError(table) from None
            raise
        except self._library.Error as error:
            if not isinstance(error, self._library.OutOfMemoryException) and "failed to pin block" not in str(error):
                raise
            raise FatalError(
                "DuckDB needs more memory to write the UPD file than it may have; "
                "allow it more with --option memory_megabytes=…, or export fewer datasets at once."
            ) from None
