"""Rows of the tables of a UPD file, as their columns have them; `blocks.upd_records` makes records of them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec
from msgspec import Raw

from blocks.values import mapping, text
from exporters.errors import RequestError, quoted
from exporters.foreign_json import UNREADABLE
from exporters.model import compact
from exporters.upd.model_form import NAME
from exporters.upd.schema import ID, LOCAL, MEDIAS, RECORD

KEY = "Outhaul-Key"
"""The key of a media, where the column cannot have it."""
_NESTED = {"annotation": "category"}
"""What a value is that stands in a column alone, where that is not the column's name."""

Notes = Mapping[str, Raw]
"""The metadata of a row, by key."""
decode_notes = msgspec.json.Decoder(dict[str, Raw]).decode


class Row(NamedTuple):
    """What all rows have."""

    kind: str
    id: str
    file: str
    notes: Notes

    @property
    def shown(self) -> str:
        """It, in a message."""
        return f"{self.kind} {quoted(self.id[:64])} in {self.file}"

    @property
    def is_ours(self) -> bool:
        """Whether it is in the record model's words."""
        return NAME in self.notes

    @property
    def has_record(self) -> bool:
        return RECORD in self.notes

    @property
    def true_id(self) -> str:
        """The id that was too long for its column, or met another there."""
        return self.text(ID) or self.id

    def text(self, key: str) -> str | None:
        return text(self.value(key))

    def value(self, key: str) -> Any:
        return msgspec.json.decode(self.notes[key]) if key in self.notes else None


def row(kind: str, id_: Any, metadata: Any, file: str) -> Row:
    """A row with its metadata read.

    Raises:
        RequestError: that is no JSON object.
    """
    try:
        return Row(kind, str(id_), file, decode_notes(metadata or "{}"))
    except UNREADABLE:
        shown = Row(kind, str(id_), file, {}).shown
        raise RequestError(f"The metadata of {shown} is no JSON object; repair the file.") from None


def declares_categories(one: Row) -> bool:
    """Whether it is said which categories there are; otherwise they are those that annotations have."""
    return one.is_ours or one.has_record or "Labeling-Configuration" in one.notes


class MediaRow(NamedTuple):
    row: Row
    key: str
    mime_type: str | None

    @property
    def true_key(self) -> str:
        return found if (found := self.row.text(KEY)) is not None else self.key


class LabelledRow(NamedTuple):
    """An annotation; `label` is what the column of older schemas has, in which the class is nested."""

    row: Row
    shape_type: str
    shape_args: str
    category: str
    properties: str
    label: str | None
    metadata: str


class EntryRow(NamedTuple):
    """An entry. Its medias are the rows of an id in `medias`, or what `media_url` links to, or both."""

    row: Row
    media_url: str

    @property
    def link(self) -> str:
        """The web address of its original, where that is not in the file."""
        return self.media_url if not self.media_url.startswith(LOCAL) else ""

    @property
    def resources(self) -> tuple[str, ...]:
        """The ids that its medias may have: some tools write `local://`."""
        if self.media_url.startswith(LOCAL):
            found = self.media_url.removeprefix(LOCAL)
            return (found, found.removeprefix("//")) if found.startswith("//") else (found,)
        resource = self.row.text("Resource")
        return (resource,) if resource else ()

    @property
    def media_keys(self) -> list[str] | None:
        """The keys of its medias in their order; None: all that have its id, in the order of their keys."""
        keys = self.row.value(MEDIAS)
        return [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else None

    @property
    def name(self) -> str:
        """Its name; of one that another tool gave none, that of its file."""
        if self.row.is_ours:
            return self.row.text(NAME) or ""
        if self.row.has_record:
            return text(mapping(mapping(self.row.value(RECORD)).get("attributes")).get("name")) or ""
        if name := self.row.text("Name"):
            return name
        if self.link:  # which may be no address at all
            path = re.split("[?#]", self.link, maxsplit=1)[0].partition("://")[2].partition("/")[2]
            return posixpath.basename(unquote(path))
        return posixpath.basename(self.resources[-1]) if self.resources else ""


def is_link(url: str) -> bool:
    """Whether this is an address of the web, the only kind that is followed."""
    return url.lower().startswith(("http://", "https://"))


def as_object(column: str | None, name: str, row: Row) -> bytes:
    """A column as a JSON object: what is JSON of another kind becomes a member of one."""
    try:
        value = bytes(compact((column or "{}").encode()))
    except UNREADABLE:
        raise RequestError(f"The column {name} of {row.shown} is no JSON; repair the file.") from None
    return value if value.startswith(b"{") else b'{"%b":%b}' % (_NESTED.get(name, name).encode(), value)


def as_label(column: str | None, row: Row) -> bytes:
    """The label of an older schema as the platform writes one, under `category`, whatever the tool called it."""
    label = as_object(column, "annotation", row)
    members = decode_notes(label)
    if "category" not in members and "class" in members:
        return msgspec.json.encode({"category": members["class"]} | members)
    return label
