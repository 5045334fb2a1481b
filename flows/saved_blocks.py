"""`outhaul blocks`: register the forms, list what is saved, and check that it works."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from prefect.blocks.core import Block

from blocks.catalog import BLOCKS
from blocks.checking import Checkable
from blocks.existing import KINDS
from blocks.saved import load_saved, prefect_api, saved_names
from blocks.target import Target
from blocks.urls import without_credentials
from exporters.errors import OuthaulError, RequestError, unknown_name

DONE, BROKEN = 0, 1

BY_KIND: dict[str, type[Block]] = {block.get_block_type_slug(): block for block in BLOCKS}


def register_command(_: Namespace) -> tuple[int, str, dict[str, Any]]:
    """Carry out `outhaul blocks register`."""
    with prefect_api() as client:
        where = without_credentials(str(client.api_url))
        for block in BLOCKS:
            block.register_type_and_schema()
    lines = [f"{slug:<20} {block.get_block_type_name()}" for slug, block in BY_KIND.items()]
    lines.append(f"Registered {len(BY_KIND)} kinds of blocks at {where}.")
    return DONE, "\n".join(lines), {"api": where, "kinds": list(BY_KIND)}


def list_command(_: Namespace) -> tuple[int, str, dict[str, Any]]:
    """Carry out `outhaul blocks list`."""
    slugs = [f"{kind}/{name}" for kind in BY_KIND for name in saved_names(kind)]
    return DONE, "\n".join(slugs) or "No blocks are saved.", {"blocks": slugs}


def check_command(arguments: Namespace) -> tuple[int, str, dict[str, Any]]:
    """Carry out `outhaul blocks check`: each of them, also after one that does not work."""
    slugs = [find_slug(name) for name in arguments.names]
    found = [{"block": slug, **_checked(slug)} for slug in slugs]
    status = DONE if all(one["works"] for one in found) else BROKEN
    lines = [f"{one['block']}: {one['said']}" for one in found]
    return status, "\n".join(lines), {"blocks": found}


def find_slug(text: str) -> str:
    """`KIND/NAME` of the saved block that a text names, by its name alone where only one has it.

    Raises:
        RequestError: there is none, or there are several.
    """
    kind, slash, name = text.partition("/")
    if slash:
        if kind not in BY_KIND and kind not in KINDS:
            raise unknown_name("kind of block", kind, [*BY_KIND, *KINDS])
        names = saved_names(kind)
        if name not in names:
            raise unknown_name(f"saved block {kind}", name, names, where="the Prefect API", if_none="make one")
        return text
    found = [f"{kind}/{text}" for kind in BY_KIND if text in saved_names(kind)]
    if len(found) > 1:
        raise RequestError(f"{len(found)} saved blocks are called {text!r}; say which: {', '.join(found)}.")
    if not found:
        raise RequestError(f"There is no saved block {text!r}; see `outhaul blocks list`.")
    return found[0]


def _checked(slug: str) -> dict[str, Any]:
    kind, _, name = slug.partition("/")
    try:
        block = load_saved(BY_KIND[kind], name) if kind in BY_KIND else Target(saved_block=slug)
        said = block.check() if isinstance(block, Checkable) else "It is saved; there is nothing to be tried."
    except OuthaulError as error:
        return {"works": False, "said": str(error)}
    return {"works": True, "said": said}
