"""IDAH's filters, for `--where`: named as the platform names them, checked before they are sent, and after.

`status=completed` is about entries; `dataset.status=completed`, `project.name=Streets` say which datasets are meant,
`annotation.updated_at__gt=2026-01-31` which annotations. The platform drops a filter that it does not know and answers
with everything, and ends in an error of its database for a value that a column cannot hold. So both are refused here,
and of each row that comes it is seen whether it was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from blocks.idah_client import Query, Resource
from blocks.source import Where
from exporters.errors import FatalError, RequestError, unknown_name

About = Literal["entry", "dataset", "project", "annotation"]


def _declared(text: str) -> dict[str, str]:
    return dict(one.split() for one in text.split(","))


_RANGES = "created_at__gte time, created_at__lte time, updated_at__gte time, updated_at__lte time"

KINDS: dict[About, dict[str, str]] = {
    "entry": _declared("""
        id uuid, priority integer, wf_step step, status status, job_id uuid, resource text, name text,
        assigned_to_id integer, assigned_to_email text, submitted_by_id integer, submitted_by_email text,
        reviewed_by_id integer, reviewed_by_email text, created_at time, updated_at time,
        resource__match text, name__match text, assigned_to_email__match text, status__in status, wf_step__in step,
        priority__in integer, assigned_to_id__in integer, assigned boolean, participated integer
    """),
    "dataset": _declared(f"""
        id uuid, project_id uuid, name text, modality modality, status dataset_status, progress number,
        entries_total_count integer, entries_completed_count integer, entries_in_progress_count integer,
        created_at time, updated_at time, name__match text, status__in dataset_status, modality__in modality,
        progress__gte number, progress__lte number, {_RANGES}
    """),
    "project": _declared(f"""
        id uuid, name text, description text, created_by_email text, organization_id integer,
        created_at time, updated_at time, name__match text, created_by_email__match text,
        organization_id__in integer, {_RANGES}
    """),
    "annotation": _declared("id uuid, created_by_email text, created_at time, updated_at time, updated_at__gt time"),
}
"""By what they are about: the names of filters, and what values each takes."""

NAMES = tuple(name if about == "entry" else f"{about}.{name}" for about, names in KINDS.items() for name in names)

_STATUSES = ("processing", "pending", "assigned", "ready", "in_progress", "completed", "errored")
_WORDS: dict[str, tuple[str, ...]] = {
    "status": _STATUSES,
    "step": ("start", "annotate", "review", "done", "error"),
    "dataset_status": ("pending", "in_progress", "completed"),
    "boolean": ("true", "false"),
}
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:Z|\+00:00)?)?", re.ASCII)


@dataclass(frozen=True)
class Filter:
    """One filter; `values` are as the platform takes them, and any of them fits."""

    column: str
    operator: str
    kind: str
    values: tuple[str, ...]

    @property
    def query(self) -> Query:
        name = f"filter[{self.column}__{self.operator}]" if self.operator else f"filter[{self.column}]"
        many = "[]" if self.operator == "in" or len(self.values) > 1 else ""
        return [(f"{name}{many}", value) for value in self.values]

    def fits(self, row: Resource) -> bool:
        """Whether the platform may have meant this row."""
        if self.column == "assigned":
            return (row.attributes.get("assigned_to_id") is not None) == (self.values[0] == "true")
        if self.column == "participated":
            roles = ("assigned_to_id", "submitted_by_id", "reviewed_by_id")
            return any(str(row.attributes.get(role)) in self.values for role in roles)
        test = _TESTS[self.operator]
        cell = _comparable(row.id if self.column == "id" else row.attributes.get(self.column), self.kind)
        return any(test(cell, _comparable(value, self.kind)) for value in self.values)


def read_filters(where: Where, about: About) -> list[Filter]:
    """The filters about one kind of record.

    Raises:
        RequestError: there is none of this name, or it does not take such a value.
    """
    found = []
    for given, values in where.items():
        prefix, _, rest = given.rpartition(".")
        if (prefix or "entry") != about:
            continue
        kinds = KINDS[about]
        if rest not in kinds:
            raise unknown_name("filter", given, NAMES, where="IDAH")
        column, _, operator = rest.partition("__")
        if operator not in ("", "in") and len(values) > 1:
            raise RequestError(f"The filter {given} takes one value, not {len(values)}; give it once.")
        read = [one for value in values for one in _read(value, kinds[rest], given)]
        found.append(Filter(column, operator, kinds[rest], tuple(read)))
    return found


def check_filters(where: Where) -> None:
    """Raise RequestError for the first filter that cannot be sent as it is."""
    for given in where:
        about = given.rpartition(".")[0] or "entry"
        if about not in KINDS:
            raise unknown_name("filter", given, NAMES, where="IDAH")
        read_filters({given: where[given]}, about)


def query_of(filters: Sequence[Filter]) -> Query:
    return [pair for one in filters for pair in one.query]


def check_rows(rows: Sequence[Resource], filters: Sequence[Filter]) -> None:
    """Raise FatalError when a row came that no filter let through: the platform does not know one of them."""
    for row in rows:
        for one in filters:
            if not one.fits(row):
                raise FatalError(
                    f"IDAH answered with {row.id}, whose {one.column} is "
                    f"{row.attributes.get(one.column)!r}, though {', '.join(one.values)} was asked for; this version "
                    f"of the platform does not filter by it, leave the filter out."
                )


def _read(value: str, kind: str, name: str) -> list[str]:
    """The value as the platform takes it; of a modality both forms, since plug-ins put their own name before it."""
    known = _WORDS.get(kind)
    if known and value not in known:
        raise unknown_name(name, value, known, where="IDAH")
    try:
        match kind:
            case "uuid":
                return [str(UUID(value))]
            case "integer":
                return [str(int(value))]
            case "number":
                return [str(float(value))]
            case "time":
                return [_time(value)]
            case "modality":
                return [value] if value.startswith("idah-") else [value, f"idah-{value}"]
    except ValueError:
        expected = {"uuid": "an id", "time": "a UTC time such as 2026-01-31 or 2026-01-31T23:59:00Z"}
        raise RequestError(
            f"The filter {name} takes {expected.get(kind, 'a number')}, not {value!r}; correct it."
        ) from None
    return [value]


def _time(value: str) -> str:
    """As the platform compares it: it reads over an offset, so only UTC is taken."""
    match = _TIME.fullmatch(value)
    if match is None:
        raise ValueError(value)
    return f"{match[1]} {match[2] or '00:00:00'}"


def _comparable(cell: Any, kind: str) -> Any:
    """A value of a row or a filter as it compares; None compares with nothing."""
    if cell is None:
        return None
    match kind:
        case "integer" | "number":
            return float(cell)
        case "time":
            return str(cell)[:19].replace("T", " ")
        case _:
            return str(cell)


def _is_less(cell: Any, bound: Any) -> bool:
    return cell is not None and cell <= bound


def _is_more(cell: Any, bound: Any) -> bool:
    return cell is not None and cell >= bound


_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "": lambda cell, value: (cell or "") == value if isinstance(value, str) else cell == value,
    "in": lambda cell, value: cell == value,
    "match": lambda cell, value: value.casefold() in (cell or "").casefold(),
    "gt": _is_more,  # times come without their fractions: what is later in the same second looks the same
    "gte": _is_more,
    "lte": _is_less,
}
