"""Rows in the words of the platform that UPD comes from (`idah`), made of its records, and its records made of rows.

    dataset      labeling_configuration, status, ... as `Labeling-Configuration`, `Status`, ...
    entry        name, wf_step, resource, ... alike; `media_url` is `local:<resource>`, or the platform's address of it
    annotation   `dimensions` without its type are `shape_args`, the type is `shape_type`, attributes are `properties`
    media        id = resource, key = key

Values are the platform's to the last digit; times are written as ISO 8601. An annotation whose record follows from its
row, as nearly all do, carries no copy of it: `rebuilt_annotation` makes it again, byte for byte.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct

from exporters.foreign_json import UNREADABLE
from exporters.model import Annotation, Dataset, Entry, Media, Recorded
from exporters.upd.naming import fitted
from exporters.upd.schema import MAX_TYPE, OURS, RECORD, as_json, document, field_name, metadata_key

UNRESERVED = frozenset((string.ascii_letters + string.digits + "-._~").encode())
"""Bytes that stand for themselves in an address."""
FIELDS = {
    "dataset": (
        "labeling_configuration", "workflow_configuration", "labels", "status", "progress", "entries_total_count",
        "entries_completed_count", "entries_in_progress_count", "created_at", "updated_at",
    ),
    "entry": (
        "name", "priority", "wf_step", "status", "resource", "assigned_to_id", "submitted_by_id", "reviewed_by_id",
        "created_at", "updated_at",
    ),
}  # fmt: skip
TIMES = ("created_at", "updated_at")
RECORD_TYPES = {
    Dataset: "dataset:datasets",
    Entry: "dataset:entries",
    Annotation: "dataset:annotations",
    Media: "media:medias",
}
FILES = "/api/v1/media/medias/files/"

_BY, _CREATED, _UPDATED = "Created-By", "Created-At", "Updated-At"
_PLATFORM_TIME = re.compile(rb'"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) \+0000"')
_ISO_TIME = re.compile(rb'"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)Z"')

Fields = Mapping[str, Raw]


class _Typed(Struct):
    type: str


class _Record(_Typed):
    attributes: dict[str, Raw]


_decode_type = msgspec.json.Decoder(_Typed).decode
_decode_record = msgspec.json.Decoder(_Record).decode
_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode


class AnnotationRow(NamedTuple):
    """An annotation as its columns have it, and the dataset it belongs to."""

    id: str
    entry_id: str
    dataset_id: str
    shape_type: str
    shape_args: str
    category: str
    properties: str
    metadata: str

    @property
    def columns(self) -> tuple[str, ...]:
        """What the table has of it."""
        return (*self[:2], *self[3:])


def is_of_platform(one: Recorded) -> bool:
    """Whether the platform sent it."""
    try:
        return _decode_type(one.raw).type == RECORD_TYPES[type(one)]
    except UNREADABLE:
        return False


def attributes_of(one: Recorded) -> Fields | None:
    """The attributes of the platform's record; None where it is not the platform that sent it."""
    try:
        record = _decode_record(one.raw)
    except UNREADABLE:
        return None
    return record.attributes if record.type == RECORD_TYPES[type(one)] else None


def modality(attributes: Fields) -> str:
    return _text(attributes.get("modality"))


def project_of(attributes: Fields) -> str | None:
    """The project of a dataset, which the records of its annotations name too."""
    return _text(attributes.get("project_id")) or None


def dataset_members(attributes: Fields) -> Iterator[tuple[str, bytes]]:
    return _renamed(attributes, FIELDS["dataset"])


def entry_members(attributes: Fields) -> Iterator[tuple[str, bytes]]:
    return _renamed(attributes, FIELDS["entry"])


def resource_of(attributes: Fields) -> str:
    """The key to an entry's files; empty where it has none."""
    return _text(attributes.get("resource"))


def media_members(attributes: Fields, media: Media) -> Iterator[tuple[str, bytes]]:
    """Width and height of the picture as it is stored: the platform's, or what its file has told."""
    meta = _object(attributes.get("meta")) or {}
    for field in ("width", "height"):
        if field in meta:
            yield metadata_key(field), bytes(meta[field])
        elif media.frame == "stored" and getattr(media, field):
            yield metadata_key(field), as_json(getattr(media, field))


def files_url(platform: str, resource: str) -> str:
    """The platform's address of an original file."""
    return f"{platform.rstrip('/')}{FILES}{_as_segment(resource)}"


def _as_segment(text: str) -> str:
    """A text as one segment of an address."""
    return "".join(chr(byte) if byte in UNRESERVED else f"%{byte:02X}" for byte in text.encode())


def annotation_row(
    annotation: Annotation, attributes: Fields, entry: Entry, project_id: str | None
) -> tuple[AnnotationRow, list[tuple[str, bytes]]]:
    """The row, its metadata still without what is ours, and of that the record where the row does not say it all."""
    dimensions = dict(_object(attributes.get("dimensions")) or {})
    shape_type = _text(dimensions.pop("type", None))
    label = _object(attributes.get("annotation")) or {}
    members = [*_own_members(attributes), *_standard_members(attributes)]
    row = AnnotationRow(
        id=annotation.id,
        entry_id=entry.id,
        dataset_id=entry.dataset_id,
        shape_type=shape_type,
        shape_args=_joined(dimensions),
        category=annotation.category_id or "",
        properties=_properties(label, annotation),
        metadata=document(members),
    )
    if rebuilt_annotation(row, project_id) != bytes(annotation.raw):
        members.append((RECORD, bytes(annotation.raw)))
    return row._replace(shape_type=fitted(shape_type, MAX_TYPE)), members


def rebuilt_annotation(row: AnnotationRow, project_id: str | None) -> bytes:
    """The platform's record of an annotation, from its row alone.

    Args:
        row: as it is in the file, with the ids that the platform knows.
        project_id: what its dataset belongs to; left out where that is not known.
    """
    metadata = _decode_object(row.metadata)
    if RECORD in metadata:
        return bytes(metadata[RECORD])
    own = [
        (field_name(key), bytes(value))
        for key, value in metadata.items()
        if key not in (_BY, _CREATED, _UPDATED) and not key.startswith(OURS)
    ]
    related = {"project": project_id, "dataset": row.dataset_id, "entry": row.entry_id}
    ids = {name: as_json(id_) for name, id_ in related.items() if id_ is not None}
    shape = row.shape_args[1:] if row.shape_args == "{}" else f",{row.shape_args[1:]}"
    attributes = [(f"{name}_id", id_) for name, id_ in ids.items()]
    attributes += [
        ("dimensions", b'{"type":%b%b' % (as_json(row.shape_type), shape.encode())),
        ("annotation", b'{"category":%b,"attributes":%b}' % (as_json(row.category), row.properties.encode())),
        ("metadata", document(own).encode() if own else b"null"),
        ("created_by_email", bytes(metadata.get(_BY, b"null"))),
        ("created_at", _platform_time(bytes(metadata.get(_CREATED, b"null")))),
        ("updated_at", _platform_time(bytes(metadata.get(_UPDATED, b"null")))),
    ]
    links = [
        (name, b'{"data":{"type":"dataset:%bs","id":%b}}' % (name.replace("entry", "entrie").encode(), id_))
        for name, id_ in ids.items()
    ]
    return b'{"type":"dataset:annotations","id":%b,"attributes":%b,"relationships":%b}' % (
        as_json(row.id),
        document(attributes).encode(),
        document(links).encode(),
    )


def _own_members(attributes: Fields) -> Iterator[tuple[str, bytes]]:
    """The annotation's own metadata, but for what would take a name that means something else here."""
    taken = {_BY, _CREATED, _UPDATED}
    for field, value in (_object(attributes.get("metadata")) or {}).items():
        key = metadata_key(field)
        if key not in taken and not key.startswith(OURS):
            taken.add(key)
            yield key, bytes(value)


def _standard_members(attributes: Fields) -> Iterator[tuple[str, bytes]]:
    if "created_by_email" in attributes:
        yield _BY, bytes(attributes["created_by_email"])
    yield from _renamed(attributes, TIMES)


def _renamed(attributes: Fields, fields: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    for field in fields:
        if field in attributes:
            value = bytes(attributes[field])
            yield metadata_key(field), _iso_time(value) if field in TIMES else value


def _properties(label: Fields, annotation: Annotation) -> str:
    attributes = label.get("attributes")
    if "properties" not in label and attributes is not None and bytes(attributes).startswith(b"{"):
        return bytes(attributes).decode()
    return as_json(annotation.attributes).decode()


def _joined(members: Fields) -> str:
    return document((name, bytes(value)) for name, value in members.items())


def _object(value: Raw | None) -> Fields | None:
    return _decode_object(value) if value is not None and bytes(value).startswith(b"{") else None


def _text(value: Raw | None) -> str:
    return _decode_text(value) if value is not None and bytes(value).startswith(b'"') else ""


def _iso_time(value: bytes) -> bytes:
    return b'"%bT%bZ"' % match.groups() if (match := _PLATFORM_TIME.fullmatch(value)) else value


def _platform_time(value: bytes) -> bytes:
    return b'"%b %b +0000"' % match.groups() if (match := _ISO_TIME.fullmatch(value)) else value
