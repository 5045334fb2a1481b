"""The commands that write plug-ins: `plugin create` and `plugin add-exporter`.

What is not said by a flag is asked for on a terminal, and has a default elsewhere.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.prompt import Prompt

from exporters import RequestError, registry
from exporters.scaffold import PATTERNS, NewExporter, NewPlugin, add_exporter, create_plugin
from flows.formats import refuse_unknown_modality

WRITTEN = 0
FIRST_PATTERN = next(iter(PATTERNS))


def create_command(arguments: Namespace) -> tuple[int, str, dict[str, Any]]:
    """Carry out `outhaul plugin create`."""
    _refuse_taken(arguments.name)
    display_name = _answer("Display name", arguments.display_name, arguments.name)
    exporter = _exporter(arguments)
    version = _answer("Version", arguments.version, "0.0.1")
    parent = Path(arguments.directory)
    files = create_plugin(NewPlugin(exporter, display_name, version), parent)
    folder = parent / exporter.name
    text = (
        f"Created the plug-in {exporter.name} in {folder}.\n\n"
        f"  cd {folder}\n"
        f"  pytest\n"
        f"  OUTHAUL_PLUGINS=. outhaul formats --modality {exporter.modality}\n"
        f"  OUTHAUL_PLUGINS=. outhaul export SOURCE --as {exporter.name} --to out"
    )
    return WRITTEN, text, {"plugin": exporter.name, "folder": str(folder), "files": _shown(files)}


def add_exporter_command(arguments: Namespace) -> tuple[int, str, dict[str, Any]]:
    """Carry out `outhaul plugin add-exporter`."""
    _refuse_taken(arguments.name)
    exporter = _exporter(arguments)
    files = add_exporter(exporter, Path(arguments.directory))
    text = "\n".join([f"Added the exporter {exporter.name}:", *(f"  {path}" for path in files)])
    return WRITTEN, text, {"exporter": exporter.name, "files": _shown(files)}


def _exporter(arguments: Namespace) -> NewExporter:
    description = _answer("Description", arguments.description, f"Annotations as {arguments.name} has them.")
    modality = _answer("Modality", arguments.modality, "image")
    refuse_unknown_modality(modality)
    return NewExporter(
        name=arguments.name,
        description=description,
        modality=modality,
        pattern=_answer("Pattern", arguments.pattern, FIRST_PATTERN, choices=list(PATTERNS)),
    )


def _refuse_taken(name: str) -> None:
    if name in registry.all():
        raise RequestError(f"There is an exporter {name!r} already (see outhaul formats); choose another name.")


def _answer(question: str, given: str | None, default: str, choices: list[str] | None = None) -> str:
    """What a flag said, or else the answer of the person at the terminal, or else the default."""
    if given is not None or not sys.stdin.isatty():
        return default if given is None else given
    try:  # on standard error, because standard output is for the outcome
        return Prompt.ask(question, default=default, choices=choices, console=Console(stderr=True))
    except (EOFError, KeyboardInterrupt):
        raise RequestError(
            "The questions were not answered to the end, and nothing was written; run it again."
        ) from None


def _shown(paths: Sequence[Path]) -> list[str]:
    return [str(path) for path in paths]
