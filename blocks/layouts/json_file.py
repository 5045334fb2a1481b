"""JSON files of strangers: small ones whole, large ones record by record, both refused by name when unsound."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ijson
import orjson

from blocks.layouts.opened import Folder
from blocks.storage_errors import translated
from exporters.errors import RequestError, first_line
from exporters.foreign_json import UNREADABLE, Shallow, check_levels

UNSOUND = (ijson.JSONError, ValueError)
"""What ijson raises: the latter of texts that are no UTF-8, and of numbers of thousands of digits."""


def parsed(text: str | bytes) -> Any:
    """JSON, however it is nested.

    Raises:
        UNREADABLE: it is none, or nested too deeply.
    """
    data = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    check_levels(data)
    return orjson.loads(data)


def read_json(folder: Folder, path: str) -> Any:
    """A small document.

    Raises:
        RequestError: it is no JSON, or nested too deeply.
    """
    try:
        return parsed(folder.read_text(path))
    except UNREADABLE as error:
        raise RequestError(f"{folder.shown_file(path)} is no sound JSON ({error}); correct it there.") from None


def stream_json(folder: Folder, path: str, prefix: str) -> Iterator[tuple[dict[str, Any], bytes]]:
    """The objects at a prefix of a document of any size, one at a time, each parsed and as compact JSON.

    Raises:
        RequestError: the document is no JSON, or holds something else there.
    """
    shown = folder.shown_file(path)
    with translated(shown), folder.storage.open(path) as handle:
        try:
            for item in ijson.items(Shallow(handle), prefix, use_float=True):
                if not isinstance(item, dict):
                    raise RequestError(f"{shown} has something that is no object at {prefix}; correct it there.")
                yield item, compacted(item, shown)
        except UNSOUND as error:
            raise unsound(error, shown) from None


def first_keys(folder: Folder, path: str, known: frozenset[tuple[str, str]]) -> tuple[str, str] | None:
    """The first of `known` prefixes and events that a document has; None where none comes soon."""
    with translated(folder.shown_file(path)), folder.storage.open(path) as handle:
        try:
            for count, (prefix, event, _) in enumerate(ijson.parse(Shallow(handle), use_float=True)):
                if (prefix, event) in known:
                    return prefix, event
                if count > _SOON:
                    return None
        except UNSOUND:
            return None
    return None


_SOON = 10_000
"""Tokens: what a document is shows in its head."""


def unsound(error: Exception, shown: str) -> RequestError:
    """What to raise for a document of which ijson has said what is wrong with it."""
    return RequestError(f"{shown} is no sound JSON ({first_line(str(error))[:100]}); correct it there.")


def compacted(item: dict[str, Any], shown: str) -> bytes:
    """A record as compact JSON.

    Raises:
        RequestError: it has something that no record can keep.
    """
    try:
        return orjson.dumps(item)
    except TypeError as error:  # what it says of numbers beyond 64 bits
        raise RequestError(f"{shown} has a record that cannot be kept ({error}); correct it there.") from None
