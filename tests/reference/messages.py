"""`messages.md`: every refusal in the code with what to do about it, read from where it is raised.

Where the words of a cure stand in a variable, all it may hold are read. Where they come from elsewhere, `CURED_BY`
says from where; `tests/test_refusals.py` holds each refusal to having one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from exporters.errors import OuthaulError, SkippableError
from tests.reference.tables import table

ROOT = Path(__file__).parent.parent.parent
GAP = "…"
"""Stands for what differs from case to case."""
LEFT_OUT = SkippableError("", "").refusal().args[0].rpartition("; ")[2]
"""What to do about an entry that cannot be exported: `SkippableError.refusal` puts it behind every reason."""

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

LISTS = ("problems", "refusals")
"""What is wrong with one thing is collected in lists of these names, and said at once, a line for each."""

ITSELF = "what it says again is a refusal that has its own"
CURED_BY = {
    "blocks/ango/client.py: error.message": ITSELF,
    "blocks/ango/exporting.py: str(error)": ITSELF,
    "blocks/ango/upload.py: str(error)": ITSELF,
    "blocks/ango/upload.py: The export was made, but could not be uploaded: …": ITSELF,
    "blocks/guard.py: Nothing is fetched from … (…); ….": "Guard.advice",
    "blocks/http_target.py: str(error)": ITSELF,
    "blocks/http_target.py: Nothing can be delivered there: …": ITSELF,
    "blocks/idah_client.py: error.message": ITSELF,
    "blocks/layouts/xml_file.py: … cannot be read: ….": "_Target, which raises _RefusedError",
    "blocks/lease.py: self._refusal(at_work[0])": "Lease._refusal",
    "blocks/probing.py: …: …": ITSELF,
    "blocks/storage_errors.py: … is gone; ….": "whoever says what to do with `lost`",
    "deployments/serve.py: The Prefect server does not answer at …; ….": "_look_into",
    "exporters/upd/verifying.py: the signature of dataset … has no certificate that can be read": "flows/verify.py",
    "flows/verify_signatures.py: …: …": "flows/verify.py",
    "exporters/plugins/folders.py: _failure(plugin, error, source.entry.parent)": "_failure",
    "exporters/plugins/loaded.py: problem": ITSELF,
    "exporters/registries.py: '\\n'.join(problems)": ITSELF,
    "exporters/registries.py: '\\n'.join(refusals)": ITSELF,
    "exporters/registries.py: '\\n'.join([str(unknown), *self._plugins.failures])": ITSELF,
    "exporters/registries.py: refusal": "Registry._refusal",
    "flows/ango/exported.py: _why(state)": "_why",
    "flows/block_file.py: '\\n'.join((f'{path}: {problem}' for problem in problems))": ITSELF,
    "flows/child.py: … was still running after … seconds and was stopped; …": "whoever makes the Child: if_too_long",
    "flows/commands.py: str(error)": ITSELF,
    "flows/contextual.py: end.message": "flows/contextual_worker.py: run",
    "flows/deliver_all.py: '\\n'.join([*lost, *got, advice])": "refuse_undelivered, in its last line",
    "flows/demo.py: str(error)": "what the sandbox refuses",
    "flows/download.py: error.message": ITSELF,
    "flows/plan.py: '\\n'.join(problems)": ITSELF,
}
"""Where a refusal's cure comes from whose own words have none, by its file and its words."""

HEAD = f"""\
# Refusals

What the code refuses, by what it is about, as it is said; … stands for names, numbers and places. The class says what
comes of it: see [errors](errors.md). What is not here is an error of what Outhaul uses, or a fault: it is said as
*unexpected …*, and wants to be reported.

An entry's own reasons, for which it is left out with `--on-error skip`, begin with *its*; they are counted under these
words in the manifest. Without that the run ends at the first, and says so: *{LEFT_OUT}*
"""


class Refusal(NamedTuple):
    """A sentence that is raised: what is wrong, and what to do; the cure is empty if its own words have none."""

    place: str
    kind: str
    wrong: str
    cure: str
    is_text: bool = True
    """No expression for what is composed elsewhere."""

    @property
    def key(self) -> str:
        """As `CURED_BY` names it."""
        return f"{self.place}: {self.wrong}"


def refusals() -> Iterator[Refusal]:
    """All of the code, in the order of the files; what is composed elsewhere as the expression that stands for it."""
    for room in ("exporters", "blocks", "flows", "deployments"):
        for path in sorted((ROOT / room).rglob("*.py")):
            place = path.relative_to(ROOT).as_posix()
            if "/sandbox/" in place or "/examples/" in place:
                continue
            source = path.read_text()
            if "Error" in source or any(name in source for name in LISTS):
                module = import_module(place.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
                yield from refusals_in(source, place, vars(module))


def refusals_in(source: str, place: str, names: dict[str, Any]) -> Iterator[Refusal]:
    """Those of one module, with the names it knows."""
    tree = ast.parse(source)
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not (found := _raised(node, names)):
            continue
        kind, said = found
        around = [one for one in functions if one.lineno <= node.lineno <= (one.end_lineno or 0)]
        otherwise = LEFT_OUT if kind == SkippableError.__name__ else ""
        if not isinstance(said, ast.Constant | ast.JoinedStr):
            yield Refusal(place, kind, ast.unparse(said), otherwise, is_text=False)
            continue
        for wrong, cure in _sentences(said, around[-1:]):
            yield Refusal(place, kind, wrong, cure or otherwise)


def _raised(call: ast.Call, names: dict[str, Any]) -> tuple[str, ast.expr] | None:
    """The class of an error that is made here, and its text."""
    match call.func:
        case ast.Name(name):
            kind = names.get(name)
        case ast.Attribute(ast.Name(module), name):
            kind = getattr(names.get(module), name, None)
        case _:
            kind = None
    if isinstance(kind, type) and issubclass(kind, OuthaulError):
        place = 1 if issubclass(kind, SkippableError) else 0
        return (kind.__name__, call.args[place]) if len(call.args) > place else None
    match call:
        case ast.Call(ast.Attribute(ast.Name(name) | ast.Attribute(attr=name), "append"), [said]) if name in LISTS:
            return ("RequestError", said) if isinstance(said, ast.Constant | ast.JoinedStr) else None
    return None


def _sentences(said: ast.expr, around: Sequence[ast.AST]) -> Iterator[tuple[str, str]]:
    """What is wrong and what to do; several where that stands in a variable of the function around."""
    wrong, cure = _parted(_text(said))
    last = "" if cure else _last_variable(said)
    choices = list(dict.fromkeys(_values(last, around)))
    for choice in choices:
        yield _parted(_text(said, {last: choice}))
    if not choices:
        yield wrong, cure


def _last_variable(said: ast.expr) -> str:
    """What fills the last gap of a text; empty where that is no mere variable."""
    gaps = (
        [one for one in said.values if isinstance(one, ast.FormattedValue)] if isinstance(said, ast.JoinedStr) else []
    )
    return gaps[-1].value.id if gaps and isinstance(gaps[-1].value, ast.Name) else ""


def _text(said: ast.expr, known: dict[str, str] | None = None) -> str:
    match said:
        case ast.Constant(str() as text):
            return text
        case ast.JoinedStr(values):
            return "".join(_text(one, known) for one in values)
        case ast.FormattedValue(ast.Name(name)):
            return (known or {}).get(name, GAP)
    return GAP


def _values(name: str, around: Sequence[ast.AST]) -> Iterator[str]:
    """What a variable is set to in words."""
    for node in (one for function in around for one in ast.walk(function)):
        match node:
            case ast.Assign([ast.Name(id=target)], value) if target == name:
                choices = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
                yield from (text for choice in choices if any(map(str.isalpha, text := _text(choice))))


def _parted(text: str) -> tuple[str, str]:
    """What is wrong, and what to do: behind the semicolon, or a sentence of its own."""
    for end, kept in ((";", ""), (".", ".")):
        wrong, found, cure = text.rpartition(f"{end} ")
        if found and wrong and not wrong.endswith("..") and cure.strip(f"{GAP}. "):
            return wrong + kept, cure
    return text, ""


def page() -> Iterator[str]:
    found = list(refusals())
    yield from HEAD.splitlines()
    yield ""
    shown = [one for one in found if one.is_text and (one.cure or CURED_BY.get(one.key) != ITSELF)]
    for chapter in CHAPTERS:
        rows = {(one.wrong, one.cure or GAP, one.kind) for one in shown if _chapter(one.place) == chapter}
        yield from (f"## {chapter}", "")
        yield from table(("it says", "what to do", "class"), sorted(rows, key=lambda row: (row[0].casefold(), row)))


def _chapter(place: str) -> str:
    return next(chapter for chapter, begins in CHAPTERS.items() if place.startswith(begins))
