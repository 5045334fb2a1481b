"""Temporary files, and a file made by somebody else's code.

What lies in the exporter's working folder, or in Python's folder for temporary files, is gone after the run whatever
happens. What lies elsewhere, and what is open, the exporter sees to itself, in `finally`.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import tempfile
from pathlib import Path

from exporters.contextual import Context


class CleaningUp:
    name = "example-cleaning-up"
    description = "Annotations in an SQLite database."

    def export(self, context: Context) -> None:
        with tempfile.TemporaryDirectory() as folder:
            database = Path(folder) / "annotations.sqlite"
            try:
                self._fill(database, context)
                context.io.file = database.open("rb")
            finally:
                context.io.cleanup()

    def _fill(self, database: Path, context: Context) -> None:
        with contextlib.closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("create table annotations (id text, entry text, category text, shape text)")
            for dataset in context.datasets:
                for entry in dataset.entries():
                    connection.executemany(
                        "insert into annotations values (?, ?, ?, ?)",
                        (
                            (
                                annotation.record.id,
                                entry.record.id,
                                (annotation.record.annotation or {}).get("category"),
                                json.dumps(annotation.record.shape),
                            )
                            for annotation in entry.annotations()
                        ),
                    )
