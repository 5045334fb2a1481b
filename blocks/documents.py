"""The documents beside a delivered package: how they are called, and whether a newer Outhaul wrote them."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec

from blocks.storage import Storage
from exporters.foreign_json import UNREADABLE
from exporters.version import MANIFEST_SCHEMA, too_new

MANIFEST = "manifest.json"
RECEIPT = "receipt.json"
LATEST = "latest.json"

FILES_BEGIN = b'  "files": ['
"""The line of a manifest behind which each file has one of its own."""


class _Versioned(msgspec.Struct):
    schema: int = MANIFEST_SCHEMA


_decode_versioned = msgspec.json.Decoder(_Versioned).decode


def refuse_newer(data: bytes, shown: str) -> None:
    """Raises RequestError if a newer Outhaul wrote a document; asked first, since all else of it may be otherwise."""
    with contextlib.suppress(*UNREADABLE):  # it is damaged rather than new
        if (found := _decode_versioned(data).schema) > MANIFEST_SCHEMA:
            raise too_new(shown, "the schema", found, MANIFEST_SCHEMA)


def manifest_head(storage: Storage, folder: str) -> dict[str, Any]:
    """A manifest without its list of files.

    Raises:
        RequestError: a newer Outhaul wrote it.
        UNREADABLE: it is none (`exporters.foreign_json`).
    """
    data = head = begin = b""
    for chunk in storage.stream(f"{folder}{MANIFEST}"):
        data += chunk
        head, begin, _ = data.partition(b",\n" + FILES_BEGIN)
        if begin:
            break
    document = head + b"\n}" if begin else data
    refuse_newer(document, storage.shown_path(f"{folder}{MANIFEST}"))
    return msgspec.json.decode(document, type=dict[str, Any])
