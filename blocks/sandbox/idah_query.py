"""IDAH's query language: nested parameters, filters with their traps, sorting, and pages with a count that lies."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from operator import attrgetter, ge, gt, le
from typing import Any, Self
from urllib.parse import unquote_plus
from uuid import UUID

from blocks.sandbox.idah_lists import Table, by_id
from blocks.sandbox.idah_rows import Kind, Row
from blocks.sandbox.idah_wire import WireError

LARGEST_PAGE = 1000
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
# An offset is read over, not applied: the columns have no time zone.
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d:\d\d(?:\.\d+)?))? ?(?:Z|UTC|[+-]\d\d:?\d\d)?")
_YES, _NO = ("true", "t", "yes", "y"), ("false", "f", "no", "n")
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {"gt": gt, "gte": ge, "lte": le}

Test = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Query:
    """What a listing or a single-record request asks for; ``included`` and ``fields`` name relations and attributes."""

    filters: Mapping[str, Any]
    page_number: int
    page_size: int
    sort: str | None
    is_counted: bool
    included: tuple[str, ...]
    fields: Mapping[str, frozenset[str]]

    @classmethod
    def parse(cls, query_string: str) -> Self:
        """Raises a 422 for whatever has the wrong shape; parameters of other names are ignored."""
        parameters = parse_nested(query_string)
        page = _object(parameters, "page")
        number = _integer(page.get("number", "1"), "/page/number")
        size = _integer(page.get("size", str(LARGEST_PAGE)), "/page/size")
        if number < 1:
            raise WireError.invalid("/page/number", "must be positive")
        if not 1 <= size <= LARGEST_PAGE:
            raise WireError.invalid("/page/size", f"must be between 1 and {LARGEST_PAGE}")
        if (counted := parameters.get("count", "false")) not in _YES + _NO:
            raise WireError.invalid("/count", "must be a boolean")
        if not isinstance(sort := parameters.get("sort"), str | None):
            raise WireError.invalid("/sort", "must be a string")
        fields = _object(parameters, "fields")
        return cls(
            filters=_object(parameters, "filter"),
            page_number=number,
            page_size=size,
            sort=sort,
            is_counted=counted in _YES,
            included=tuple(_array(parameters.get("included", []), "/included")),
            fields={name: frozenset(_array(wanted, f"/fields/{name}")) for name, wanted in fields.items()},
        )


def parse_nested(query_string: str) -> dict[str, Any]:
    """``a[b][]=x`` becomes ``{"a": {"b": ["x"]}}``; a name without ``=`` has the value None. A clash is a 400."""
    parameters: dict[str, Any] = {}
    for pair in filter(None, query_string.split("&")):
        name, equals, value = pair.partition("=")
        path = _path(unquote_plus(name))
        node: Any = parameters
        for key, following in pairwise(path):
            node = node.setdefault(key, [] if following == "" else {})
            if not isinstance(node, dict if following else list):
                raise WireError.bad_request()
        leaf = unquote_plus(value) if equals else None
        if isinstance(node, list):
            node.append(leaf)
        else:
            node[path[-1]] = leaf
    return parameters


def _path(name: str) -> list[str]:
    """``a[b][]`` becomes ``["a", "b", ""]``; lists of anything but values are not spoken here."""
    match = _NAME.fullmatch(name)
    path = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])] if match else [""]
    if "" in path[:-1] or path == [""]:
        raise WireError.bad_request()
    return path


def select(table: Table, query: Query, sees: Test | None = None) -> tuple[Sequence[Row], dict[str, Any]]:
    """The rows of one page and its ``meta``; rows that ``sees`` denies are not there."""
    rows = _sort(table, _filter(table, query.filters), query.sort)
    if sees is not None:
        rows = list(filter(sees, rows))
    offset = (query.page_number - 1) * query.page_size
    page = rows[offset : offset + query.page_size]
    if not query.is_counted:
        return page, {}
    left = max(0, len(rows) - offset)
    # As the platform has it: never the total before the last page, and beyond the end more than there is.
    return page, {"count": offset + min(LARGEST_PAGE, left), "more": left >= LARGEST_PAGE}


def parse_key(row_type: type[Row], value: str) -> str:
    """In the one form that ids have; a malformed one is an error of the database: 500."""
    return str(_parse(row_type.KEY, value))


def _filter(table: Table, filters: Mapping[str, Any]) -> Sequence[Row]:
    """Equality on a column that the table can find by narrows the rows first; filters of unknown names are dropped."""
    columns = {"id": table.row_type.KEY, **table.row_type.COLUMNS, **table.row_type.VIRTUAL}
    columns = {name: kind for name, kind in columns.items() if kind != "opaque"}
    tests = list(_tests(table.row_type, columns, filters))
    found = next((column for column in table.find if filters.get(column) not in (None, [])), None)
    if found is None:
        rows: Sequence[Row] = table.scan()
    else:
        values = filters[found] if isinstance(filters[found], list) else [filters[found]]
        wanted = dict.fromkeys(_parse(columns[found], value) for value in values if value is not None)
        lists = [table.find[found](value) for value in wanted]
        rows = lists[0] if len(lists) == 1 else sorted((row for rows in lists for row in rows), key=by_id)
        tests = [(column, test) for column, test in tests if column != found]
    for column, test in tests:
        value_of = attrgetter(column)
        rows = [row for row in rows if test(value_of(row))]
    return rows


def _tests(
    row_type: type[Row],
    columns: Mapping[str, Kind],
    filters: Mapping[str, Any],
) -> Iterable[tuple[str, Test]]:
    for name, value in filters.items():
        column, _, operator = name.partition("__")
        if name in columns:
            yield column, _equals(columns[column], column, value)
        elif name in row_type.OPERATORS:
            yield column, _operates({**columns, **row_type.OPERATED}[column], column, operator, value)


def _equals(kind: Kind, column: str, value: Any) -> Test:
    """A list means any of its values; None means null."""
    if kind == "absent":
        raise _no_column(column)
    if value is None:
        return lambda cell: cell is None
    wanted = [_parse(kind, item) for item in (value if isinstance(value, list) else [value]) if item is not None]
    if kind == "accounts":
        return lambda cell: any(item in cell for item in wanted)
    if kind == "json":
        return lambda cell: cell in wanted
    return frozenset(wanted).__contains__


def _operates(kind: Kind, column: str, operator: str, value: Any) -> Test:
    if operator == "in" and not isinstance(value, list):
        raise WireError.database(f"SyntaxError: ERROR:  syntax error at or near \"'{value}'\"")
    if operator in {"in", "eq"}:
        return _equals(kind, column, value)
    bound = _parse(kind, value)
    if operator == "match":
        return lambda cell: bound.lower() in (cell or "").lower()
    compare = _COMPARISONS[operator]
    return lambda cell: cell is not None and compare(cell, bound)


def _parse(kind: Kind, value: Any) -> Any:
    """A filter's value as the column has it; what the column cannot hold is an error of the database: 500."""
    try:
        return _PARSERS[kind](value)
    except (TypeError, ValueError, AttributeError) as error:
        detail = f'InvalidTextRepresentation: ERROR:  invalid input syntax for type {kind}: "{value}"'
        raise WireError.database(detail) from error


def _parse_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _parse_boolean(value: str) -> bool:
    truths = dict.fromkeys((*_YES, "1", "on"), True) | dict.fromkeys((*_NO, "0", "off"), False)
    if value.lower() not in truths:
        raise ValueError(value)
    return truths[value.lower()]


def _parse_time(value: str) -> datetime:
    match = _TIME.fullmatch(value)
    if match is None:
        raise ValueError(value)
    return datetime.fromisoformat(f"{match[1]} {match[2] or '00:00:00'}+00:00")


_PARSERS: Mapping[Kind, Callable[[Any], Any]] = {
    "uuid": lambda value: str(UUID(value)),
    "serial": lambda value: str(int(value)),
    "text": _parse_text,
    "integer": int,
    "accounts": int,
    "number": float,
    "boolean": _parse_boolean,
    "time": _parse_time,
    "json": lambda value: json.loads(value) if isinstance(value, str) else value,
}


def _sort(table: Table, rows: Sequence[Row], sort: str | None) -> Sequence[Row]:
    """Only the last key counts. Rows come in the order of their primary key, which is also the default."""
    if not sort:
        return rows
    key = sort.split(",")[-1]
    column = key.removeprefix("-")
    if column == "id":
        return rows[::-1] if key.startswith("-") else rows
    if table.row_type.COLUMNS.get(column, "absent") in {"absent", "json"}:
        raise _no_column(column)

    def nulls_last(row: Row) -> tuple[bool, Any]:
        value = getattr(row, column)
        return value is None, 0 if value is None else value

    return sorted(rows, key=nulls_last, reverse=key.startswith("-"))


def _no_column(column: str) -> WireError:
    return WireError.database(f'UndefinedColumn: ERROR:  column "{column}" does not exist')


def _object(parameters: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = parameters.get(name, {})
    if not isinstance(value, dict):
        raise WireError.invalid(f"/{name}", "must be a hash")
    return value


def _array(value: Any, pointer: str) -> list[str]:
    if not isinstance(value, list):
        raise WireError.invalid(pointer, "must be an array")
    return value


def _integer(value: Any, pointer: str) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise WireError.invalid(pointer, "must be an integer") from None
