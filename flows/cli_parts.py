"""What the commands of `flows.cli` have in common. Loads nothing but Python's own."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

EPILOG = """\
SOURCE is a saved block (idah/production), idah+https://HOST, ango+https://HOST, folder:PATH, or upd:FILE.
Secrets come from a saved block or the environment: OUTHAUL_API_KEY, or OUTHAUL_EMAIL and OUTHAUL_PASSWORD.
URL is a path or anything fsspec reaches (s3://bucket/folder, with AWS_* variables), or a saved target:
block:NAME, or block:KIND/NAME such as block:outhaul-http-target/catalogue for an API.

exit status: 0 all delivered, 1 failed, 2 the request was wrong and nothing was fetched,
             3 delivered with entries left out under --on-error skip, or with records that an API refused
"""


def add_command(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    """A command with what all commands have."""
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("--json", action="store_true", help="print one JSON object on standard output, nothing else")
    return command


def add_workspace_option(command: argparse.ArgumentParser, what: str = "where to work") -> None:
    command.add_argument(
        "--workspace", metavar="URL", default="", help=f"{what} (default: $OUTHAUL_WORKSPACE, or in the cache)"
    )


def between(least: int, most: int) -> Callable[[str], int]:
    """Reads a number of an argument, from the least to the most, both included."""

    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
        return int(text)

    return number
