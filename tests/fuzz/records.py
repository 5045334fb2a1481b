"""Entries of any content the record model can hold, through every format; and rows of UPD files."""

from __future__ import annotations

import contextlib
import functools
import io
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from blocks.upd import UpdSource
from exporters import read_options, registry
from exporters.base import Exporter
from exporters.errors import FatalError
from exporters.foreign_json import UNREADABLE, check_levels
from exporters.model import Media, decode_dataset, decode_entry, encode
from exporters.options import Conversion, ImageOptions
from exporters.pictures.upright import MediaFile
from exporters.testing.sharded import run_shards
from tests.conformance.exporters import suited
from tests.exporters.test_conformance import a_few, check_documents, check_places, modality
from tests.fakes import upd
from tests.fakes.datasets import dataset, fetched, media_bytes, picture
from tests.fuzz.breaking import Files
from tests.fuzz.folders import read_all
from tests.fuzz.running import Parser

FILE = fetched(picture("any"))
"""Of every media: what a description says of it is broken, its bytes are not."""


def parsers() -> Iterator[Parser]:
    yield Parser("formats", _entries, _export)
    yield Parser("upd: rows", _rows, _read_rows, share=0.02)


# -- formats ----------------------------------------------------------------------------------------------------------


@functools.cache
def _entries() -> Sequence[Files]:
    """For each format that works shard by shard, as it is, and with all shapes turned into others."""
    found = []
    for name, kind in sorted(registry.all().items()):
        if not issubclass(kind, Exporter):
            continue
        exporter = registry.get(name)
        lines = b"\n".join(encode(one) for one in suited(exporter, a_few()))
        document = encode(dataset(modality=modality(exporter)))
        for conversions in ([], CONVERSIONS) if issubclass(exporter.options, ImageOptions) else ([],):
            asked = f"{name}/{'converting' if conversions else 'as it is'}"
            found.append({f"{asked}/dataset.json": document, f"{asked}/entries.jsonl": lines})
    return found


CONVERSIONS = [*reversed(Conversion.__args__)]


def _export(files: Files) -> object:
    """A whole export, whose books balance and whose documents are sound."""
    document, lines = sorted(files)
    name, conversions, _ = document.split("/")
    try:
        for data in (files[document], *files[lines].splitlines()):  # as the layout of our own exports does
            check_levels(data)
            msgspec.json.decode(data)
        found = {one.id: one for one in map(decode_entry, files[lines].splitlines())}
        described = decode_dataset(files[document])
    except UNREADABLE:
        return None
    entries = [one for one in found.values() if len({media.id for media in one.medias}) == len(one.medias)]
    exporter: Any = registry.get(name)
    options = read_options(exporter, {"convert": CONVERSIONS} if conversions == "converting" else {})
    try:
        made = run_shards(
            exporter, options, [described], [(0, entries)],
            media="all", files=_fetched, open_media=lambda _: io.BytesIO(media_bytes(picture("any"))),
        )  # fmt: skip
    except AssertionError as error:
        if "two files are to lie" in str(error):  # two entries of one name and id, which `package` refuses
            raise FatalError(str(error)) from None
        raise
    except FatalError as error:
        if "please report" in str(error):
            raise AssertionError(str(error)) from error
        raise
    made.tally.check("the export")
    check_documents(made)
    check_places(made)
    return made


def _fetched(media: Media) -> MediaFile:
    return FILE


# -- UPD --------------------------------------------------------------------------------------------------------------

COLUMNS = (
    ("metadata", "value", "key"),
    ("datasets", "name", "id"),
    ("datasets", "modality", "id"),
    ("datasets", "metadata", "id"),
    ("medias", "metadata", "rowid"),
    ("medias", "media_type", "rowid"),
    ("entries", "media_url", "id"),
    ("entries", "metadata", "id"),
    ("annotations", "shape_type", "id"),
    ("annotations", "shape_args", "id"),
    ("annotations", "category", "id"),
    ("annotations", "properties", "id"),
    ("annotations", "metadata", "id"),
)


@functools.cache
def _archive() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return upd.archived(Path(folder) / "a.upd").path.read_bytes()


@functools.cache
def _rows() -> Sequence[Files]:
    """One value of one row each; a name says where it stands."""
    found = []
    with _written({}) as path, contextlib.closing(duckdb.connect(str(path), read_only=True)) as database:
        for table, column, key in COLUMNS:
            for row, value in database.execute(f"SELECT {key}, {column} FROM {table}").fetchall():
                found.append({f"{table}|{column}|{key}|{row}|.json": str(value).encode()})
    return found


@contextlib.contextmanager
def _written(files: Files) -> Iterator[Path]:
    """A file with other values; what is no text is none there, for DuckDB takes no other."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.upd"
        path.write_bytes(_archive())
        if files:
            with contextlib.closing(duckdb.connect(str(path))) as database:
                for name, data in files.items():
                    table, column, key, row, _ = name.split("|")
                    value = data.decode(errors="replace")
                    database.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", [value, row])
        yield path


def _read_rows(files: Files) -> object:
    with _written(files) as path:
        return read_all(UpdSource(url=str(path), follow_links=False))
