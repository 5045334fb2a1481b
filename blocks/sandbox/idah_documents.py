"""IDAH's JSON:API documents: attributes in wire order, relationships, and what ``included[]`` brings along."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any

from blocks.sandbox.idah_query import Query
from blocks.sandbox.idah_rows import Dataset, Entry, Member, Row
from blocks.sandbox.idah_store import IdahStore
from blocks.sandbox.idah_sync import Export, Job
from blocks.sandbox.idah_wire import WireError

MOST_INCLUDED_ENTRIES = 1000  # over the whole answer, without a sign that it was cut
_RELATED_TYPES = {
    "project": "dataset:projects",
    "dataset": "dataset:datasets",
    "entry": "dataset:entries",
    "job": "sync:jobs",
}
_PEOPLE = ("assigned_to", "submitted_by", "reviewed_by")
_TO_MANY = ("entries", "exports")

Sees = Callable[[Any], bool] | None
_Reader = Callable[[Row], Sequence[Any]]


class Documents:
    """Of one store, for an account that sees only those entries that ``sees_entry`` admits."""

    def __init__(self, store: IdahStore, query: Query, sees_entry: Sees = None) -> None:
        self._store, self._query, self._sees_entry = store, query, sees_entry

    def collection(self, rows: Sequence[Row], meta: Mapping[str, Any]) -> dict[str, Any]:
        return {"data": [self._record(row) for row in rows], **self._included(rows), "meta": meta}

    def single(self, row: Row) -> dict[str, Any]:
        return {"data": self._record(row), **self._included([row])}

    def _record(self, row: Row) -> dict[str, Any]:
        wanted = self._query.fields.get(row.TYPE)
        names, values_of, relations_of = _reading(tuple(row.COLUMNS), row.RELATIONS)
        attributes = dict(zip(names, values_of(row), strict=True))
        if wanted is not None:
            attributes = {name: value for name, value in attributes.items() if name in wanted}
        relationships: dict[str, Any] = {}
        for name in self._query.included:
            if name in row.INCLUDABLE and name not in row.RELATIONS and "." not in name and name != "entry_stats":
                related = [_reference(other.TYPE, other.id) for other in self._related(row, name)]
                relationships[name] = {"data": related if name in _TO_MANY else next(iter(related), None)}
        for name, key in zip(row.RELATIONS, relations_of(row), strict=True):
            relationships[name] = {"data": _reference(_RELATED_TYPES[name], key)}
        record = {"type": row.TYPE, "id": row.id, "attributes": attributes}
        return {**record, "relationships": relationships} if relationships else record

    def _included(self, rows: Iterable[Row]) -> dict[str, Any]:
        """Each related record once."""
        included: dict[tuple[str, str], Row] = {}
        for row in rows:
            for name in self._query.included:
                if name in row.INCLUDABLE:
                    included |= {(other.TYPE, other.id): other for other in self._related(row, name)}
        entries = [row for row in included.values() if isinstance(row, Entry)]
        for row in entries[MOST_INCLUDED_ENTRIES:]:
            del included[row.TYPE, row.id]
        return {"included": [self._record(row) for row in included.values()]} if included else {}

    def _related(self, row: Row, name: str) -> Sequence[Row]:
        """The sandbox keeps no ``entry_stats``: they may be asked for and bring nothing."""
        store = self._store
        match row:
            case Member():
                return [store.project]
            case Export():
                return [job for job in store.jobs if job.id == row.job_id]
            case Job():
                return [export for export in store.exports if export.job_id == row.id]
            case Dataset() if name == "entries":
                return list(filter(self._sees_entry, store.entries_of(row.id)))
            case Dataset():
                return [store.project]
            case Entry() if name in _PEOPLE:
                member = store.members.get(getattr(row, f"{name}_id"))
                return [member] if member else []
            case Entry() if name.startswith("dataset"):
                datasets = [dataset for dataset in store.datasets if dataset.id == row.dataset_id]
                return [*datasets, store.project] if name == "dataset.project" else datasets
            case _:
                return []


def check_included(row_type: type[Row], query: Query, *, is_listing: bool) -> None:
    """Unknown names are a 422, but listings of resources with nothing to include ignore all of them."""
    if is_listing and not row_type.INCLUDABLE:
        return
    if unknown := set(query.included) - set(row_type.INCLUDABLE):
        raise WireError.invalid("/included", f"is not allowed: {', '.join(sorted(unknown))}")


def _reference(row_type: str, identifier: str) -> dict[str, str]:
    return {"type": row_type, "id": identifier}


@cache
def _reading(columns: tuple[str, ...], relations: tuple[str, ...]) -> tuple[tuple[str, ...], _Reader, _Reader]:
    """The names of a row's attributes, and what reads them, and the keys of its relations, all at once."""
    return columns, attrgetter(*columns), _keys(tuple(f"{name}_id" for name in relations))


def _keys(names: tuple[str, ...]) -> _Reader:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda row: [getattr(row, name) for name in names]
