"""`formats.md`: what each format holds, and its options; those that several share stand once, at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel

from exporters import BUILTIN, registry
from exporters.base import BaseExporter, Exporter
from exporters.holds import Holds
from flows.formats import _option, _origins, _typed, shape_names
from tests.reference.tables import code, kind, table

HEAD = ("option", "type", "default", "what it does")
SHARED = "Options that several formats share"

Format = type[BaseExporter[Any]]


def page() -> Iterator[str]:
    users = Counter(group for one in BUILTIN for group in dict.fromkeys(_origins(one.options).values()))
    shared = [group for group, count in users.items() if count > 1]
    yield from (
        "# Formats",
        "",
        "What is built in. `outhaul formats` prints the same, with the plug-ins that are there. An option is given as",
        "`--option NAME=VALUE`; lists and names with values are typed as `a,b` and `a=1,b=2`, or as JSON.",
        "",
    )
    for exporter in BUILTIN:
        yield from _format(exporter, shared)
    yield from (f"## {SHARED}", "")
    for group in shared:
        own = [name for name, origin in _origins(group).items() if origin is group]
        for names, taken in _by_users(group, own).items():
            yield from (f"{_whose(names)}:", "")
            yield from _options(group, taken)
    yield from ("## Families", "")
    for family, sentence in registry.families.items():
        yield from (f"`{family}:NAME`: {sentence}", "")


def _by_users(group: type[BaseModel], options: Sequence[str]) -> dict[tuple[str, ...], list[str]]:
    """The options of a class by the formats that have them from there, and not in another way."""
    found: dict[tuple[str, ...], list[str]] = {}
    for option in options:
        names = tuple(one.name for one in BUILTIN if _origins(one.options).get(option) is group)
        found.setdefault(names, []).append(option)
    return found


def _whose(names: Sequence[str]) -> str:
    others = [one.name for one in BUILTIN if one.name not in names]
    if len(others) > len(names):
        return ", ".join(map(code, names))
    return f"All formats but {', '.join(map(code, others))}" if others else "All formats"


def _format(exporter: Format, shared: Sequence[type[BaseModel]]) -> Iterator[str]:
    module = exporter.__module__.replace(".", "/")
    yield from (f"## {exporter.name}", "", exporter.description, "")
    for said in _facts(exporter):
        yield f"- {said}"
    yield from (f"- Version {exporter.version}; its files are described in `{module}.py`.", "")
    own = [name for name, group in _origins(exporter.options).items() if group not in shared]
    if own:
        yield from _options(exporter.options, own)


def _facts(exporter: Format) -> Iterator[str]:
    holds: Holds = exporter.holds
    shapes = "every shape" if holds.shapes is None else shape_names(holds.shapes)
    modalities = "any modality" if holds.modalities is None else ", ".join(sorted(holds.modalities))
    yield f"Holds {modalities}; {shapes}."
    lacking = []
    if holds.needs_category:
        lacking.append("annotations without a class")
    if holds.needs_size:
        lacking.append("entries without a known picture size")
    if lacking:
        yield f"Left out: {' and '.join(lacking)}."
    if holds.needs_media:
        yield "Needs the files: an export with `--media none` is refused."
    if holds.embeds_media:
        yield "The files lie within its own."
    if holds.class_numbers != "source":
        yield f"Classes count from {holds.class_numbers.removeprefix('from_')}, without gaps."
    if not issubclass(exporter, Exporter):
        yield "Is given the whole export, in a process of its own."
    elif exporter.is_entrywise:
        yield "Converts, the second time, only entries that have changed."


def _options(options: type[BaseModel], names: Sequence[str]) -> Iterator[str]:
    schemas = options.model_json_schema()["properties"]
    rows = []
    for name in names:
        option = _option(options, name)
        rows.append((code(name), kind(schemas[name]), code(_typed(option["default"])), option["description"]))
    yield from table(HEAD, rows)
