"""What `outhaul formats` says of exporters. An option that several of them have from one class is explained once."""

from __future__ import annotations

import json
import textwrap
from argparse import Namespace
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError, to_jsonable_python

from exporters import registry
from exporters.errors import unknown_name
from exporters.plugins import AnyExporter
from exporters.plugins.modalities import bare_modality

WIDTH = 110
MODALITIES = frozenset({"audio", "image", "text", "video"})
"""That platforms have, whether or not a format is made for one of them alone."""

Options = type[BaseModel]


def formats_command(arguments: Namespace) -> tuple[int, str, dict[str, Any]]:
    """Carry out `outhaul formats`: what there is, or what applies to a modality; and which plug-ins do not work."""
    if arguments.modality:
        refuse_unknown_modality(arguments.modality)
    found = list((registry.for_modality(arguments.modality) if arguments.modality else registry.all()).values())
    problems = registry.problems
    whole = {"formats": list(map(document, found)), "families": registry.families, "problems": list(problems)}
    return 0, text(found, arguments.modality, problems), whole


def refuse_unknown_modality(given: str) -> None:
    """Raise RequestError for a modality that nobody knows; a plug-in that registers for any knows none by name."""
    found = registry.all()
    registered = [registry.modalities(name) for name in found]
    held = {modality for exporter in found.values() for modality in exporter.holds.modalities or ()}
    known = MODALITIES | held | {name for one in registered for name in one.names() if not name.startswith("/")}
    if bare_modality(given) not in known and not any(one.match(given) and not one.match("") for one in registered):
        raise unknown_name("modality", given, known)


FEW = 3
"""Formats that are named as exceptions, rather than all the others as the rule."""


def text(exporters: Sequence[type[AnyExporter]], modality: str, problems: Sequence[str]) -> str:
    """For people: a paragraph a format, then the options that several share, then what is wrong with plug-ins."""
    users = Counter(group for exporter in exporters for group in dict.fromkeys(_origins(exporter.options).values()))
    shared = [group for group, count in users.items() if count > 1]
    paragraphs = [_format_text(exporter, shared) for exporter in exporters] or [f"No format holds {modality}."]
    if not modality:
        paragraphs += [f"{family}:NAME: {sentence}" for family, sentence in registry.families.items()]
    if shared:
        paragraphs.append(
            "Options that several formats share; where a format has one of that name itself, that counts."
        )
    for group in sorted(shared, key=lambda group: len(group.model_fields)):
        names = [exporter.name for exporter in exporters if group in _origins(exporter.options).values()]
        others = [exporter.name for exporter in exporters if exporter.name not in names]
        but = f" but {' and '.join(others)}" if others else ""
        whose = f"all formats{but}" if len(others) < FEW else ", ".join(names)
        own = [name for name, origin in _origins(group).items() if origin is group]
        paragraphs.append("\n".join([*_wrapped(f"Options of {whose}:", "", "  "), *_option_lines(group, own)]))
    if problems:
        paragraphs.append("\n".join(["Plug-ins that do not work:", *(f"  {problem}" for problem in problems)]))
    return "\n\n".join(paragraphs)


def document(exporter: type[AnyExporter]) -> dict[str, Any]:
    """For programs: one exporter with all its options."""
    holds, plugin = exporter.holds, registry.plugin(exporter.name)
    return {
        "name": exporter.name,
        "description": exporter.description,
        "version": exporter.version,
        "modalities": _modalities(exporter),
        "shapes": None if holds.shapes is None else sorted(holds.shapes),
        "options": [_option(exporter.options, name) for name in exporter.options.model_fields],
        "plugin": plugin and {"name": plugin.name, "version": plugin.version, "place": plugin.place},
    }


def _format_text(exporter: type[AnyExporter], shared: Sequence[Options]) -> str:
    holds, plugin = exporter.holds, registry.plugin(exporter.name)
    modalities = _modalities(exporter)
    shapes = "every shape" if holds.shapes is None else shape_names(holds.shapes)
    lines = [f"{exporter.name}: {exporter.description}"]
    held = "any modality" if modalities is None else ", ".join(modalities)
    lines += _wrapped(f"holds {held}; {shapes}", "  ", "    ")
    if plugin:
        lines.append(f"  from the plug-in {plugin.name} {plugin.version}, {plugin.place}")
    own = [name for name, group in _origins(exporter.options).items() if group not in shared]
    return "\n".join([*lines, *_option_lines(exporter.options, own)])


def shape_names(shapes: Collection[str]) -> str:
    """Shapes for people to read."""
    return ", ".join(sorted(shapes)).replace("_", " ")


def chosen_options(options: Options, values: Mapping[str, Any]) -> list[str]:
    """Those values, as JSON has them, that are not the defaults: `name=value`, as one would type it."""
    typed = [
        " ".join(f"{name}={_typed(value)}".split())
        for name, value in values.items()
        if value != _option(options, name)["default"]
    ]
    return [one if len(one) <= WIDTH else f"{one[: WIDTH - 1]}…" for one in typed]


def _modalities(exporter: type[AnyExporter]) -> list[str] | None:
    """What it holds, as far as it is registered for it. None: anything."""
    held, registered = exporter.holds.modalities, registry.modalities(exporter.name)
    if held is None:
        return None if registered.selectors is None else registered.names()
    return sorted(modality for modality in held if registered.match(modality))


def _option_lines(options: Options, names: Sequence[str]) -> list[str]:
    margin = "  "
    lines = []
    for name in names:
        option = _option(options, name)
        choices = f" ({' | '.join(map(str, option['choices']))})" if option["choices"] else ""
        value = "..." if option["is_required"] else _typed(option["default"])
        lines += _wrapped(f"--option {name}={value}{choices}", margin, margin * 2)
        lines += _wrapped(option["description"], margin * 2, margin * 2)
    return lines


def _wrapped(text: str, first: str, others: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)


def _typed(default: Any) -> str:
    """A default as one would type it."""
    match default:
        case None:
            return ""
        case str():
            return default
        case list():
            return ",".join(map(_typed, default))
        case dict():
            return ",".join(f"{name}={_typed(value)}" for name, value in default.items())
    return json.dumps(default)


def _option(options: Options, name: str) -> dict[str, Any]:
    field = options.model_fields[name]
    return {
        "name": name,
        "default": _default(field),
        "is_required": field.is_required(),
        "choices": _choices(field.annotation),
        "description": field.description or "",
    }


def _default(field: FieldInfo) -> Any:
    """As JSON has it; None where there is none, or where JSON has no such thing."""
    if field.is_required() or field.default_factory:
        return None
    with suppress(PydanticSerializationError):
        return to_jsonable_python(field.default)
    return None


def _choices(annotation: Any) -> list[Any]:
    """What such a value, or each of such values, is one of. Told by its type: JSON schemas take long to make."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return list(arguments)
    if origin is Annotated:
        return _choices(arguments[0])
    if origin in (list, set, frozenset) or (origin is tuple and arguments[1:] == (...,)):
        return _choices(arguments[0])
    return []


def _origins(options: Options) -> dict[str, Options]:
    """For each option the class that it comes from unchanged: the topmost one that has it just so."""
    return {name: _origin(options, name) for name in options.model_fields}


@cache
def _origin(options: Options, name: str) -> Options:
    lineage = [one for one in reversed(options.__mro__) if issubclass(one, BaseModel) and name in one.model_fields]
    return next(one for one in lineage if _said(one, name) == _said(options, name))


def _said(options: Options, name: str) -> tuple[Any, ...]:
    """What makes an option another one."""
    field = options.model_fields[name]
    return (_option(options, name), field.annotation, field.metadata)
