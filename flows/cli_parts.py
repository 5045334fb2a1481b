"""What the commands of `flows.cli` have in common. Loads nothing but Python's own."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Callable
from typing import Any

SOURCES = """\
SOURCE is a saved block (idah/production), idah+https://HOST, ango+https://HOST, folder:PATH, or upd:FILE.
Its secrets come from the block or the environment: OUTHAUL_API_KEY, or OUTHAUL_EMAIL and OUTHAUL_PASSWORD."""
URLS = """\
URL is a path or anything fsspec reaches (s3://bucket/folder, with AWS_* variables), or a saved target:
block:NAME, or where several are called so block:KIND/NAME, such as block:outhaul-s3-target/nightly."""
STATUSES = {
    0: "all delivered",
    1: "failed",
    2: "the request was wrong and nothing was fetched",
    3: "delivered with entries left out under --on-error skip, or with records that an API refused",
}
_STATUSES = "exit status:\n" + "\n".join(
    textwrap.fill(f"  {status}  {said}", 78, subsequent_indent=" " * 5) for status, said in STATUSES.items()
)
EPILOG = f"{SOURCES}\n\n{URLS}\n\n{_STATUSES}\n"


class Parser(argparse.ArgumentParser):
    """A parser whose help explains the words that its usage has, in lines as long as the terminal's."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, formatter_class=argparse.RawDescriptionHelpFormatter)

    def format_help(self) -> str:
        described, explained = self.description, self.epilog
        usage = self.format_usage()
        words = "\n\n".join(text for word, text in (("SOURCE", SOURCES), ("URL", URLS)) if word in usage)
        self.description, self.epilog = _fitted(described or ""), _fitted(explained or words)
        try:
            return super().format_help()
        finally:
            self.description, self.epilog = described, explained


def _fitted(text: str) -> str:
    """Paragraphs broken to the width of the terminal; lines that are indented stay as they are."""
    width = max(shutil.get_terminal_size().columns - 2, 40)
    paragraphs = text.strip().split("\n\n")
    return "\n\n".join(one if "\n  " in f"\n{one}" else textwrap.fill(one, width) for one in paragraphs)


def add_command(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    """A command with what all commands have."""
    command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
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
