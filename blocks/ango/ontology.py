"""The label set of a project as categories: tools, questions and their options, relations, in the project's order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from blocks.ango.answers import CHOSEN, LEVEL, option_id
from blocks.ango.tools import MODEL_SHAPES, TIMED
from blocks.values import identifier, mapping
from exporters.model import Category

POINT = ("point",)
BRUSH = "brush"
Color = tuple[int, int, int]


def to_categories(schema: Any, modality: str) -> list[Category]:
    """Each class once. Questions about objects are no classes; what answers them are attributes."""
    schema = mapping(schema)
    found: dict[str, Category] = {}
    for category in (
        *(_tool(one, modality) for one in _classes(schema.get("tools"))),
        *(each for one in _classes(schema.get("classifications")) for each in _question(one)),
        *(_named(one, shapes=("relation",)) for one in _classes(schema.get("relations"))),
    ):
        found.setdefault(category.id, category)
    return list(found.values())


def brush_colors(schema: Any) -> dict[Color, list[str]]:
    """The classes of the brush, by the colour of their traces."""
    found: dict[Color, list[str]] = {}
    for one in _classes(mapping(schema).get("tools")):
        color = _color(one.get("color"))
        if one.get("tool") == BRUSH and color:
            found.setdefault(color, []).append(str(one["schemaId"]))
    return found


def _classes(given: Any) -> Iterator[Mapping[str, Any]]:
    for one in given if isinstance(given, list) else ():
        if isinstance(one, Mapping) and identifier(one.get("schemaId")):
            yield one


def _tool(one: Mapping[str, Any], modality: str) -> Category:
    kind = str(one.get("tool"))
    shape = MODEL_SHAPES.get(kind, "unknown")
    shapes: tuple[str, ...] = (shape,)
    if kind == "ner":
        shapes = ("time_span",) if modality in TIMED else ("text_span",) if modality == "text" else (shape, "time_span")
    elif modality == "video" and kind in MODEL_SHAPES:
        shapes = ("track",)
    return _named(one, shapes=shapes, keypoints=POINT if kind == "point" else ())


def _question(one: Mapping[str, Any]) -> Iterator[Category]:
    """The options of one that is answered by choosing; the question itself otherwise."""
    id_, kind = str(one["schemaId"]), str(one.get("tool"))
    title = identifier(one.get("title")) or id_
    if kind not in CHOSEN:
        yield _named(one, shapes=("classification",))
        return
    options = ["true", "false"] if kind == "boolean" else list(_options(one))
    paths = list(_paths(one.get("treeOptions"))) if kind == "tree-dropdown" else []
    for option in (*options, *paths):
        above, _, name = option.rpartition(LEVEL) if option in paths else ("", "", option)
        parent = option_id(id_, above) if above else title
        yield Category(id=option_id(id_, option), name=name, parent=parent, shapes=("classification",))


def _options(one: Mapping[str, Any]) -> Iterator[str]:
    options = one.get("options")
    for option in options if isinstance(options, list) else ():
        value = identifier(mapping(option).get("value"))
        if value:
            yield value


def _paths(options: Any, above: str = "") -> Iterator[str]:
    for option in map(mapping, options if isinstance(options, list) else ()):
        title = identifier(option.get("title"))
        if title:
            yield above + title
            yield from _paths(option.get("children"), above + title + LEVEL)


def _named(one: Mapping[str, Any], *, shapes: Iterable[str], keypoints: tuple[str, ...] = ()) -> Category:
    id_, color = str(one["schemaId"]), one.get("color")
    return Category(
        id=id_,
        name=identifier(one.get("title")) or id_,
        color=color if isinstance(color, str) else None,
        shapes=tuple(shapes),
        keypoints=keypoints,
    )


def _color(text: Any) -> Color | None:
    if not isinstance(text, str) or len(text) != 7 or text[0] != "#":
        return None
    try:
        red, green, blue = bytes.fromhex(text[1:])
    except ValueError:
        return None
    return red, green, blue
