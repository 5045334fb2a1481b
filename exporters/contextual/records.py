"""Records as the platform sends them, their fields reached as attributes.

    entry.record.status   entry.record["status"]   json.dumps(entry.record)

A record of the platform has a type, an id, attributes and relationships; here all of them are fields of one mapping,
which is also its JSON form. A field that the platform documents but did not send is None, so that code written for one
version runs on another; any other unknown name raises, because a misspelt field must not export nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any, Literal

from exporters.contextual import platform_form
from exporters.model import Annotation, Dataset, Entry, Media

Kind = Literal["dataset", "entry", "annotation", "media"]

FIELDS: dict[Kind, tuple[str, ...]] = {
    "dataset": (
        "id", "type", "project_id", "name", "labels", "modality", "labeling_configuration", "workflow_configuration",
        "status", "progress", "entries_total_count", "entries_completed_count", "entries_in_progress_count",
        "created_at", "updated_at", "project",
    ),
    "entry": (
        "id", "type", "project_id", "dataset_id", "priority", "wf_step", "status", "job_id", "resource", "name",
        "assigned_to_id", "assigned_to_email", "submitted_by_id", "submitted_by_email", "reviewed_by_id",
        "reviewed_by_email", "created_at", "updated_at", "dataset", "project", "assigned_to", "submitted_by",
        "reviewed_by",
    ),
    "annotation": (
        "id", "type", "project_id", "dataset_id", "entry_id", "dimensions", "annotation", "metadata",
        "created_by_email", "created_at", "updated_at", "project", "dataset", "entry",
    ),
    "media": (
        "id", "type", "resource", "key", "filename", "size", "mime_type", "created_by", "created_role", "public",
        "meta", "created_at", "updated_at", "project_id",
    ),
}  # fmt: skip
"""What the platform documents of each kind of record, relationships included."""

ALIASES = {"shape": "dimensions"}
"""Names that the platform's documentation uses beside those it sends."""


class Record(dict[str, Any]):
    """A record of one kind. A field that has the name of a method of dict (`items`, `values`) is reached by `[]`."""

    __slots__ = ("kind",)

    def __init__(self, kind: Kind, fields: Mapping[str, Any]) -> None:
        super().__init__(fields)
        self.kind = kind

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what copy, pickle and others ask of every object
            raise AttributeError(name)
        field = self.field(name)
        if field is None:
            near = difflib.get_close_matches(name, [*FIELDS[self.kind], *self], n=1)
            advice = f"did you mean {near[0]!r}?" if near else f"it has: {', '.join(sorted(self))}."
            raise AttributeError(f"The record of this {self.kind} has no field {name!r}; {advice}")
        return self.get(field)

    def field(self, name: str) -> str | None:
        """The field that a name stands for, also one that is documented but was not sent; None when there is none."""
        if name in self:
            return name
        name = ALIASES.get(name, name)
        return name if name in self or name in FIELDS[self.kind] else None

    def to_dict(self) -> dict[str, Any]:
        """A plain dict of the fields."""
        return dict(self)


def dataset_record(dataset: Dataset) -> Record:
    return _record("dataset", dataset.record, lambda: platform_form.dataset_fields(dataset))


def entry_record(entry: Entry) -> Record:
    return _record("entry", entry.record, lambda: platform_form.entry_fields(entry))


def annotation_record(annotation: Annotation, entry: Entry) -> Record:
    return _record("annotation", annotation.record, lambda: platform_form.annotation_fields(annotation, entry))


def media_record(media: Media, entry: Entry) -> Record:
    return _record("media", media.record, lambda: platform_form.media_fields(media, entry))


def _record(kind: Kind, document: Any, otherwise: Callable[[], dict[str, Any]]) -> Record:
    """The platform's fields; of a source with another form, what the record model knows, then what the source sent."""
    attributes = document.get("attributes") if isinstance(document, dict) else None
    if not isinstance(attributes, dict):
        known = otherwise()
        sent = document.items() if isinstance(document, dict) else ()
        return Record(kind, known | {name: value for name, value in sent if name not in known})
    related = document.get("relationships")
    relationships = related if isinstance(related, dict) else {}
    own = {name: document[name] for name in ("id", "type") if name in document}
    return Record(kind, {name: _target(one) for name, one in relationships.items()} | attributes | own)


def _target(relationship: Any) -> Any:
    """What a relationship points to: type and id."""
    return relationship.get("data") if isinstance(relationship, dict) else relationship
