"""Annotations of an entry as a whole, as the answers of Ango Hub's questions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from exporters.formats.ango_tools import answer, classifications
from exporters.item import Placed
from exporters.model import EMPTY, Entry

LEVEL = " / "
"""Between the levels of an answer out of a tree."""

Row = dict[str, Any]
Said = tuple[Placed, Row]
"""An annotation, and the question as Ango Hub sent it; empty for those of other platforms."""


def named(one: Placed, came: Row) -> Row:
    """Its class. Ango Hub tells classes by their ids: two may share a title there, and do so here."""
    title, category = came.get("title", ""), one.category
    if category is None:
        return {"schemaId": came.get("schemaId", ""), "title": title}
    is_shared = bool(title) and category.name == f"{title} ({category.id})"
    return {"schemaId": category.id, "title": title if is_shared else category.name}


def metadata(one: Placed) -> Row:
    """Who made it and when, as far as that is known."""
    annotation = one.annotation
    known = {
        "createdAt": annotation.created_at,
        "createdBy": annotation.created_by,
        "createdIn": annotation.stage,
        "updatedAt": annotation.updated_at,
    }
    told = {key: value for key, value in known.items() if value is not None}
    return {"metadata": told} if told else {}


def questions(said: Sequence[Said], entry: Entry) -> list[Row]:
    """One for each question; those of Ango Hub's in their order, with the ones that nobody answered."""
    together: dict[str, list[Said]] = {}
    for number, (one, came) in enumerate(said):
        together.setdefault(str(came["objectId"]) if "answer" in came else f"\0{number}", []).append((one, came))
    ready = {id_: _question(found) for id_, found in together.items()}
    rows = []
    for came in _sent(entry):
        id_ = str(came.get("objectId"))
        if id_ in ready:
            rows.append(ready.pop(id_))
        elif _is_unanswered(came):
            rows.append(came)
    return [*rows, *ready.values()]


def _question(found: Sequence[Said]) -> Row:
    one, came = found[0]
    if "answer" in came:
        options = _options(found)
        if options:
            return {"classifications": [], **came, "answer": _chosen(came["answer"], options)}
        return {"classifications": [], **came, **named(one, came)}
    attributes, name = dict(one.annotation.attributes), named(one, came)
    if "answer" in attributes:
        said = answer(attributes.pop("answer"))
    else:
        said = {"tool": "radio", "answer": name["title"]}
        name["title"] = (one.category.parent if one.category else None) or "class"
    id_ = one.annotation.id
    return {
        "objectId": id_,
        **name,
        **said,
        "classifications": classifications(attributes, id_),
        **metadata(one),
    }


def _options(found: Iterable[Said]) -> dict[str, str]:
    """The options that are still chosen, each with what it is called in this export."""
    options = {}
    for one, came in found:
        prefix, id_ = f"{came.get('schemaId')}/", one.annotation.category_id or ""
        if id_.startswith(prefix):
            option = id_.removeprefix(prefix)
            options[option] = _renamed(option, id_, one.category.name if one.category else option)
    return options


def _renamed(option: str, category_id: str, name: str) -> str:
    """An option under its class's name; a name that merely tells classes apart is no other name."""
    above, level, leaf = option.rpartition(LEVEL)
    return option if name in (leaf, f"{leaf} ({category_id})", category_id) else f"{above}{level}{name}"


def _chosen(came: Any, options: Mapping[str, str]) -> Any:
    """The answer as it came, without what is not chosen any more; what lies above an option of a tree stays with it."""
    if not isinstance(came, list):
        return came if isinstance(came, bool) else options.get(str(came), came)
    return [
        options.get(str(one), one)
        for one in came
        if one is None or str(one) in options or any(option.startswith(f"{one}{LEVEL}") for option in options)
    ]


def _sent(entry: Entry) -> list[Row]:
    record = entry.record if entry.raw != EMPTY else None
    task = record.get("task") if isinstance(record, dict) else None
    found = task.get("classifications") if isinstance(task, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _is_unanswered(came: Row) -> bool:
    said = came.get("answer")
    return said is None or (isinstance(said, list) and not any(one is not None for one in said))
