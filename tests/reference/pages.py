"""All pages of the reference, as they should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tests.reference import blocks, cli, dependencies, errors, faults, formats, manifest, messages

FOLDER = Path(__file__).parent.parent.parent / "deployments" / "reference"
MADE = "<!-- made from the code by `python -m tests.reference`, checked by tests/test_reference.py -->"

PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "blocks.md": blocks.page,
    "cli.md": cli.page,
    "dependencies.md": dependencies.page,
    "errors.md": errors.page,
    "faults.md": faults.page,
    "formats.md": formats.page,
    "manifest.md": manifest.page,
    "messages.md": messages.page,
}


def pages() -> dict[str, str]:
    """The text of each by its name in `FOLDER`."""
    return {name: "\n".join([MADE, "", *make()]).rstrip() + "\n" for name, make in PAGES.items()}
