"""`blocks.md`: each block with the fields of its form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from prefect.blocks.core import Block
from pydantic_core import to_jsonable_python

from blocks.catalog import BLOCKS, SOURCES, TARGETS
from tests.reference.tables import code, kind, table

HEAD = ("field", "type", "default", "what it is")


def page() -> Iterator[str]:
    yield from (
        "# Blocks",
        "",
        "Made in the Prefect UI, or by `outhaul blocks create FILE.yaml`, under the kind and the names of fields given",
        "here. Secrets are kept encrypted, and shown as stars.",
        "",
    )
    for block in BLOCKS:
        yield from _block(block)


def _block(block: type[Block]) -> Iterator[str]:
    slug, schema = block.get_block_type_slug(), block.model_json_schema()
    yield from (
        f"## {block.get_block_type_name()}",
        "",
        f"{block.get_description()} Kind: `{slug}`{_named(block)}.",
        "",
    )
    secrets = {name.removesuffix(".*") for name in schema["secret_fields"]}
    rows = []
    for name, field in block.model_fields.items():
        of_its_kind = "secret" if name in secrets else kind(schema["properties"][name])
        if name in secrets and schema["properties"][name].get("type") == "object":
            of_its_kind = "secret JSON object"
        default = "*required*" if field.is_required() else code(_default(block, name))
        rows.append((code(name), of_its_kind, default, field.description or ""))
    yield from table(HEAD, rows)


def _named(block: type[Block]) -> str:
    """How the command line takes a saved one."""
    slug = block.get_block_type_slug()
    if block in SOURCES:
        return f"; as SOURCE `{slug}/NAME`"
    if block in TARGETS:
        short = ", or `block:NAME`" if block is TARGETS[0] else ""
        return f"; as `--to block:{slug}/NAME`{short}"
    return "; as `--workspace block:NAME`" if slug == "outhaul-workspace" else ""


def _default(block: type[Block], name: str) -> str:
    """As JSON has it; nothing for what is empty, and where it depends on the machine."""
    field = block.model_fields[name]
    if field.default_factory and name == "url":
        return ""
    value: Any = field.get_default(call_default_factory=True, validated_data={})
    value = value.get_secret_value() if hasattr(value, "get_secret_value") else value
    value = to_jsonable_python(value)
    return "" if value in ("", [], {}) else value if isinstance(value, str) else json.dumps(value)
