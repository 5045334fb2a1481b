"""`--where` for UPD files: by what an entry's row says of it, compared as text."""

from __future__ import annotations

from collections.abc import Sequence

from blocks.source import Where
from blocks.upd_rows import Row
from blocks.values import identifier
from exporters.errors import RequestError
from exporters.upd.model_form import NAME

COLUMNS = {
    "wf_step": "Wf-Step",
    "priority": "Priority",
    "resource": "Resource",
    "assigned_to_id": "Assigned-To-Id",
    "submitted_by_id": "Submitted-By-Id",
    "reviewed_by_id": "Reviewed-By-Id",
}
"""Filters that are a key of the metadata."""
_PLAIN = ("id", "name", "status", "split", *COLUMNS)
NAMES = (*_PLAIN, *(f"{name}__in" for name in _PLAIN), "name__match")


def check_values(where: Where) -> None:
    """Raise RequestError for a filter that is given more values than it takes."""
    for name, values in where.items():
        if name == "name__match" and len(values) > 1:
            raise RequestError(f"The filter {name} takes one value, not {len(values)}; give it once.")


def fits(row: Row, where: Where) -> bool:
    """Whether an entry was asked for; one that says nothing of what a filter asks does not fit."""
    return all(_fits(row, *name.partition("__")[::2], values) for name, values in where.items())


def _fits(row: Row, column: str, operator: str, values: Sequence[str]) -> bool:
    found = _value(row, column)
    if found is None:
        return False
    if operator == "match":
        return all(value.casefold() in found.casefold() for value in values)
    return found in values


def _value(row: Row, column: str) -> str | None:
    match column:
        case "id":
            return row.true_id
        case "name":
            return row.text(NAME if row.is_ours else "Name")
        case "split":
            return row.text("Outhaul-Split")
        case "status" if row.is_ours:  # the record model's word for it
            return row.text("Outhaul-State") or "completed"
    return identifier(row.value(COLUMNS.get(column, "Status")))
