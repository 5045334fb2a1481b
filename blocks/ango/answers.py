"""Answers of Ango Hub: as attributes of what they are about, or as annotations of an asset as a whole.

An answer that was chosen among options is a class of the picture: of the category that the option is, below the
question. Anything else is an annotation of the question's own category, with the attribute `answer`. Nested answers are
attributes under the titles that lead to them, `Occluded / Hidden by`. A question that nobody answered says nothing, and
is found in the row only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blocks.values import identifier

CHOSEN = frozenset({"radio", "checkbox", "single-dropdown", "multi-dropdown", "tree-dropdown", "boolean"})
"""Kinds of questions that are answered by choosing."""
LEVEL = " / "
"""Between the levels of a path, as in the hub's own tree answers."""


def attributes(questions: Any, above: str = "") -> dict[str, Any]:
    """Answers by title, nested ones too; of a question that was answered more than once, all answers in a list.

    A question that nobody answered is no attribute.
    """
    found: dict[str, Any] = {}
    for question in questions if isinstance(questions, list) else ():
        if not isinstance(question, Mapping):
            continue
        title = identifier(question.get("title")) or identifier(question.get("schemaId")) or "?"
        path = f"{above}{title}"
        said = _said(question.get("answer"))
        if said not in (None, []):
            found[path] = _joined(found[path], said) if path in found else said
        for nested, value in attributes(question.get("classifications"), f"{path}{LEVEL}").items():
            found[nested] = _joined(found[nested], value) if nested in found else value
    return found


def chosen(question: Mapping[str, Any]) -> list[str]:
    """The options that were chosen: of a tree the ends of its paths only, not what lies above them."""
    kind = question.get("tool")
    if not isinstance(kind, str) or kind not in CHOSEN:
        return []
    said = question.get("answer")
    options = [option for option in map(_option, said if isinstance(said, list) else [said]) if option]
    if kind == "tree-dropdown":
        options = [one for one in options if not any(other.startswith(one + LEVEL) for other in options)]
    return list(dict.fromkeys(options))


def option_id(schema_id: str, option: str) -> str:
    """The category of an option: exports tell the option's text, not its id."""
    return f"{schema_id}/{option}"


def answer(question: Mapping[str, Any]) -> Any:
    return _said(question.get("answer"))


def _said(value: Any) -> Any:
    """An answer without what is null in it."""
    return [one for one in value if one is not None] if isinstance(value, list) else value


def _option(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return identifier(value) or ""


def _joined(value: Any, more: Any) -> list[Any]:
    return [*(value if isinstance(value, list) else [value]), *(more if isinstance(more, list) else [more])]
