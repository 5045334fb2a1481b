"""`upd`: all datasets of an export in one file, a portable DuckDB database, signed if asked for. Extra: `upd`.

    metadata      what the file is: Schema-Type, Schema-Version, Schema-Built-By, Schema-Flavor
    datasets      id, name, modality, metadata
    medias        id, key, blob_data, media_type, metadata: the files that were fetched, and what is known of the others
    entries       id, dataset_id, media_url, metadata
    annotations   id, entry_id, shape_type, shape_args, category, properties, metadata

Any DuckDB from 1.1 on opens it. What the platform IDAH sent is written in its own words, which is the form of its own
exporter (`exporters.upd.platform`); all else in those of the record model (`exporters.upd.model_form`). Either way
everything can be read back: what UPD has no place for is in the metadata under `Outhaul-...`. Rows stand in the order
of the source. Names that do not fit a column are shortened by `exporters.upd.naming`, and stand in full beside it.

A media of 2 GiB or more does not go into a blob: its entry is refused. The bytes of the file depend on the version of
DuckDB that wrote it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import Field

from exporters.contextual.context import Context
from exporters.contextual.exporter import ContextualExporter
from exporters.contextual.views import EntryContext
from exporters.errors import FatalError
from exporters.holds import Holds
from exporters.model import Annotation, Entry
from exporters.upd import rows, schema, signing
from exporters.upd.database import IdsMeetError
from exporters.upd.options import SigningOptions, signer_of
from exporters.upd.writer import UpdWriter
from exporters.version import version_of

PASSES = 3
"""Over all entries: rows must follow what they refer to."""


class UpdOptions(SigningOptions):
    authored_by: str = Field(default="", description="Who made the datasets, for the file's own metadata.")
    memory_megabytes: int = Field(
        default=1024, ge=256, exclude=True, description="Memory that DuckDB may take; the rest waits on disk."
    )


class UpdExporter(ContextualExporter):
    name = "upd"
    description = "UPD: datasets, annotations and media in one portable DuckDB file, signed if asked for."
    version = 1
    holds = Holds(embeds_media=True)
    options = UpdOptions

    def check_installed(self) -> None:
        schema.duckdb()

    def export(self, context: Context) -> None:
        options = context.options.model
        assert isinstance(options, UpdOptions)
        signer = signer_of(options, context.secrets)
        file = context.io.file(format=schema.EXTENSION)
        file.close()
        told_apart = Counter[str]()
        while True:
            try:
                _Export(context, options, Path(file.path), signer, told_apart).write()
            except IdsMeetError as error:
                table = error.args[0]
                if table == "datasets" or told_apart[table] == rows.MAX_TOLD_APART:
                    raise FatalError(f"Two {table} of this export cannot be told apart; please report this.") from None
                told_apart[table] += 1
            else:
                return


class _Export:
    """One attempt: datasets and entries first, then what refers to them, then what is large."""

    def __init__(
        self,
        context: Context,
        options: UpdOptions,
        path: Path,
        signer: signing.Signer | None,
        told_apart: rows.ToldApart,
    ) -> None:
        self._context = context
        self._options = options
        self._path = path
        self._signer = signer
        self._told_apart = told_apart
        self._newest: dict[str, datetime | None] = {}
        """When anything in a dataset was changed last, by the id of its row."""
        self._projects = {dataset.model.id: rows.project_of(dataset.model) for dataset in context.datasets}
        self._total = sum(len(dataset.entries()) for dataset in context.datasets)
        self._passed = 0

    def write(self) -> None:
        with UpdWriter(self._path, memory_megabytes=self._options.memory_megabytes) as writer:
            writer.add("metadata", ("key", "value"), list(self._head()))
            datasets = [rows.dataset_row(dataset.model) for dataset in self._context.datasets]
            writer.add("datasets", rows.DatasetRow._fields, datasets)
            for table, fill in (
                (writer.entries, self._write_entry),
                (writer.annotations, self._write_annotations),
                (writer.medias, self._write_medias),
            ):
                for position, entry in enumerate(self._entries()):
                    fill(writer, entry, rows.EntryRows(entry.model, position, self._told_apart))
                table.close()
            writer.finish(self._sign if self._signer else None)

    def _entries(self) -> Iterator[EntryContext]:
        """Those that go into the file, of all datasets, from the first."""
        for dataset in self._context.datasets:
            for entry in dataset.entries():
                if not _is_too_large(entry):
                    yield entry
                self._passed += 1
                self._context.progress = min(1.0, self._passed / (PASSES * self._total))

    def _head(self) -> Iterator[tuple[str, str]]:
        values = {
            "Schema-Type": schema.SCHEMA_TYPE,
            "Schema-Version": schema.SCHEMA_VERSION,
            "Schema-Built-By": f"outhaul {version_of('outhaul')}",
            "Schema-Flavor": schema.VANILLA,
            "Authored-By": self._options.authored_by,
        }
        return ((key, schema.as_json(value).decode()) for key, value in values.items() if value)

    def _write_entry(self, writer: UpdWriter, entry: EntryContext, made: rows.EntryRows) -> None:
        embedded = {media.model.id for media in entry.medias() if not media.missing}
        row = made.entry(embedded, self._context.origin.get("url", ""))
        writer.entries.append(row)
        if self._signer:
            parts: tuple[Entry | Annotation, ...] = (entry.model, *entry.model.annotations)
            times = [one for part in parts for one in (part.created_at, part.updated_at)]
            self._newest[row.dataset_id] = signing.newest(times, self._newest.get(row.dataset_id))

    def _write_annotations(self, writer: UpdWriter, entry: EntryContext, made: rows.EntryRows) -> None:
        entry.annotations()  # they are counted
        for row in made.annotations(self._projects[entry.dataset.model.id]):
            writer.annotations.append(row.columns)

    def _write_medias(self, writer: UpdWriter, entry: EntryContext, made: rows.EntryRows) -> None:
        for media, (row, members) in zip(entry.medias(), made.medias(), strict=True):
            writer.medias.append(row, members, None if media.missing else media.path)

    def _sign(self, connection: Any) -> None:
        assert self._signer is not None
        for id_, known in connection.execute("SELECT id, metadata FROM datasets ORDER BY rowid").fetchall():
            newest = signing.newest(schema.times_of(known), self._newest.get(id_))
            moment = signing.signing_time(self._signer, self._options.signed_at, newest)
            signature = signing.sign_dataset(connection, id_, self._signer, self._options.signature_hash, moment)
            signed = schema.with_member(known, schema.SIGNATURES, schema.as_json([signature]))
            connection.execute("UPDATE datasets SET metadata = ? WHERE id = ?", [signed, id_])


def _is_too_large(entry: EntryContext) -> bool:
    """Whether a media of it does not go into a blob; if so it is left out, unless that is the end of the run."""
    for media in entry.medias():
        if not media.missing and (media.model.size or 0) > schema.MAX_BLOB_BYTES:
            entry.leave_out("it has a media of 2 GiB or more, which does not go into a UPD file", is_fault=True)
            return True
    return False
