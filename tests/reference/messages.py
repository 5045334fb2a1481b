"""`messages.md`: every refusal in the code with what to do about it, read from where it is raised."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from blocks import http
from exporters import errors
from exporters.errors import OuthaulError
from tests.reference.tables import table

ROOT = Path(__file__).parent.parent.parent
GAP = "…"
"""Stands for what differs from case to case."""

CHAPTERS = {
    "Ango Hub": ("blocks/ango/", "flows/ango/"),
    "IDAH": ("blocks/idah",),
    "UPD files": ("blocks/upd", "exporters/upd/", "exporters/formats/upd"),
    "Folders and their layouts": ("blocks/folder", "blocks/layouts/", "blocks/scratch"),
    "Plug-ins": ("exporters/plugins/", "exporters/contextual/", "exporters/scaffold/", "exporters/registries"),
    "Signing": ("blocks/signing", "flows/verify_signatures"),
    "Formats and their options": ("exporters/",),
    "Targets, workspaces, and what is far away": ("blocks/",),
    "Runs and commands": ("flows/", "deployments/"),
}
"""By the beginnings of paths; the first that fits counts."""

KINDS = {
    name
    for module in (errors, http)
    for name, found in vars(module).items()
    if isinstance(found, type) and issubclass(found, OuthaulError)
}

HEAD = """\
# Refusals

What the code refuses, by what it is about, as it is said; … stands for names, numbers and places. The class says what
comes of it: see [errors](errors.md). What is not here is an error of what Outhaul uses, or a fault: it is said as
*unexpected …*, and wants to be reported.

An entry's own reasons, for which it is left out with `--on-error skip`, begin with *its*; they are counted under these
words in the manifest.
"""


class Refusal(NamedTuple):
    """A sentence that is raised: what is wrong, and what to do."""

    place: str
    kind: str
    wrong: str
    cure: str


def refusals() -> Iterator[Refusal]:
    """All whose text stands where they are raised, in the order of the files."""
    for room in ("exporters", "blocks", "flows", "deployments"):
        for path in sorted((ROOT / room).rglob("*.py")):
            place = path.relative_to(ROOT).as_posix()
            if "/sandbox/" in place or "/examples/" in place:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.Call(ast.Name(kind)) if kind in KINDS and (text := _text(node, kind)):
                        yield Refusal(place, kind, *_parted(text))


def _text(call: ast.Call, kind: str) -> str:
    """The text of an error; empty where it is put together elsewhere."""
    place = 1 if kind == "SkippableError" else 0
    match call.args[place : place + 1]:
        case [ast.Constant(str() as text)]:
            return text
        case [ast.JoinedStr(values)]:
            text = "".join(str(one.value) if isinstance(one, ast.Constant) else GAP for one in values)
            return text if any(letter.isalpha() for letter in text) else ""
        case _:
            return ""


def _parted(text: str) -> tuple[str, str]:
    """What is wrong, and what to do: behind the semicolon, or a sentence of its own."""
    for end, kept in ((";", ""), (".", ".")):
        wrong, found, cure = text.rpartition(f"{end} ")
        if found and wrong and cure.strip(f"{GAP}. "):
            return wrong + kept, cure
    return text, ""


def page() -> Iterator[str]:
    found = list(refusals())
    yield from HEAD.splitlines()
    yield ""
    for chapter in CHAPTERS:
        rows = {(one.wrong, one.cure, one.kind) for one in found if _chapter(one.place) == chapter}
        yield from (f"## {chapter}", "")
        yield from table(("it says", "what to do", "class"), sorted(rows, key=lambda row: (row[0].casefold(), row)))


def _chapter(place: str) -> str:
    return next(chapter for chapter, begins in CHAPTERS.items() if place.startswith(begins))
