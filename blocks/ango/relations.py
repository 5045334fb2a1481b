"""Relations of Ango Hub: a single one leads from one object to another; a group becomes one from its first to each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from blocks.values import identifier
from exporters.model import Relation, Shape, Unknown


def to_relations(record: Mapping[str, Any]) -> Iterator[tuple[Shape, dict[str, Any]]]:
    """Shapes with their attributes. Ends are ids of objects, which need not be in the row."""
    group = record.get("group")
    if isinstance(group, list):
        members = list(dict.fromkeys(one for one in map(identifier, group) if one))
        if len(members) < 2:
            yield Unknown("group of fewer than two objects"), {}
        for other in members[1:]:
            yield Relation(members[0], other), {"group": True}
        return
    source, target = identifier(record.get("from")), identifier(record.get("to"))
    if not source or not target:
        yield Unknown("relation that cannot be read"), {}
        return
    match record.get("direction"):
        case "reverse":
            yield Relation(target, source), {}
        case "bidirectional":
            yield Relation(source, target), {"direction": "bidirectional"}
        case _:
            yield Relation(source, target), {}


def first_end(record: Mapping[str, Any]) -> str | None:
    """The object that a relation begins at."""
    group = record.get("group")
    return identifier(group[0] if isinstance(group, list) and group else record.get("from"))
