"""Pieces of Markdown, and types in words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]

BOUNDS = {"minimum": "from {}", "exclusiveMinimum": "above {}", "maximum": "to {}"}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table, and an empty one behind."""
    yield row(head)
    yield row(["---"] * len(head))
    yield from map(row, rows)
    yield ""


def row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def code(text: str) -> str:
    """As code; nothing where there is nothing."""
    return f"`{text}`" if text else ""


def kind(schema: Schema) -> str:
    """The type that a JSON schema describes."""
    if "anyOf" in schema:  # nothing chosen is null
        (one,) = (one for one in schema["anyOf"] if one.get("type") != "null")
        return f"{kind(one)}, or none"
    if "enum" in schema:
        return "one of " + ", ".join(code(json.dumps(one) if one == "" else str(one)) for one in schema["enum"])
    match schema.get("type"):
        case "array":
            return f"list; each {kind(schema['items'])}"
        case "object":
            values = schema.get("additionalProperties")
            return f"names, each with a {kind(values)}" if isinstance(values, Mapping) else "JSON object"
        case "boolean":
            return "`true` or `false`"
        case "integer":
            return " ".join(["whole number", *_bounds(schema)])
        case "number":
            return " ".join(["number", *_bounds(schema)])
        case "string":
            return "secret" if schema.get("writeOnly") else "text"
    raise AssertionError(f"There are no words for the type {schema}; add them to {__name__}.")


def _bounds(schema: Schema) -> list[str]:
    return [said.format(schema[name]) for name, said in BOUNDS.items() if name in schema]
