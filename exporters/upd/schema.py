"""The container: its tables in schema 1.1, the rows that must be there, and how metadata is named.

The order of columns counts: digests go over them as they stand. Every metadata column holds a JSON object as text; its
keys are `Capitalised-Dashes`, and what UPD has no word for begins with `Outhaul-`.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any

import msgspec

from exporters.extras import absent

EXTENSION = "upd"
SCHEMA_TYPE = "Universal Portable Dataset"
SCHEMA_VERSION = "1.1"
VANILLA = "Vanilla"
"""The flavor of a file without tables or columns of somebody's own."""

STORAGE_VERSION = "v1.0.0"
"""The oldest that DuckDB writes: clients from 1.1 on open it."""

MAX_ID = MAX_NAME = MAX_TYPE = 64
MAX_KEY = 256
MAX_BLOB_BYTES = (1 << 31) - 1
"""Of an embedded media. DuckDB 2.0 takes 3 GB; of 4 GiB it makes an empty blob, or ends the process."""

TABLES = {
    "metadata": """
        CREATE TABLE metadata (
            key VARCHAR PRIMARY KEY CHECK (length(key) <= 64),
            value VARCHAR NOT NULL
        )""",
    "datasets": """
        CREATE TABLE datasets (
            id VARCHAR PRIMARY KEY CHECK (length(id) <= 64),
            name VARCHAR NOT NULL CHECK (length(name) <= 64),
            modality VARCHAR NOT NULL CHECK (length(modality) <= 64),
            metadata VARCHAR DEFAULT '{}'
        )""",
    "medias": """
        CREATE TABLE medias (
            id VARCHAR NOT NULL CHECK (length(id) <= 64),
            key VARCHAR NOT NULL CHECK (length(key) <= 256),
            blob_data BLOB,
            media_type VARCHAR CHECK (length(media_type) <= 64),
            metadata VARCHAR DEFAULT '{}',
            PRIMARY KEY (id, key)
        )""",
    "entries": """
        CREATE TABLE entries (
            id VARCHAR PRIMARY KEY CHECK (length(id) <= 64),
            dataset_id VARCHAR NOT NULL REFERENCES datasets (id) ON DELETE RESTRICT,
            media_url VARCHAR NOT NULL,
            metadata VARCHAR DEFAULT '{}'
        )""",
    "annotations": """
        CREATE TABLE annotations (
            id VARCHAR PRIMARY KEY CHECK (length(id) <= 64),
            entry_id VARCHAR NOT NULL REFERENCES entries (id) ON DELETE RESTRICT,
            shape_type VARCHAR NOT NULL CHECK (length(shape_type) <= 64),
            shape_args VARCHAR NOT NULL,
            category VARCHAR NOT NULL,
            properties VARCHAR NOT NULL DEFAULT '{}',
            metadata VARCHAR DEFAULT '{}'
        )""",
}
INDEXES = {
    "idx_entries_dataset_id": "entries (dataset_id)",
    "idx_annotations_entry_id": "annotations (entry_id)",
    "idx_annotations_shape_type": "annotations (shape_type)",
}

LOCAL = "local:"
"""Begins the `media_url` of media inside the file; the id of its rows in `medias` follows."""
SIGNATURES = "Content-Signature"
"""In a dataset's metadata: its signatures, a JSON array."""

OURS = "Outhaul-"
RECORD = "Outhaul-Record"
"""The record as the source sent it, byte for byte."""
ID = "Outhaul-Id"
"""The id, where the column cannot have it."""
MEDIAS = "Outhaul-Medias"
"""Of an entry: the keys of its medias in their order, where that is not the order of the keys."""


def duckdb() -> ModuleType:
    """The library.

    Raises:
        RequestError: it is not installed.
    """
    try:
        import duckdb as library  # noqa: PLC0415 - optional, and heavy
    except ImportError:
        raise absent("upd") from None
    return library


def metadata_key(field: str) -> str:
    """`wf_step` as `Wf-Step`."""
    return "-".join(word[:1].upper() + word[1:] for word in field.split("_"))


def field_name(key: str) -> str:
    """`Wf-Step` as `wf_step`."""
    return key.replace("-", "_").lower()


def document(members: Iterable[tuple[str, bytes]]) -> str:
    """The text of a JSON object, from keys and from values that are JSON already."""
    return (b"{%b}" % b",".join(b"%b:%b" % (as_json(key), value) for key, value in members)).decode()


def with_member(text: str, key: str, value: bytes) -> str:
    """The text of a JSON object with one more member behind the others."""
    return f"{text[:-1]}{',' if len(text) > len('{}') else ''}{document([(key, value)])[1:]}"


def times_of(metadata: str) -> list[str]:
    """When a row was made and changed, as far as its metadata says so."""
    times = _decode_times(metadata)
    return [one for one in (times.created, times.updated) if isinstance(one, str)]


class _Times(msgspec.Struct):
    created: Any = msgspec.field(default=None, name="Created-At")
    updated: Any = msgspec.field(default=None, name="Updated-At")


_decode_times = msgspec.json.Decoder(_Times).decode
as_json = msgspec.json.Encoder().encode
