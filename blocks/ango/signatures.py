"""Signed links in JSON: an address, and behind its `?` a permission that expires and is another one each time.

The permission is no part of what a row says, so it is taken out of it; an address that is a customer's own keeps the
query that it needs to be found.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from exporters.foreign_json import UNREADABLE

_LINK = re.compile(rb'"(https?:\\?/\\?/(?:[^"?\\\s]|\\[/u])*)\?([^"\s]*)"')
_SEPARATOR = re.compile(rb"&|\\u0026")
_SIGNATURES = frozenset({b"x-amz-signature", b"x-goog-signature", b"signature", b"sig"})
_OF_SIGNATURES = _SIGNATURES | {b"awsaccesskeyid", b"expires", b"key-pair-id", b"policy", b"googleaccessid", b"x-id"}
_PREFIXES = (b"x-amz-", b"x-goog-", b"response-content-")
_OF_AZURE = frozenset(
    {b"sv", b"se", b"st", b"sr", b"sp", b"spr", b"sip", b"sdd", b"skoid", b"sktid", b"skt", b"ske"}
) | {
    b"sks",
    b"skv",
}

Found = Callable[[str, str], None]
"""Given the address without its signature, and with it."""


def _ignore(_link: str, _signed: str) -> None:
    pass


def unsigned(document: bytes, found: Found = _ignore) -> bytes:
    """A JSON document without the signatures of links; all else of it stays byte for byte."""

    def bare(match: re.Match[bytes]) -> bytes:
        address, query = match[1], match[2]
        pairs = _SEPARATOR.split(query)
        names = [pair.partition(b"=")[0].lower() for pair in pairs]
        if _SIGNATURES.isdisjoint(names):
            return match[0]
        is_azure = b"sig" in names
        kept = [pair for pair, name in zip(pairs, names, strict=True) if not _is_of_signature(name, is_azure=is_azure)]
        text = b'"' + address + (b"?" + b"&".join(kept) if kept else b"") + b'"'
        try:
            found(msgspec.json.decode(text, type=str), msgspec.json.decode(match[0], type=str))
        except UNREADABLE:
            return match[0]
        return text

    return _LINK.sub(bare, document)


def _is_of_signature(name: bytes, *, is_azure: bool) -> bool:
    return name in _OF_SIGNATURES or name.startswith(_PREFIXES) or (is_azure and name in _OF_AZURE)
