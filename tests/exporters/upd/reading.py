"""UPD files read back with plain DuckDB, from what the format's description says alone: none of our own code helps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import msgspec
from msgspec import Raw

from exporters.model import Annotation, Dataset, Entry, Media

TABLES = ("metadata", "datasets", "medias", "entries", "annotations")


def tables(path: Path) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables, in the order in which they were put in."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return {table: rows(connection, f'SELECT * FROM "{table}" ORDER BY rowid') for table in TABLES}


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    found = connection.execute(query)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def read_datasets(path: Path) -> list[Dataset]:
    """Datasets that were written in the words of the record model."""
    made = []
    for row in tables(path)["datasets"]:
        fields, raw = _fields(row["metadata"])
        modality = {"modality": row["modality"].removeprefix("outhaul-")}
        made.append(_struct(Dataset, {"id": row["id"], **modality, **fields}, raw))
    return made


def read_entries(path: Path) -> list[Entry]:
    """Entries that were written in the words of the record model, with all that belongs to them."""
    found = tables(path)
    datasets = {row["id"]: json.loads(row["metadata"]).get("Outhaul-Id", row["id"]) for row in found["datasets"]}
    entries = []
    for row in found["entries"]:
        fields, raw = _fields(row["metadata"])
        medias = [one for one in found["medias"] if f"local:{one['id']}" == row["media_url"]]
        order = fields.pop("medias", sorted(one["key"] for one in medias))
        medias.sort(key=lambda one: order.index(one["key"]))
        annotations = [one for one in found["annotations"] if one["entry_id"] == row["id"]]
        made = _struct(Entry, {"id": row["id"], "dataset_id": datasets[row["dataset_id"]], **fields}, raw)
        made = msgspec.structs.replace(made, medias=tuple(map(_media, medias)))
        entries.append(msgspec.structs.replace(made, annotations=tuple(map(_annotation, annotations))))
    return entries


def _annotation(row: dict[str, Any]) -> Annotation:
    fields, raw = _fields(row["metadata"])
    kind = row["shape_type"].removeprefix("outhaul:")
    values = {
        "id": row["id"],
        "shape": {"type": kind, **json.loads(row["shape_args"])},
        "category_id": row["category"] or None,
        "attributes": json.loads(row["properties"]),
    }
    return _struct(Annotation, values | fields, raw)


def _media(row: dict[str, Any]) -> Media:
    fields, raw = _fields(row["metadata"])
    return _struct(Media, {"id": row["id"], "key": row["key"], "mime_type": row["media_type"], **fields}, raw)


def _fields(metadata: str) -> tuple[dict[str, Any], Raw]:
    """The fields that stand in a row's metadata, by their names in the record model, and the source's own record."""
    members = msgspec.json.decode(metadata, type=dict[str, Raw])
    raw = members.pop("Outhaul-Record", Raw(b"{}"))
    members.pop("SHA256", None)
    return {
        key.removeprefix("Outhaul-").replace("-", "_").lower(): msgspec.json.decode(value)
        for key, value in members.items()
    }, raw


def _struct(kind: Any, values: dict[str, Any], raw: Raw) -> Any:
    made = msgspec.convert(values, kind, strict=True)
    return msgspec.structs.replace(made, raw=raw)
