"""`cli.md`: every command with its arguments, as its parser has them.

Not `--help` as it is printed: Python's releases lay that out differently.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from flows.cli import COMMANDS, make_parser
from tests.reference.tables import code, table

HEAD = ("argument", "what it is")
SHARED = "json"
"""Every command takes it."""

Parser = argparse.ArgumentParser


def page() -> Iterator[str]:
    whole = make_parser()
    yield from ("# Command line", "", f"{whole.description} `outhaul COMMAND --help` prints the same.", "")
    yield from ("```text", (whole.epilog or "").strip(), "```", "")
    commands = dict(_commands(whole))
    assert commands.keys() == COMMANDS.keys(), "a command has no parser, or a parser no command"
    (json,) = (one for one in commands["export"]._actions if one.dest == SHARED)
    yield from (f"Every command takes `--json`: {json.help}.", "")
    for name, command in commands.items():
        said, _, more = (command.description or "").partition("\n\n")
        yield from (f"## outhaul {name}", "", said, "")
        if more:
            yield from ("```text", more.strip(), "```", "")
        actions = [one for one in command._actions if one.dest not in ("help", SHARED)]
        if actions:
            yield from table(HEAD, ((_shown(one), _said(one)) for one in actions))


def _commands(parser: Parser, before: str = "") -> Iterator[tuple[str, Parser]]:
    """All commands by what is typed for them, in the order of the help; groups themselves are none."""
    groups = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    if not groups:
        yield before, parser
    for group in groups:
        for name, command in group.choices.items():
            yield from _commands(command, f"{before} {name}".strip())


def _shown(action: argparse.Action) -> str:
    """How it is typed."""
    choices = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else ""
    value = "" if action.nargs == 0 else str(action.metavar or choices or action.dest.upper())
    if not action.option_strings:
        return code(f"[{value}]" if action.nargs == "?" else f"{value} ..." if action.nargs == "+" else value)
    typed = " ".join([", ".join(action.option_strings), value, "..." if action.nargs == "+" else ""])
    return code(typed.strip()) + (" *required*" if action.required else "")


def _said(action: argparse.Action) -> str:
    return (action.help or "") % vars(action)
