"""A database on disk for the length of one task: what has to be brought in order without being held in memory."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from blocks.storage_errors import translated


@contextlib.contextmanager
def scratch_database(*statements: str) -> Iterator[sqlite3.Connection]:
    """An empty SQLite database with these tables; gone afterwards, so it need not survive anything."""
    with (
        translated(tempfile.gettempdir()),
        tempfile.TemporaryDirectory() as folder,
        contextlib.closing(sqlite3.connect(Path(folder) / "scratch")) as database,
    ):
        for statement in ("pragma synchronous = off", "pragma journal_mode = off", *statements):
            database.execute(statement)
        yield database
