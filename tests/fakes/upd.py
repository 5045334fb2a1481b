"""UPD files made with plain SQL from the description of the container: by no code that Outhaul writes or reads with.

with upd_file(path) as database:
    add(database, "datasets", "d1", "Street", "idah-image", {"Status": "completed"})
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from tests.blocks.samples import picture_bytes

TABLES = {
    "metadata": "key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL",
    "datasets": "id VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, modality VARCHAR NOT NULL, "
    "metadata VARCHAR DEFAULT '{}'",
    "medias": "id VARCHAR NOT NULL, key VARCHAR NOT NULL, blob_data BLOB, media_type VARCHAR, "
    "metadata VARCHAR DEFAULT '{}', PRIMARY KEY (id, key)",
    "entries": "id VARCHAR PRIMARY KEY, dataset_id VARCHAR NOT NULL REFERENCES datasets (id), "
    "media_url VARCHAR NOT NULL, metadata VARCHAR DEFAULT '{}'",
    "annotations": "id VARCHAR PRIMARY KEY, entry_id VARCHAR NOT NULL REFERENCES entries (id), "
    "shape_type VARCHAR NOT NULL, shape_args VARCHAR NOT NULL, category VARCHAR NOT NULL, "
    "properties VARCHAR NOT NULL DEFAULT '{}', metadata VARCHAR DEFAULT '{}'",
}
OLD_ANNOTATIONS = (
    "id VARCHAR PRIMARY KEY, entry_id VARCHAR NOT NULL REFERENCES entries (id), shape_type VARCHAR NOT NULL, "
    "shape_args VARCHAR NOT NULL, annotation VARCHAR NOT NULL, metadata VARCHAR DEFAULT '{}'"
)
"""Of schemas before 1.1."""
HEAD = {"Schema-Type": "Universal Portable Dataset", "Schema-Version": "1.1", "Schema-Flavor": "None"}
OLD_HEAD = {**HEAD, "Schema-Version": "1.0"}


@contextlib.contextmanager
def upd_file(
    path: Path, tables: Mapping[str, str] | None = None, head: Mapping[str, Any] | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A new file with its tables and the rows that must be there; it is whole when the block ends."""
    database = duckdb.connect()
    try:
        place = str(path).replace("'", "''")
        database.execute(f"ATTACH '{place}' AS made (STORAGE_VERSION 'v1.0.0')")
        database.execute("USE made")
        for name, columns in (TABLES if tables is None else tables).items():
            database.execute(f'CREATE TABLE "{name}" ({columns})')
        for key, value in (HEAD if head is None else head).items():
            add(database, "metadata", key, json.dumps(value))
        yield database
        database.execute("USE memory")
        database.execute("DETACH made")
    finally:
        database.close()


def add(database: duckdb.DuckDBPyConnection, table: str, *values: Any) -> None:
    """A row: its columns in their order, dicts and lists as JSON."""
    texts = [json.dumps(value) if isinstance(value, dict | list) else value for value in values]
    database.execute(f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(texts))})', texts)


# -- what a platform's own exporter leaves behind ---------------------------------------------------------------------

WIDTH, HEIGHT = 64, 48
CORNERS = [[0.125, 0.25], [0.375, 0.25], [0.375, 0.5], [0.125, 0.5]]
LABELS = {
    "idah-image:bounding-box": {"values": [{"id": "vehicles/car", "label": "Car", "color": "#ff0000"}], "order": 1},
    "idah-image:polygon": {"values": [{"id": "person", "label": "Person"}], "order": 0},
    "category_field": "category",
}
SHAPES: tuple[dict[str, Any], ...] = (
    {"type": "idah-image:bounding-box", "points": CORNERS, "angle": 0},
    {"type": "idah-image:bounding-box", "points": CORNERS, "angle": 0.5},
    {"type": "idah-image:polygon", "points": CORNERS[:3]},
    {"type": "idah-image:line", "points": CORNERS[:2]},
    {"type": "idah-image:circle", "points": CORNERS[:1], "radius": 0.25},
    {"type": "idah-image:ellipse", "points": CORNERS[:2], "angle": 0.25},
    {"type": "idah-image:mask", "points": [], "tile-0x0": {"rle": "BQM="}},
    {"type": "entry:root"},
)
ATTRIBUTES = {"occluded": False, "tags": ["night", "d'été"]}
WHEN, WRITTEN = "2026-01-14 10:23:18 +0000", "2026-01-14T10:23:18Z"
"""A time as the platform says it, and as it stands in the file."""


@dataclass(frozen=True)
class Archive:
    """A file, and the truth about what is in it."""

    path: Path
    pictures: dict[str, bytes]
    records: dict[str, dict[str, Any]]


def archived(path: Path, *, is_old: bool = False) -> Archive:
    """Two datasets as the platform's own exporter writes them, of schema 1.1 or of an older one.

    The first has an entry with an annotation of each shape, one with one, one without, and one without a media; the
    second has one entry. Nothing tells the size of a picture.
    """
    tables = {**TABLES, "annotations": OLD_ANNOTATIONS} if is_old else TABLES
    pictures: dict[str, bytes] = {}
    records: dict[str, dict[str, Any]] = {}
    with upd_file(path, tables, OLD_HEAD if is_old else HEAD) as database:
        add(database, "datasets", "d1", "Street", "idah-image", {"Labeling-Configuration": LABELS, "Labels": ["a"]})
        add(database, "datasets", "d2", "Harbour", "idah-image", {"Labeling-Configuration": {}})
        for number, (dataset_id, shapes) in enumerate(
            [("d1", SHAPES), ("d1", SHAPES[:1]), ("d1", ()), ("d2", SHAPES[2:3])]
        ):
            entry_id, resource = f"e{number}", f"4c2052a1475842e{number}.png"
            pictures[entry_id] = picture_bytes(number, (WIDTH, HEIGHT))
            status = "errored" if number == 1 else "completed"
            attributes = {
                "name": f"cam {number}.png",
                "priority": number,
                "wf_step": "done",
                "status": status,
                "resource": resource,
            }
            _add_entry(database, dataset_id, entry_id, attributes, records)
            add(database, "medias", resource, "", pictures[entry_id], "image/png", {})
            add(database, "medias", resource, "thumbnail.webp", b"small", "image/webp", {})
            for order, dimensions in enumerate(shapes):
                _add_annotation(
                    database, dataset_id, entry_id, f"{entry_id}-a{order}", dimensions, records, is_old=is_old
                )
        attributes = {"name": "waiting.png", "status": "processing", "resource": None}
        _add_entry(database, "d1", "e9", attributes, records)
    return Archive(path, pictures, records)


def _add_entry(
    database: duckdb.DuckDBPyConnection, dataset_id: str, id_: str, attributes: dict[str, Any], records: dict[str, Any]
) -> None:
    resource = attributes["resource"]
    metadata = {key.title().replace("_", "-"): value for key, value in attributes.items()}
    add(
        database,
        "entries",
        id_,
        dataset_id,
        f"local:{resource}" if resource else "",
        {**metadata, "Created-At": WRITTEN},
    )
    records[id_] = {
        "type": "dataset:entries",
        "id": id_,
        "attributes": {"dataset_id": dataset_id, **attributes, "created_at": WHEN},
    }


def _add_annotation(
    database: duckdb.DuckDBPyConnection,
    dataset_id: str,
    entry_id: str,
    id_: str,
    dimensions: dict[str, Any],
    records: dict[str, Any],
    *,
    is_old: bool,
) -> None:
    kind, arguments = dimensions["type"], {key: value for key, value in dimensions.items() if key != "type"}
    label = {"category": "vehicles/car", "attributes": ATTRIBUTES}
    own = {"Group-Id": "g1", "Confidence": 0.75}
    metadata = {**own, "Created-By": "ann@example.org", "Created-At": WRITTEN, "Updated-At": WRITTEN}
    labelled = [label] if is_old else [label["category"], label["attributes"]]
    add(database, "annotations", id_, entry_id, kind, arguments, *labelled, metadata)
    records[id_] = {
        "type": "dataset:annotations",
        "id": id_,
        "attributes": {
            "dataset_id": dataset_id,
            "entry_id": entry_id,
            "dimensions": dimensions,
            "annotation": label,
            "metadata": {"group_id": "g1", "confidence": 0.75},
            "created_by_email": "ann@example.org",
            "created_at": WHEN,
            "updated_at": WHEN,
        },
        "relationships": {
            "dataset": {"data": {"type": "dataset:datasets", "id": dataset_id}},
            "entry": {"data": {"type": "dataset:entries", "id": entry_id}},
        },
    }


def forget_media(path: Path, id_: str, key: str) -> None:
    """Take the bytes of a media out of a file."""
    with contextlib.closing(duckdb.connect(str(path))) as database:
        database.execute("UPDATE medias SET blob_data = NULL WHERE id = ? AND key = ?", [id_, key])
