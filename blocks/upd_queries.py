"""What is asked of the database in a UPD file. Nothing of a file or a request is ever part of a query's text.

Ids may be of any type: tools store UUIDs as such. `rowid` counts rows as they were written.
"""

from __future__ import annotations

DATASETS = """
    SELECT id::VARCHAR, name::VARCHAR, modality::VARCHAR, metadata::VARCHAR,
        (SELECT count(*) FROM upd.main.entries AS entry WHERE entry.dataset_id::VARCHAR = dataset.id::VARCHAR)
    FROM upd.main.datasets AS dataset ORDER BY dataset.rowid
"""
LISTING = "SELECT rowid, id::VARCHAR FROM upd.main.entries WHERE dataset_id::VARCHAR = ? ORDER BY rowid"
ENTRIES = """
    SELECT rowid, id::VARCHAR, media_url::VARCHAR, metadata::VARCHAR FROM upd.main.entries
    WHERE rowid IN (SELECT unnest(?::BIGINT[]))
"""
MEDIAS = """
    SELECT position, media.id::VARCHAR, key::VARCHAR, media_type::VARCHAR, metadata::VARCHAR
    FROM upd.main.medias AS media
    JOIN (SELECT unnest(?::VARCHAR[]) AS id, unnest(?::BIGINT[]) AS position) AS wanted
        ON media.id::VARCHAR = wanted.id {chosen}
    ORDER BY position, key
"""
ORIGINALS = """
    QUALIFY key = '' OR contains(coalesce(metadata::VARCHAR, ''), '"Outhaul-Key"')
        OR count(*) OVER (PARTITION BY position, media.id) = 1
"""
"""Those without a key, those whose key may be another than the column's, and those of tools that give a key to all."""
ANNOTATIONS = """
    SELECT position, annotation.id::VARCHAR, shape_type::VARCHAR, shape_args::VARCHAR, {label}, metadata::VARCHAR
    FROM upd.main.annotations AS annotation
    JOIN (SELECT unnest(?::VARCHAR[]) AS id, unnest(?::BIGINT[]) AS position) AS wanted
        ON annotation.entry_id::VARCHAR = wanted.id
    ORDER BY position, annotation.rowid
"""
CATEGORIES = """
    SELECT {label}::VARCHAR AS label, min(annotation.rowid) AS first
    FROM upd.main.annotations AS annotation
    JOIN upd.main.entries AS entry ON annotation.entry_id::VARCHAR = entry.id::VARCHAR
    WHERE entry.dataset_id::VARCHAR = ? GROUP BY label ORDER BY first
"""
BLOB = 'SELECT blob_data AS "blob" FROM upd.main.medias WHERE id::VARCHAR = ? AND key::VARCHAR = ?'
PART = 'SELECT array_slice(blob_data, ?, ?) AS "blob" FROM upd.main.medias WHERE id::VARCHAR = ? AND key::VARCHAR = ?'
STRAY = {
    "entries that belong to no dataset": (
        "SELECT count(*) FROM upd.main.entries AS entry ANTI JOIN upd.main.datasets AS dataset "
        "ON entry.dataset_id::VARCHAR = dataset.id::VARCHAR"
    ),
    "annotations that belong to no entry": (
        "SELECT count(*) FROM upd.main.annotations AS annotation ANTI JOIN upd.main.entries AS entry "
        "ON annotation.entry_id::VARCHAR = entry.id::VARCHAR"
    ),
    "entries with the id of another": "SELECT count(*) - count(DISTINCT id) FROM upd.main.entries",
}


def label(*, is_old: bool) -> str:
    """The columns with an annotation's class: category, properties, and the older one that both are inside of."""
    return "'', '{}', annotation::VARCHAR" if is_old else "category::VARCHAR, properties::VARCHAR, NULL"
