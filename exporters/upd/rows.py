"""Datasets and entries as rows of the tables: which form each gets, and ids that are unlike all others of their table.

An entry is written in the platform's words when the platform sent it whole, with all annotations and medias; otherwise,
whole again, in those of the record model. Nothing of it is lost either way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from exporters.model import Dataset, Entry
from exporters.upd import model_form, platform
from exporters.upd.naming import fitted
from exporters.upd.schema import ID, LOCAL, MAX_ID, MAX_KEY, MAX_NAME, MAX_TYPE, MEDIAS, OURS, as_json, document

Members = list[tuple[str, bytes]]

ToldApart = Mapping[str, int]
"""The tables in which ids have met: 1, told apart by what they belong to; 2, met again, and told apart by order."""
NOT_TOLD_APART: ToldApart = MappingProxyType({})
MAX_TOLD_APART = 2


class DatasetRow(NamedTuple):
    id: str
    name: str
    modality: str
    metadata: str


class EntryRow(NamedTuple):
    id: str
    dataset_id: str
    media_url: str
    metadata: str


class MediaRow(NamedTuple):
    """Without the bytes."""

    id: str
    key: str
    media_type: str | None
    metadata: str


def dataset_row(dataset: Dataset) -> DatasetRow:
    attributes = platform.attributes_of(dataset)
    if attributes is None:
        modality, members = model_form.modality(dataset), model_form.model_members(dataset)
        if len(modality) > MAX_TYPE:
            members.append((f"{OURS}Modality", as_json(dataset.modality)))
    else:
        modality = platform.modality(attributes)
        members = [*platform.dataset_members(attributes), *model_form.extra_members(dataset)]
        members += model_form.record_members(dataset)
    id_, name = _dataset_id(dataset.id), fitted(dataset.name, MAX_NAME)
    if attributes is not None and name != dataset.name:
        members.insert(0, ("Name", as_json(dataset.name)))
    return DatasetRow(id_, name, fitted(modality, MAX_TYPE), _metadata(members, dataset.id, id_))


class EntryRows:
    """An entry as rows."""

    def __init__(self, entry: Entry, position: int = 0, told_apart: ToldApart = NOT_TOLD_APART) -> None:
        """`position` counts the entries of the export."""
        self._entry = entry
        self._position = position
        self._told_apart = told_apart
        self._attributes = _attributes(entry)
        self._media = entry.original or next(iter(entry.medias), None)
        """What the entry is about."""
        self._id = fitted(entry.id, MAX_ID, *self._scope("entries", entry.dataset_id), least=1)

    @property
    def is_of_platform(self) -> bool:
        return self._attributes is not None

    def entry(self, embedded: Collection[str], platform_url: str) -> EntryRow:
        """The row.

        Args:
            embedded: ids of those medias whose bytes are in the file.
            platform_url: where the others are to be had; empty when that is not known.
        """
        entry = self._entry
        if self._attributes is None:
            members = model_form.model_members(entry)
        else:
            members = [*platform.entry_members(self._attributes), *model_form.extra_members(entry)]
            members += model_form.record_members(entry)
        keys = list(self._keys())
        if keys != sorted(keys):
            members.append((MEDIAS, as_json(keys)))
        url = self._url(is_inside=self._media is not None and self._media.id in embedded, platform_url=platform_url)
        return EntryRow(self._id, _dataset_id(entry.dataset_id), url, _metadata(members, entry.id, self._id))

    def annotations(self, project_id: str | None) -> Iterator[platform.AnnotationRow]:
        """The rows of its annotations, in their order; `project_id` is what their records name."""
        entry, met = self._entry, Counter[str]()
        for annotation in entry.annotations:
            attributes = platform.attributes_of(annotation) if self.is_of_platform else None
            if attributes is None:
                row, members = model_form.annotation_row(annotation, entry)
            else:
                row, members = platform.annotation_row(annotation, attributes, entry, project_id)
                members += model_form.extra_members(annotation)
            scope = self._scope("annotations", entry.dataset_id, entry.id, met[annotation.id])
            met[annotation.id] += 1
            id_ = fitted(annotation.id, MAX_ID, *scope, least=1)
            yield row._replace(id=id_, entry_id=self._id, metadata=_metadata(members, annotation.id, id_))

    def medias(self) -> Iterator[tuple[MediaRow, Members]]:
        """The rows of its medias, in their order, and their metadata by members: the digest of the bytes joins them."""
        id_ = self._media_id()
        for media, key in zip(self._entry.medias, self._keys(), strict=True):
            mime_type = media.mime_type if media.mime_type and len(media.mime_type) <= MAX_TYPE else None
            attributes = platform.attributes_of(media) if self.is_of_platform else None
            if attributes is None:
                members = model_form.model_members(media)
                if media.mime_type and mime_type is None:
                    members.append((f"{OURS}Mime-Type", as_json(media.mime_type)))
                if media.id != id_:
                    members.append((ID, as_json(media.id)))
            else:
                members = [*platform.media_members(attributes, media), *model_form.record_members(media)]
            if key != media.key:
                members.append((f"{OURS}Key", as_json(media.key)))
            yield MediaRow(id_, key, mime_type, "{}"), members

    def _keys(self) -> Iterator[str]:
        """The keys of its medias, those that a source gave twice told apart."""
        met = Counter[str]()
        for media in self._entry.medias:
            yield fitted(media.key, MAX_KEY, *([met[media.key]] if met[media.key] else []))
            met[media.key] += 1

    def _media_id(self) -> str:
        """What all its medias have in common; empty where it has none."""
        if self._media is None:
            return ""
        name = platform.resource_of(self._attributes) if self._attributes is not None else self._media.id
        return fitted(name, MAX_ID, *self._scope("medias", self._entry.dataset_id, self._entry.id), least=1)

    def _scope(self, table: str, *belongs_to: str | int) -> tuple[str | int, ...]:
        """What tells ids of this table apart."""
        level = self._told_apart.get(table, 0)
        return ((), belongs_to, (*belongs_to, self._position))[level]

    def _url(self, *, is_inside: bool, platform_url: str) -> str:
        id_ = self._media_id()
        resource = platform.resource_of(self._attributes) if self._attributes is not None else ""
        if resource and platform_url and not is_inside and id_ in ("", resource):
            return platform.files_url(platform_url, resource)
        return LOCAL + id_ if id_ else ""


def project_of(dataset: Dataset) -> str | None:
    """What the platform's records of annotations name beside the dataset; None for other sources."""
    attributes = platform.attributes_of(dataset)
    return None if attributes is None else platform.project_of(attributes)


def _attributes(entry: Entry) -> platform.Fields | None:
    """The entry's attributes on the platform; None unless the platform sent all that belongs to it."""
    if not all(map(platform.is_of_platform, (*entry.annotations, *entry.medias))):
        return None
    return platform.attributes_of(entry)


def _dataset_id(dataset_id: str) -> str:
    return fitted(dataset_id, MAX_ID, least=1)


def _metadata(members: Members, id_: str, column: str) -> str:
    return document(members if id_ == column else [*members, (ID, as_json(id_))])
