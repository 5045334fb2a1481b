"""The run form of an export: its formats with their own options, as the Prefect UI draws them from a JSON schema.

The UI draws a choice of schemas as a row of tabs, and a row holds about a dozen. So there is a tab for each modality,
under it one for the formats that have the same options of their own, and in that a list where they are several. What
most formats share stands in `options`, without defaults: only what somebody chose is submitted.

A format that was not known when the form was made, as of a plug-in on the worker, goes by its name alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, Field, WithJsonSchema

from exporters import BUILTIN, ImageOptions, RequestError
from exporters.plugins import AnyExporter

Schema = dict[str, Any]
Exporter = type[AnyExporter]

MODALITIES = ("image", "video", "text", "audio", "any")
"""In this order; formats that hold any of them come last."""
SHARED = ImageOptions.model_fields
FORMATS: dict[str, Exporter] = {exporter.name: exporter for exporter in BUILTIN}
FORMAT = "format"
JSON: Schema = {"title": "JSON"}
"""Without a type, which is what has the UI show an editor in a tab."""


def read_choice(exporter: str | Mapping[str, Any], options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name of a format and its options: from programs by their names, or from the form as its tabs have them.

    The form fills in every option that a format has of its own; those left as they were say nothing.

    Raises:
        RequestError: it is neither of these.
    """
    if isinstance(exporter, str):
        return exporter, dict(options)
    (chosen,) = exporter.values() if len(exporter) == 1 else ({},)
    name = chosen.get(FORMAT) if isinstance(chosen, Mapping) else None
    if not isinstance(name, str):
        raise RequestError(
            'The exporter is no name of a format; give one, or what the form makes of it: {"image": {"format": …}}.'
        )
    usual = {option: schema.get("default") for option, schema in _own_schemas(name).items()}
    own = {option: value for option, value in chosen.items() if option != FORMAT and value != usual.get(option)}
    if twice := sorted(own.keys() & options.keys()):
        raise RequestError(f"The option {twice[0]} is given with the format and among the options too; leave one out.")
    return name, {**options, **own}


def exporter_schema() -> Schema:
    """A choice of all built-in formats, and of any other by its name."""
    another = "The name of any format, such as one of a plug-in on the worker; its own options are options as JSON."
    tabs = [_modality_schema(modality) for modality in MODALITIES]
    return {"anyOf": [*tabs, {"title": "another", "type": "string", "description": another}]}


def options_schema() -> Schema:
    """What most formats share, as a form, or all options as JSON."""
    shared = _drawn(ImageOptions.model_json_schema()["properties"])
    for schema in shared.values():
        usual = schema.pop("default", None)
        if isinstance(usual, str) and "enum" in schema:
            schema["description"] += f" Nothing chosen: what is usual for the format, mostly {usual}."
    form = {"title": "form", "type": "object", "properties": shared, "additionalProperties": True}
    return {"anyOf": [form, JSON]}


def _modality_schema(modality: str) -> Schema:
    groups: dict[tuple[str, ...], list[Exporter]] = {}
    for exporter in map(FORMATS.__getitem__, sorted(FORMATS)):
        if modality in (exporter.holds.modalities or ("any",)):
            groups.setdefault(tuple(_own_schemas(exporter.name)), []).append(exporter)
    # When a form is opened again, the UI goes by the tab that has the most of a value's names, the first of several.
    ordered = sorted(groups.values(), key=lambda group: (len(_own_schemas(group[0].name)), group[0].name))
    tabs = {"title": f"Format for {modality}", "anyOf": [_group_schema(group) for group in ordered]}
    return _object(modality, {modality: tabs}, [modality])


def _group_schema(exporters: list[Exporter]) -> Schema:
    """Formats with the same options of their own."""
    names = [exporter.name for exporter in exporters]
    description = " ".join(
        f"{exporter.name}: {exporter.description}" if len(names) > 1 else exporter.description for exporter in exporters
    )
    choice = {"title": "Format", "type": "string", "enum": names, "default": names[0], "description": description}
    title = names[0] if len(names) == 1 else f"{names[0]}, {names[1]}" + (" …" if len(names) > 2 else "")
    return _object(title, {FORMAT: {**choice, "position": 0}, **_own_schemas(names[0])}, [FORMAT])


def _own_schemas(name: str) -> dict[str, Schema]:
    """The options that a format has of its own; none where the form does not know it."""
    if name not in FORMATS:
        return {}
    options: type[BaseModel] = FORMATS[name].options
    return _own(options)


@cache
def _own(options: type[BaseModel]) -> dict[str, Schema]:
    schemas = options.model_json_schema()["properties"]
    return _drawn({option: schema for option, schema in schemas.items() if option not in SHARED})


def _drawn(schemas: Mapping[str, Schema]) -> dict[str, Schema]:
    """Options as the UI draws them well, each under the name that it has everywhere else, in this order."""
    return {
        name: {**_typed(schema), "title": name, "position": position}
        for position, (name, schema) in enumerate(schemas.items(), start=1)
    }


def _typed(schema: Schema) -> Schema:
    if schema.get("type") == "object":  # such as old=new,old=new
        return {"description": schema["description"], "anyOf": [{"title": "text", "type": "string"}, JSON]}
    if "anyOf" in schema:  # nothing chosen is None
        (kind,) = (one for one in schema["anyOf"] if one["type"] != "null")
        return {"description": schema["description"], **kind}
    return {name: value for name, value in schema.items() if name not in ("format", "writeOnly")}


def _object(title: str, properties: dict[str, Schema], required: list[str]) -> Schema:
    return {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


ExporterChoice = Annotated[str | dict[str, Any], WithJsonSchema(exporter_schema())]
OptionsChoice = Annotated[dict[str, Any], WithJsonSchema(options_schema())]


AtLeast0 = Annotated[int, Field(ge=0)]
AtLeast1 = Annotated[int, Field(ge=1)]


def field(default: Any, title: str, description: str) -> Any:
    """A parameter of the form. Prefect gives it the name it has in code for a title, unless it is told so."""
    return Field(default=default, description=description, json_schema_extra={"title": title})
