"""What can be asked of Ango Hub with `--where`, as parameters of its export; and whether rows are what was asked for.

`stage` and `batch` take names or ids and may be given again; `stage=*` is all of them. The hub keeps one export file a
project, so rows may be those of somebody else's export: each is looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from blocks.ango.kinds import MODALITIES
from blocks.ango.row import Row
from blocks.source import Where
from exporters.errors import RequestError, quoted, unknown_name

TASK_TYPES = ("default", "consensus", "benchmark")
TYPES = ("task", "issue")
TIMES = {"updated_at": "updatedAt", "created_at": "createdAt"}
ALL_STAGES = "*"
AUTOMATIC_STAGES = ("Start", "Label", "Complete")
"""Every project has them, under these names, which are their ids too."""
_LISTS = {"stage": "stages", "batch": "batches"}
NAMES = (
    *("stage", "stage__in", "batch", "batch__in", "task_type", "type", "modality"),
    *(f"{name}__{operator}" for name in TIMES for operator in ("gt", "lt")),
)
_WORDS: Mapping[str, Sequence[str]] = {"task_type": TASK_TYPES, "type": TYPES, "modality": MODALITIES}
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII)


def check_filters(where: Where) -> None:
    """Raise RequestError for the first filter that the hub does not have, or a value it does not take."""
    for name, values in where.items():
        if name not in NAMES:
            raise unknown_name("filter", name, NAMES, where="Ango Hub")
        takes_one = name in _WORDS or name.partition("__")[0] in TIMES
        if takes_one and len(values) != 1:
            raise RequestError(f"The filter {name} takes one value, not {len(values)}; give it once.")
        for value in values:
            _check_value(name, value)


def _check_value(name: str, value: str) -> None:
    if name in _WORDS:
        if value not in _WORDS[name]:
            raise unknown_name(name, value, _WORDS[name], where="Ango Hub")
    elif name.partition("__")[0] in TIMES:
        _moment(value, name)
    elif not value:
        raise RequestError(f"The filter {name} is empty; give a name or an id, or leave it out.")


@dataclass(frozen=True)
class Wanted:
    """One request for an export, and what its rows must be like; empty: anything.

    `otherwise` is what to ask for where no row at all came: nobody could find out whether the hub knows the stages that
    people made by their names or by their ids.
    """

    parameters: Mapping[str, str]
    otherwise: Mapping[str, str] | None = None
    stages: frozenset[str] = frozenset()
    batches: frozenset[str] = frozenset()
    modality: str = ""
    updated: tuple[str, str] = ("", "")
    type: str = "task"
    shown: str = field(default="", compare=False)

    def fits(self, row: Row) -> bool:
        """Whether the hub may have meant this row."""
        if row.form == "issue" or self.type == "issue":
            return row.form == self.type
        stages = {str(one) for one in map(row.task_value, ("stage", "stageId")) if one is not None}
        if self.stages and stages and not self.stages & stages:
            return False
        if self.batches and "batches" in row.asset and not self.batches & set(row.batches):
            return False
        after, before = self.updated
        at = str(row.task_value("updatedAt") or "")
        # Times of rows have milliseconds only: what lies within one of a bound may be on either side of it.
        return not at or ((not after or at[:23] >= after[:23]) and (not before or at[:23] <= before[:23]))

    def chosen(self, row: Row) -> bool:
        """Whether a row that the hub meant is asked for here: it cannot filter by everything that we can."""
        return not self.modality or row.modality == self.modality


def wanted(
    where: Where, project: Mapping[str, Any], *, stages: Sequence[str] = (), options: Mapping[str, str] | None = None
) -> Wanted:
    """The request for an export of a project; `stages` where no filter names any, `options` as the hub calls them.

    Raises:
        RequestError: a stage or a batch is not one of the project's.
    """
    check_filters(where)
    type_ = _one(where, "type") or "task"
    asked_stages = [*where.get("stage", ()), *where.get("stage__in", ())] or list(stages)
    if ALL_STAGES in asked_stages:
        asked_stages = []
    task_type = _one(where, "task_type") or "default"
    batches = _named([*where.get("batch", ()), *where.get("batch__in", ())], project, "batch", "_id")
    parameters = {
        **(options or {}),
        "type": type_,
        "project": str(project.get("_id", "")),
        "taskTypes": json.dumps([task_type]),
    }
    known = _named(asked_stages, project, "stage", "id")
    if type_ == "task":
        # An empty list means no filter; where nothing is sent, the hub takes it for ["Complete"].
        parameters["stage"] = json.dumps(list(dict.fromkeys(asked_stages)))
    if batches:
        parameters["batches"] = json.dumps(list(batches))
    for name, parameter in TIMES.items():
        bounds = {
            f"${side}": _moment(value, name) for side in ("gt", "lt") if (value := _one(where, f"{name}__{side}"))
        }
        if bounds:
            parameters[parameter] = json.dumps(bounds)
    after, before = (_one(where, f"updated_at__{side}") for side in ("gt", "lt"))
    swapped = json.dumps([name if id_ in asked_stages else id_ for id_, name in known.items()])
    return Wanted(
        parameters=parameters,
        otherwise={**parameters, "stage": swapped} if parameters.get("stage") not in (None, swapped) else None,
        stages=frozenset(known) | frozenset(known.values()),
        batches=frozenset(batches.values()),
        modality=_one(where, "modality"),
        updated=(after and _moment(after, ""), before and _moment(before, "")),
        type=type_,
        shown=", ".join(f"{name}={','.join(values)}" for name, values in where.items()) or "its own defaults",
    )


def _named(
    asked: Sequence[str], project: Mapping[str, Any], what: Literal["stage", "batch"], key: str
) -> dict[str, str]:
    """Names by id of what was asked for by either; where a project tells of none at all, as it was asked for."""
    known, shown = project.get(_LISTS[what]), quoted(str(project.get("name") or project.get("_id")))
    rows = [one for one in known if isinstance(one, dict)] if isinstance(known, list) else []
    names = {str(one[key]): str(one.get("name") or one[key]) for one in rows if one.get(key)}
    if not names:
        return {one: one for one in asked}
    if what == "stage":
        names = {one: one for one in AUTOMATIC_STAGES} | names
    found: dict[str, str] = {}
    for one in asked:
        ids = [one] if one in names else [id_ for id_, name in names.items() if name == one]
        if not ids:
            raise unknown_name(what, one, [*names, *names.values()], where=f"project {shown}")
        if len(ids) > 1:
            raise RequestError(
                f"{len(ids)} of the project's are called {quoted(one)} ({what}); say which by id: {', '.join(ids)}."
            )
        found[ids[0]] = names[ids[0]]
    return found


def _one(where: Where, name: str) -> str:
    return next(iter(where.get(name, ())), "")


def _moment(value: str, name: str) -> str:
    """A time as the hub compares it: UTC, milliseconds, `Z`; what has no zone is taken for UTC."""
    try:
        at = datetime.fromisoformat(value) if _TIME.fullmatch(value) else None
        at = at and (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # a thirteenth month, a day before the first
        at = None
    if at is None:
        raise RequestError(
            f"The filter {name} takes a time such as 2026-01-31 or 2026-01-31T23:59:00Z, not {value!r}; correct it."
        )
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
