"""Rows of a UPD file turned into the record model. Pure functions.

A row is in one of three forms, and each goes the way that its record would go anywhere else:

    Outhaul's own        `Outhaul-Name` in the metadata, a shape type `outhaul:...`: the record model's fields
    the platform's       its record under `Outhaul-Record`, or made again from what the row has, through
                         `blocks.idah_records`, so that a platform and its file give the same entries
    another tool's       the same, as far as its words are the platform's; a shape of its own becomes `Unknown` under
                         the tool's word for it, and the annotation's record keeps all of it
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import fields, replace

from blocks import idah_records
from blocks.idah_client import Resource
from blocks.idah_points import Size
from blocks.upd_rows import EntryRow, LabelledRow, MediaRow, Notes, Row, as_label, as_object, decode_notes
from blocks.values import identifier, mapping, text
from exporters.errors import RequestError
from exporters.foreign_json import UNREADABLE
from exporters.model import EMPTY, Annotation, Dataset, Entry, Media, Recorded, Shape, Unknown, compact
from exporters.upd.model_form import MODALITY, SHAPE
from exporters.upd.platform import RECORD_TYPES, AnnotationRow, rebuilt_annotation
from exporters.upd.schema import OURS, RECORD, field_name, metadata_key

SHA256 = "SHA256"
DIGEST = "sha256:"
"""Begins the version of a media whose digest the file tells."""

_PLACED: dict[type[Struct], tuple[str, ...]] = {
    Dataset: ("id", "raw", "entries_count"),
    Entry: ("id", "dataset_id", "medias", "annotations", "raw"),
    Annotation: ("id", "shape", "raw"),
    Media: ("id", "key", "ref", "version", "raw"),
}
"""Fields that no metadata changes: they are told by columns, or by the source itself."""
_FIELDS = {
    kind: {
        f"{OURS}{metadata_key(field.name)}": (field.name, field.type)
        for field in fields(kind)
        if field.name not in placed
    }
    for kind, placed in _PLACED.items()
}
_ISO_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)Z", re.ASCII)

S = TypeVar("S", Dataset, Entry, Annotation, Media)

_decode_shape = msgspec.json.Decoder(Shape).decode


# -- datasets ---------------------------------------------------------------------------------------------------------


def to_dataset(one: Row, name: str, modality: str, entries_count: int) -> Dataset:
    if one.is_ours:
        made = Dataset(
            id=one.true_id,
            name=name,
            modality=modality.removeprefix(MODALITY),
            entries_count=entries_count,
            raw=_record(one) or EMPTY,
        )
        return _noted(made, one)
    attributes = {"name": name, "modality": modality} | _attributes(one.notes)
    found = idah_records.to_dataset(_resource(one, Dataset, attributes))
    return _noted(replace(found, id=one.true_id, entries_count=entries_count), one)


class Belongs(NamedTuple):
    """What a row belongs to, by the record model's ids; the project is the platform's.

    `is_ours`: the entry is in the record model's words, and so may its annotations be.
    """

    dataset_id: str
    project_id: str | None
    entry_id: str = ""
    is_ours: bool = False


def within(dataset: Dataset) -> Belongs:
    return Belongs(dataset.id, text(mapping(mapping(dataset.record).get("attributes")).get("project_id")))


# -- medias -----------------------------------------------------------------------------------------------------------


def to_media(one: MediaRow, ref: str, version: str, entry_name: str) -> Media:
    """A media, to be read by `ref`; `version` is that of the file, for one whose digest is not told."""
    row, key = one.row, one.true_key
    digest = row.text(SHA256)
    version = f"{DIGEST}{digest.lower()}" if digest else version
    if row.is_ours:
        media = Media(id=row.true_id, name="", ref=ref, key=key, mime_type=one.mime_type, raw=_record(row) or EMPTY)
    else:
        described = {"resource": row.id, "key": key, "mime_type": one.mime_type}
        meta = {name.lower(): row.notes[name] for name in ("Width", "Height") if name in row.notes}
        attributes = described | _attributes(row.notes, SHA256, "Width", "Height") | {"meta": meta}
        resource = _resource(row, Media, attributes, f"{row.id}/{key}" if key else row.id)
        media = replace(idah_records.to_media(resource), ref=ref, key=key)
        if not row.has_record and not media.name:
            media = replace(media, name=key or entry_name)
    width, height = media.width or _pixels(row.value("Width")), media.height or _pixels(row.value("Height"))
    return _noted(replace(media, version=version, width=width, height=height), row)


def _pixels(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


# -- annotations ------------------------------------------------------------------------------------------------------


def to_annotation(one: LabelledRow, belongs: Belongs, size: Size | None) -> Annotation:
    row = one.row
    if not (belongs.is_ours and one.shape_type.startswith(SHAPE)):
        record = _annotation_record(one, belongs)
        return _noted(replace(idah_records.to_annotation(_read(record, row.true_id), size), id=row.true_id), row)
    attributes = decode_notes(as_object(one.properties, "properties", row))
    made = Annotation(
        id=row.true_id,
        shape=_shape(one.shape_type.removeprefix(SHAPE), one.shape_args),
        category_id=one.category or None,
        attributes={name: msgspec.json.decode(value) for name, value in attributes.items()},
        created_by=row.text("Created-By"),
        created_at=row.text("Created-At"),
        updated_at=row.text("Updated-At"),
        raw=_record(row) or EMPTY,
    )
    return _noted(made, row)


def nested_category(label: str | None, dataset: Row) -> str | None:
    """The class that is inside of an older schema's column."""
    return identifier(mapping(msgspec.json.decode(as_label(label, dataset))).get("category"))


def _shape(name: str, arguments: str) -> Shape:
    try:
        members = decode_notes(arguments or "{}") | {"type": Raw(msgspec.json.encode(name))}
        found: Shape = _decode_shape(msgspec.json.encode(members))
    except UNREADABLE:
        return Unknown(f"{SHAPE}{name} that cannot be read")
    return found


def _annotation_record(one: LabelledRow, belongs: Belongs) -> Raw:
    """The platform's record of an annotation. Nothing of the row is left out of it."""
    row = one.row
    properties = one.properties if one.label is None else "{}"
    plain = AnnotationRow(
        id=row.true_id,
        entry_id=belongs.entry_id,
        dataset_id=belongs.dataset_id,
        shape_type=one.shape_type,
        shape_args=as_object(one.shape_args, "shape_args", row).decode(),
        category=one.category,
        properties=as_object(properties, "properties", row).decode(),
        metadata=one.metadata or "{}",
    )
    record = rebuilt_annotation(plain, belongs.project_id)
    if one.label is not None and not row.has_record:
        members = decode_notes(record)
        attributes = decode_notes(members["attributes"])
        attributes["annotation"] = Raw(as_label(one.label, row))
        record = msgspec.json.encode(members | {"attributes": attributes})
    return compact(record)


# -- entries ----------------------------------------------------------------------------------------------------------


def to_entry(one: EntryRow, within: Belongs, medias: Sequence[Media], annotations: Iterable[LabelledRow]) -> Entry:
    row = one.row
    if row.is_ours:
        entry = Entry(
            id=row.true_id,
            dataset_id=within.dataset_id,
            name="",
            medias=tuple(medias),
            created_at=row.text("Created-At"),
            updated_at=row.text("Updated-At"),
            raw=_record(row) or EMPTY,
        )
        entry = _noted(entry, row)
    else:
        entry = _platform_entry(one, within.dataset_id, medias)
    original = entry.original
    size = (original.width, original.height) if original and original.width and original.height else None
    belongs = within._replace(entry_id=entry.id, is_ours=row.is_ours)
    labelled = tuple(to_annotation(annotation, belongs, size) for annotation in annotations)
    if not row.is_ours and not row.has_record and "Status" not in row.notes:
        return replace(entry, annotations=labelled, state="completed" if labelled else "in_progress")
    return replace(entry, annotations=labelled)


def _platform_entry(one: EntryRow, dataset_id: str, medias: Sequence[Media]) -> Entry:
    row = one.row
    resource = one.resources[-1] if one.resources else None
    attributes = {"dataset_id": dataset_id, "resource": resource} | _attributes(row.notes)
    entry = idah_records.to_entry(_resource(row, Entry, attributes), (), medias)
    return _noted(replace(entry, id=row.true_id, dataset_id=dataset_id, name=one.name), row)


# -- all rows ---------------------------------------------------------------------------------------------------------


def _noted(one: S, row: Row) -> S:
    """With the fields that the metadata gives in the record model's own words."""
    known = _FIELDS[type(one)]
    changes = {}
    for key in row.notes.keys() & known.keys():
        name, kind = known[key]
        try:
            changes[name] = msgspec.json.decode(row.notes[key], type=kind)
        except UNREADABLE as error:
            raise RequestError(f"{key} of {row.shown} cannot be read ({error}); repair the file.") from None
    return replace(one, **changes)


def _record(row: Row) -> Raw | None:
    return compact(row.notes[RECORD]) if row.has_record else None


def _attributes(notes: Notes, *without: str) -> dict[str, Any]:
    """What a row's metadata says in the platform's words: `Wf-Step` is its `wf_step`."""
    found: dict[str, Any] = {}
    for key, value in notes.items():
        if not key.startswith(OURS) and key not in without:
            moment = key.endswith("-At") and _ISO_TIME.fullmatch(text(msgspec.json.decode(value)) or "")
            found[field_name(key)] = "{} {} +0000".format(*moment.groups()) if moment else value
    return found


def _resource(row: Row, kind: type[Recorded], attributes: Mapping[str, Any], id_: str = "") -> Resource:
    """The platform's record: as it was sent, or made again of what the row has."""
    id_ = id_ or row.true_id
    made = {"type": RECORD_TYPES[kind], "id": id_, "attributes": attributes}
    return _read(_record(row) or compact(msgspec.json.encode(made)), id_)


def _read(record: Raw, id_: str) -> Resource:
    found = mapping(msgspec.json.decode(record))
    return Resource(text(found.get("id")) or id_, mapping(found.get("attributes")), record)
