"""A database on disk for the length of one task: what has to be brought in order without being held in memory."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from blocks.storage_errors import translated
from exporters.temporary import temporary_folder


@contextlib.contextmanager
def scratch_database(*statements: str) -> Iterator[sqlite3.Connection]:
    """An empty SQLite database with these tables; gone afterwards, so it need not survive anything."""
    place = tempfile.gettempdir()
    with contextlib.ExitStack() as stack:
        with translated(place):
            folder = stack.enter_context(temporary_folder())
            database = stack.enter_context(contextlib.closing(sqlite3.connect(Path(folder) / "scratch")))
            for statement in ("pragma synchronous = off", "pragma journal_mode = off", *statements):
                database.execute(statement)
        try:
            yield database
        except sqlite3.OperationalError:  # anything else that the caller meets happened elsewhere
            with translated(place):
                raise
