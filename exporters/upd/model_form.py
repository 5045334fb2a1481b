"""Rows in the words of the record model, for sources that are not the platform UPD comes from.

    dataset      modality `outhaul-image`
    entry        `media_url` is `local:<id of its media>`, also where the bytes are not taken along
    annotation   `shape_type` is `outhaul:box`, `shape_args` the shape as `exporters.model` writes it, without its type
    media        all medias of an entry have the id of its original, and differ in key

Of a row's metadata, `Outhaul-<Field>` is the model's field of that name, left out where it has its default; fields with
a column or a word of UPD's own (`Created-At`, `Width`) stand there. So every entry can be read back as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from exporters.model import EMPTY, Annotation, Dataset, Entry, Media, Recorded, shape_name
from exporters.upd.platform import AnnotationRow
from exporters.upd.schema import OURS, RECORD, as_json, metadata_key

MODALITY = "outhaul-"
SHAPE = "outhaul:"
NAME = "Outhaul-Name"
"""In the metadata of every row of this form, and of no other; but for annotations, which are told by their type."""

_STANDARD = ("created_by", "created_at", "updated_at", "width", "height")
"""Fields that UPD itself, or its platform, has a key for."""
_PLACED: dict[type[Struct], tuple[str, ...]] = {
    Dataset: ("id", "modality"),
    Entry: ("id", "dataset_id", "medias", "annotations"),
    Annotation: ("id", "shape", "category_id", "attributes"),
    Media: ("id", "key", "version", "mime_type"),
}
"""Fields that have a column. The version of a media is the digest of its bytes."""

PLATFORM_EXTRAS: dict[type[Struct], tuple[str, ...]] = {
    Dataset: ("split", "attributes"),
    Entry: ("number", "split", "attributes"),
    Annotation: ("number", "box", "area", "is_crowd", "stage"),
    Media: (),
}
"""Fields that no record of the platform says anything of; options of an earlier export may have set them."""

Members = list[tuple[str, bytes]]


def _defaults(kind: type[Struct]) -> dict[str, Any]:
    """Of each field but the record; NODEFAULT where it has to be given."""
    found = {field.name: field for field in fields(kind) if field.name != "raw"}
    made = {name: field.default_factory for name, field in found.items() if field.default_factory is not NODEFAULT}
    return {name: made[name]() if name in made else field.default for name, field in found.items()}


_DEFAULTS = {kind: _defaults(kind) for kind in _PLACED}


def modality(dataset: Dataset) -> str:
    return MODALITY + dataset.modality


def model_members(one: Dataset | Entry | Annotation | Media) -> Members:
    """All that no column has."""
    placed = _PLACED[type(one)]
    return [*_members(one, [name for name in _DEFAULTS[type(one)] if name not in placed]), *record_members(one)]


def record_members(one: Recorded) -> Members:
    """The record as the source sent it, where it sent one."""
    return [(RECORD, bytes(one.raw))] if one.raw != EMPTY else []


def extra_members(one: Dataset | Entry | Annotation | Media) -> Members:
    """Of what the platform sent, what its record does not say."""
    return list(_members(one, PLATFORM_EXTRAS[type(one)]))


def _members(one: Struct, names: tuple[str, ...] | list[str]) -> Iterator[tuple[str, bytes]]:
    defaults = _DEFAULTS[type(one)]
    for name in names:
        value = getattr(one, name)
        if value != defaults[name]:
            key = metadata_key(name)
            yield key if name in _STANDARD else OURS + key, as_json(value)


def annotation_row(annotation: Annotation, entry: Entry) -> tuple[AnnotationRow, Members]:
    """The row, its metadata still empty, and the members of that."""
    shape = as_json(annotation.shape).decode()
    name = shape_name(annotation.shape)
    arguments = shape.removeprefix(f'{{"type":"{name}"').removeprefix(",")
    members = model_members(annotation)
    if annotation.category_id == "":  # no category at all is written as an empty one
        members.append(("Outhaul-Category-Id", b'""'))
    row = AnnotationRow(
        id=annotation.id,
        entry_id=entry.id,
        dataset_id=entry.dataset_id,
        shape_type=SHAPE + name,
        shape_args="{" + arguments,
        category=annotation.category_id or "",
        properties=as_json(annotation.attributes).decode(),
        metadata="{}",
    )
    return row, members
