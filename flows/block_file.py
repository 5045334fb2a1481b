"""`outhaul blocks create`: blocks as a file describes them, for those who keep their set-up in a repository.

Carried out twice it changes nothing; nothing is saved unless all of the file is right. Secrets stand in the
environment or in files of their own.
"""

from __future__ import annotations

import os
import re
from argparse import Namespace
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from prefect.blocks.core import Block
from prefect.types.names import BlockDocumentName
from pydantic import TypeAdapter, ValidationError

from blocks.saved import load_saved, prefect_api, saved_names
from blocks.target import Target, refuse_relative
from blocks.workspace import Workspace
from exporters.errors import RequestError, first_line, unknown_name
from exporters.validation import wrong_values
from flows.commands import warn
from flows.saved_blocks import BY_KIND, DONE

_VARIABLE = re.compile(r"\$(\$\{)|\$\{(\w+)\}")
PARTS = ("kind", "name", "fields")


@dataclass(frozen=True)
class Wanted:
    """A block that a file describes."""

    slug: str
    block: Block = field(repr=False)

    @property
    def name(self) -> str:
        return self.slug.partition("/")[2]


def create_command(arguments: Namespace) -> tuple[int, str, dict[str, Any]]:
    """Carry out `outhaul blocks create`."""
    wanted, warnings = read_blocks(Path(arguments.file))
    warn(warnings)
    found = []
    for one in wanted:
        outcome = outcome_of(one)
        if outcome != "unchanged" and not arguments.dry_run:
            with prefect_api():
                one.block.save(one.name, overwrite=True)
        found.append({"block": one.slug, "outcome": outcome})
    would = "would be " if arguments.dry_run else ""
    lines = [f"{one['block']}: {would if one['outcome'] != 'unchanged' else ''}{one['outcome']}" for one in found]
    return DONE, "\n".join(lines), {"dry_run": arguments.dry_run, "blocks": found}


def outcome_of(wanted: Wanted) -> str:
    """`created`, `changed` or `unchanged`: what saving the block comes to."""
    kind = type(wanted.block)
    if wanted.name not in saved_names(kind.get_block_type_slug()):
        return "created"
    try:
        saved = load_saved(kind, wanted.name)
    except RequestError:  # its fields are not valid, and are about to be
        return "changed"
    return "unchanged" if _values(saved) == _values(wanted.block) else "changed"


def read_blocks(path: Path, environment: Mapping[str, str] = os.environ) -> tuple[list[Wanted], list[str]]:
    """The blocks that a file describes, and what is unwise about it.

    Raises:
        RequestError: all that is wrong with it, a line each.
    """
    problems: list[str] = []
    warnings: list[str] = []
    wanted: dict[str, Wanted] = {}
    for number, described in enumerate(_described(path), 1):
        reading = _Reading(path.parent, environment)
        found = reading.block(described, f"block {number}")
        problems += reading.problems
        warnings += reading.warnings
        if found and found.slug in wanted:
            problems.append(f"{found.slug} is described twice; describe it once.")
        if found:
            wanted[found.slug] = found
    if not wanted and not problems:
        problems.append("it describes no block; describe one.")
    if problems:
        raise RequestError("\n".join(f"{path}: {problem}" for problem in problems))
    return list(wanted.values()), [f"{path}: {warning}" for warning in warnings]


class _Reading:
    """Reads one block, and goes on where something is wrong, so that all is said at once."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder, self._environment = folder, environment
        self.problems: list[str] = []
        self.warnings: list[str] = []

    def block(self, described: Any, shown: str) -> Wanted | None:
        if not isinstance(described, dict) or not isinstance(described.get("kind"), str):
            self.problems.append(f"{shown} is no block; give it a kind, a name and fields.")
            return None
        slug = f"{described['kind']}/{described.get('name', '')}"
        self._check_parts(described, slug)
        kind = BY_KIND.get(described["kind"])
        if kind is None:
            self.problems.append(str(unknown_name("kind of block", described["kind"], BY_KIND)))
            return None
        fields = described.get("fields") or {}
        if not isinstance(fields, dict):
            self.problems.append(f"the fields of {slug} are none; write name: value.")
            return None
        return self._made(kind, slug, fields)

    def _check_parts(self, described: Mapping[Any, Any], slug: str) -> None:
        for part in described:
            if part not in PARTS:
                self.problems.append(str(unknown_name("part", str(part), PARTS, where=slug)))
        try:
            TypeAdapter(BlockDocumentName).validate_python(described.get("name"))
        except ValidationError:
            self.problems.append(f"{slug} is no name of a block; use lower-case letters, digits and dashes.")

    def _made(self, kind: type[Block], slug: str, fields: Mapping[Any, Any]) -> Wanted | None:
        secrets = secret_fields(kind)
        unknown = [str(name) for name in fields if name not in kind.model_fields]
        self.problems += [str(unknown_name("field", name, kind.model_fields, where=slug)) for name in unknown]
        before = len(self.problems)
        values = {name: self._value(value, f"{name} of {slug}") for name, value in fields.items()}
        bare = [name for name in fields if name in secrets and _is_literal(fields[name])]
        self.warnings += [
            f"{name} of {slug} is a secret that stands in the file; take it from the environment, as ${{NAME}}."
            for name in bare
        ]
        if unknown or len(self.problems) > before:
            return None
        try:
            made = kind(**values)
            if isinstance(made, Workspace) or (isinstance(made, Target) and made.url and not made.saved_block):
                refuse_relative(made.url, slug)
        except RequestError as error:
            self.problems.append(str(error))
            return None
        except ValidationError as error:
            self.problems.append(f"{slug} does not take {wrong_values(error, secrets)}; correct it.")
            return None
        return Wanted(slug, made)

    def _value(self, value: Any, shown: str) -> Any:
        """A value with variables and files put in."""
        match value:
            case str():
                return _VARIABLE.sub(lambda match: match[1] or self._variable(match[2], shown), value)
            case {"from_file": str() as name, **others} if not others:
                return self._text(name, shown)
            case dict():
                return {key: self._value(one, shown) for key, one in value.items()}
            case list():
                return [self._value(one, shown) for one in value]
        return value

    def _variable(self, name: str, shown: str) -> str:
        if name not in self._environment:
            self.problems.append(f"{shown} is taken from the variable {name}, which is not set; set it.")
        return self._environment.get(name, "")

    def _text(self, name: str, shown: str) -> str:
        try:
            return (self._folder / Path(name).expanduser()).read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, ValueError):  # the latter of what is no UTF-8, and of a path with a NUL in it
            self.problems.append(f"{shown} is taken from the file {name}, which cannot be read; check it.")
            return ""


def secret_fields(kind: type[Block]) -> Collection[str]:
    return {name.partition(".")[0] for name in kind.model_json_schema()["secret_fields"]}


def _is_literal(value: Any) -> bool:
    """Whether a value is a text that stands in the file as it is. What of options is secret cannot be told."""
    return isinstance(value, str) and bool(value) and not any(match[2] for match in _VARIABLE.finditer(value))


def _described(path: Path) -> Iterator[Any]:
    """What stands in the file: one block, a list of blocks, or several documents of either."""
    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise RequestError(f"{path} cannot be read ({first_line(error.strerror or '')}); check the path.") from None
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise RequestError(f"{path} is no YAML that can be read{where}; check it.") from None
    for document in documents:
        yield from document if isinstance(document, list) else [] if document is None else [document]


def _values(block: Block) -> dict[str, Any]:
    """All that was filled in, secrets too, to be compared and shown to nobody."""
    return block.model_dump(mode="json", include=set(type(block).model_fields), context={"include_secrets": True})
