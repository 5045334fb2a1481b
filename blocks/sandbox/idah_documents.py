"""IDAH's JSON:API documents: attributes in wire order, relationships, and what ``included[]`` brings along."""

from collections.abc import Iterable, Sequence
from typing import Any

from blocks.sandbox.idah_query import Query
from blocks.sandbox.idah_rows import Dataset, Entry, Row
from blocks.sandbox.idah_store import IdahStore
from blocks.sandbox.idah_wire import WireError

MOST_INCLUDED_ENTRIES = 1000  # over the whole answer, without a sign that it was cut
_RELATED_TYPES = {"project": "dataset:projects", "dataset": "dataset:datasets", "entry": "dataset:entries"}
_PEOPLE = ("assigned_to", "submitted_by", "reviewed_by")


def collection(store: IdahStore, rows: Sequence[Row], meta: dict[str, Any], query: Query) -> dict[str, Any]:
    return {"data": [_record(store, row, query) for row in rows], **_included(store, rows, query), "meta": meta}


def single(store: IdahStore, row: Row, query: Query) -> dict[str, Any]:
    return {"data": _record(store, row, query), **_included(store, [row], query)}


def check_included(row_type: type[Row], query: Query, *, is_listing: bool) -> None:
    """Unknown names are a 422, but listings of resources with nothing to include ignore all of them."""
    if is_listing and not row_type.INCLUDABLE:
        return
    if unknown := set(query.included) - set(row_type.INCLUDABLE):
        raise WireError.invalid("/included", f"is not allowed: {', '.join(sorted(unknown))}")


def _record(store: IdahStore, row: Row, query: Query) -> dict[str, Any]:
    wanted = query.fields.get(row.TYPE)
    record: dict[str, Any] = {
        "type": row.TYPE,
        "id": row.id,
        "attributes": {name: getattr(row, name) for name in row.COLUMNS if wanted is None or name in wanted},
    }
    relationships: dict[str, Any] = {}
    for name in query.included:
        if name in row.INCLUDABLE and (name in _PEOPLE or name == "entries"):
            related = [_reference(other.TYPE, other.id) for other in _related(store, row, name)]
            # To one person, or to many entries.
            relationships[name] = {"data": related if name == "entries" else next(iter(related), None)}
    for name in row.RELATIONS:
        relationships[name] = {"data": _reference(_RELATED_TYPES[name], getattr(row, f"{name}_id"))}
    return {**record, "relationships": relationships} if relationships else record


def _reference(row_type: str, identifier: str) -> dict[str, str]:
    return {"type": row_type, "id": identifier}


def _included(store: IdahStore, rows: Iterable[Row], query: Query) -> dict[str, Any]:
    """Each related record once."""
    included: dict[tuple[str, str], Row] = {}
    for row in rows:
        for name in query.included:
            if name in row.INCLUDABLE:
                included |= {(other.TYPE, other.id): other for other in _related(store, row, name)}
    entries = [row for row in included.values() if isinstance(row, Entry)]
    for row in entries[MOST_INCLUDED_ENTRIES:]:
        del included[row.TYPE, row.id]
    return {"included": [_record(store, row, query) for row in included.values()]} if included else {}


def _related(store: IdahStore, row: Row, name: str) -> Sequence[Row]:
    """The sandbox keeps no ``entry_stats``: they may be asked for and bring nothing."""
    if isinstance(row, Dataset):
        return store.entries_of(row.id) if name == "entries" else [store.project]
    if not isinstance(row, Entry):
        return []
    if name in _PEOPLE:
        member = store.members.get(getattr(row, f"{name}_id"))
        return [member] if member else []
    datasets = [dataset for dataset in store.datasets if dataset.id == row.dataset_id]
    match name:
        case "dataset":
            return datasets
        case "dataset.project":
            return [*datasets, store.project]
        case _:
            return []
