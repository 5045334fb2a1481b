"""The platform's filters, with one meaning wherever they are applied.

    {"status": "completed"}                 equal; None: the field is null
    {"status": ["completed", "errored"]}    one of these, as `status__in` is
    {"priority__gte": 3}                    also __gt, __lte, __lt: numbers by value, times by the moment they mean
    {"name__match": "cam"}                  contains it, in whatever case

Annotations have `type` beside their fields: the shape, as `bounding-box`, `bounding_box` or `idah-image:bounding-box`.
Entries have `assigned` (whether anybody is) and `participated` (the account that was assigned, submitted or reviewed).

The platform itself ignores a filter that it does not know and then gives everything; here that is an error.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from exporters.contextual.records import FIELDS, Kind, Record
from exporters.errors import RequestError, unknown_name

Where = Mapping[str, Any]

ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le,
}  # fmt: skip
OPERATORS = ("eq", "in", "match", *ORDERED)
SPECIAL: dict[Kind, tuple[str, ...]] = {"entry": ("assigned", "participated")}
PARTICIPANTS = ("assigned_to_id", "submitted_by_id", "reviewed_by_id")


class HasRecord(Protocol):
    @property
    def record(self) -> Record: ...


class Filter:
    """A filter for records of one kind; an empty one lets all of them pass."""

    def __init__(self, kind: Kind, where: Where) -> None:
        """Raise RequestError for an operator that does not exist, or a value that is none of its kind."""
        if not isinstance(where, Mapping):
            raise RequestError(f"A filter is a mapping such as {{'status': 'completed'}}, not {where!r}; give one.")
        self._kind = kind
        self._tests = [(*_split(str(name)), wanted) for name, wanted in where.items()]
        for name, operation, wanted in self._tests:
            if operation in ORDERED and not isinstance(wanted, int | float | str):
                raise RequestError(
                    f"The filter {name}__{operation} compares with one number or time, not {wanted!r}; give one."
                )

    @property
    def is_empty(self) -> bool:
        return not self._tests

    def passes(self, one: HasRecord) -> bool:
        """Whether a record meets all of the filter. An empty filter does not even parse it.

        Raises:
            RequestError: the filter names a field that these records do not have.
        """
        return all(self._meets(one.record, *test) for test in self._tests)

    def _meets(self, record: Record, name: str, operation: str, wanted: Any) -> bool:
        if name == "type" and self._kind == "annotation":
            return _meets_any(operation, shape_type(record), wanted, _same_type)
        if name in SPECIAL.get(self._kind, ()):
            return _special(record, name, wanted)
        field = record.field(name)
        if field is None:
            known = {*FIELDS[self._kind], *SPECIAL.get(self._kind, ()), *record}
            raise unknown_name("filter", name, known, where=f"{self._kind} records")
        return _meets_any(operation, record.get(field), wanted, _same)


def shape_type(record: Record) -> str:
    """The platform's word for an annotation's shape; empty where it has none."""
    dimensions = record.get("dimensions")
    return str(dimensions.get("type") or "") if isinstance(dimensions, Mapping) else ""


def _split(name: str) -> tuple[str, str]:
    field, mark, operation = name.rpartition("__")
    if not mark:
        return name, "eq"
    if operation not in OPERATORS:
        raise unknown_name("operator", operation, OPERATORS, where=f"the filter {name!r}")
    return field, operation


def _meets_any(operation: str, value: Any, wanted: Any, same: Callable[[Any, Any], bool]) -> bool:
    if operation == "match":
        return isinstance(value, str) and str(wanted).casefold() in value.casefold()
    if operation in ORDERED:
        return _compares(ORDERED[operation], value, wanted)
    several = isinstance(wanted, Iterable) and not isinstance(wanted, str | bytes | Mapping)
    return any(same(value, one) for one in (wanted if several else (wanted,)))


def _same(value: Any, wanted: Any) -> bool:
    """Equality; `"3"` and `"true"` mean 3 and true, since that is how they travel in a URL."""
    if isinstance(value, str) == isinstance(wanted, str):
        return bool(value == wanted) and isinstance(value, bool) == isinstance(wanted, bool)
    return value is not None and wanted is not None and _text(value) == _text(wanted)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _same_type(value: str, wanted: Any) -> bool:
    name = str(wanted).replace("_", "-")
    return str(value).replace("_", "-").rpartition("\0" if ":" in name else ":")[2] == name


def _special(record: Record, name: str, wanted: Any) -> bool:
    if name == "assigned":
        return _same(record.get("assigned_to_id") is not None, wanted)
    return any(_meets_any("eq", record.get(field), wanted, _same) for field in PARTICIPANTS)


def _compares(compare: Callable[[Any, Any], bool], value: Any, wanted: Any) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        wanted = _number(wanted)
        return wanted is not None and compare(value, wanted)
    if not isinstance(value, str):
        return False
    moments = _moment(value), _moment(str(wanted))
    if None not in moments:
        return bool(compare(*moments))
    return compare(value, str(wanted))


def _number(text: Any) -> float | None:
    try:
        return float(text)
    except (ValueError, OverflowError):
        return None


def _moment(text: str) -> datetime | None:
    """A time such as `2026-01-14 10:23:18 +0000`, or in any ISO form; without an offset it is in UTC."""
    try:
        moment = datetime.fromisoformat(text.strip().replace(" +", "+").replace(" -", "-"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
