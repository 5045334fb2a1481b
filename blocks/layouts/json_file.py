"""JSON files of strangers: small ones whole, large ones record by record, both refused by name when unsound."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ijson
import orjson

from blocks.layouts.opened import Folder
from blocks.storage_errors import translated
from exporters.errors import RequestError


def read_json(folder: Folder, path: str) -> Any:
    """A small document.

    Raises:
        RequestError: it is no JSON, or nested too deeply.
    """
    try:
        return orjson.loads(folder.read_text(path))
    except orjson.JSONDecodeError as error:
        raise RequestError(f"{folder.shown_file(path)} is no sound JSON ({error}); correct it there.") from None


def stream_json(folder: Folder, path: str, prefix: str) -> Iterator[tuple[dict[str, Any], bytes]]:
    """The objects at a prefix of a document of any size, one at a time, each parsed and as compact JSON.

    Raises:
        RequestError: the document is no JSON, or holds something else there.
    """
    shown = folder.shown_file(path)
    with translated(shown), folder.storage.open(path) as handle:
        try:
            for item in ijson.items(handle, prefix, use_float=True):
                if not isinstance(item, dict):
                    raise RequestError(f"{shown} has something that is no object at {prefix}; correct it there.")
                yield item, _compact(item, shown)
        except ijson.JSONError as error:
            said = str(error).splitlines()[0][:100]
            raise RequestError(f"{shown} is no sound JSON ({said}); correct it there.") from None


def first_keys(folder: Folder, path: str, known: frozenset[tuple[str, str]]) -> tuple[str, str] | None:
    """The first of `known` prefixes and events that a document has; None where none comes soon."""
    with translated(folder.shown_file(path)), folder.storage.open(path) as handle:
        try:
            for count, (prefix, event, _) in enumerate(ijson.parse(handle, use_float=True)):
                if (prefix, event) in known:
                    return prefix, event
                if count > _SOON:
                    return None
        except ijson.JSONError:
            return None
    return None


_SOON = 10_000
"""Tokens: what a document is shows in its head."""


def _compact(item: dict[str, Any], shown: str) -> bytes:
    try:
        return orjson.dumps(item)
    except TypeError as error:  # what it says of numbers beyond 64 bits, and of objects in objects in objects ...
        raise RequestError(f"{shown} has a record that cannot be kept ({error}); correct it there.") from None
