"""`outhaul completion`: the script by which a shell completes commands, options, formats and paths."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

import shtab

from exporters import registry
from flows.cli import make_parser

FOLDERS = frozenset({"after", "before", "directory", "to", "url", "workspace"})
FILES = frozenset({"ca_bundle", "file", "trust"})
FORMATS = frozenset({"exporter", "format"})
"""The arguments that take such, by the names that the parser keeps them under."""


def completion_command(arguments: Namespace) -> tuple[int, str, dict[str, Any]]:
    """Carry out `outhaul completion`. Formats are those of today, plug-ins' too: a script made later knows more."""
    parser = make_parser()
    formats = tuple(registry.all())
    for argument in all_arguments(parser):
        if argument.dest in FORMATS:
            argument.choices = formats
        elif argument.dest in FOLDERS | FILES:
            argument.complete = shtab.DIRECTORY if argument.dest in FOLDERS else shtab.FILE  # type: ignore[attr-defined]
    script = shtab.complete(parser, arguments.shell)
    return 0, script, {"shell": arguments.shell, "script": script}


def all_arguments(parser: ArgumentParser) -> Iterator[argparse.Action]:
    """Those of a parser, and of all parsers within it."""
    for action in parser._actions:  # noqa: SLF001 - argparse shows them nowhere else, and shtab reads them there too
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for within in action.choices.values():
                yield from all_arguments(within)
