"""The commands that need no Prefect: `formats` and `verify`."""

from __future__ import annotations

import os
from argparse import Namespace
from typing import Any

from blocks.storage import Storage
from exporters import registry
from exporters.registry import AnyExporter
from flows.verify import verify

SOUND, BROKEN = 0, 1


def formats_command(arguments: Namespace) -> tuple[int, str, dict[str, Any]]:
    found = [
        exporter
        for exporter in registry.all().values()
        if not arguments.modality
        or exporter.holds.modalities is None
        or arguments.modality in exporter.holds.modalities
    ]
    text = "\n\n".join(_format_text(exporter) for exporter in found) or "No format holds that."
    return SOUND, text, {"formats": [_format_object(exporter) for exporter in found]}


def verify_command(arguments: Namespace) -> tuple[int, str, dict[str, Any]]:
    url = arguments.url
    verdict = verify(Storage(url if "://" in url else os.path.abspath(url)))  # noqa: PTH100 - a URL, not a path, to fsspec
    document = {
        "url": verdict.url,
        "export_id": verdict.export_id,
        "files": verdict.files,
        "bytes": verdict.bytes,
        "problems": list(verdict.problems),
    }
    if verdict.problems:
        lines = [f"{verdict.url} is not what was delivered:", *(f"  {problem}" for problem in verdict.problems)]
        return BROKEN, "\n".join(lines), document
    return (
        SOUND,
        f"{verdict.url} is whole: {verdict.files:,} files, {verdict.bytes:,} bytes, all as delivered.",
        document,
    )


def _format_text(exporter: type[AnyExporter]) -> str:
    holds = exporter.holds
    lines = [f"{exporter.name:<8} {exporter.description}"]
    modalities = "any modality" if holds.modalities is None else ", ".join(sorted(holds.modalities))
    shapes = "every shape" if holds.shapes is None else ", ".join(sorted(holds.shapes)).replace("_", " ")
    lines.append(f"{'':<8} holds {modalities}; {shapes}")
    for option in _options(exporter):
        choices = f" ({' | '.join(map(str, option['choices']))})" if option["choices"] else ""
        lines.append(f"{'':<8} --option {option['name']}={option['default']}{choices}")
        lines.append(f"{'':<10} {option['description']}")
    return "\n".join(lines)


def _format_object(exporter: type[AnyExporter]) -> dict[str, Any]:
    holds = exporter.holds
    return {
        "name": exporter.name,
        "description": exporter.description,
        "version": exporter.version,
        "modalities": None if holds.modalities is None else sorted(holds.modalities),
        "shapes": None if holds.shapes is None else sorted(holds.shapes),
        "options": _options(exporter),
    }


def _options(exporter: type[AnyExporter]) -> list[dict[str, Any]]:
    properties = exporter.options.model_json_schema().get("properties", {})
    return [
        {
            "name": name,
            "default": schema.get("default"),
            "choices": schema.get("enum", []),
            "description": schema.get("description", ""),
        }
        for name, schema in properties.items()
    ]
