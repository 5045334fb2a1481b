"""Versions of what is installed, and of what we write: what a newer Outhaul wrote is refused, not half understood."""

from __future__ import annotations

from functools import cache
from importlib import metadata

from exporters.errors import RequestError

MANIFEST_SCHEMA = 1
"""Of the documents beside a package; raised when who knows the one before would misunderstand the new one."""


@cache
def version_of(package: str) -> str:
    """Looked up once: Python reads and parses a file whenever it is asked."""
    return metadata.version(package)


def too_new(shown: str, kind: str, found: object, known: int, otherwise: str = "") -> RequestError:
    """The refusal of what a newer Outhaul made; `otherwise` says what can be done beside upgrading."""
    advice = f", or {otherwise}" if otherwise else ""
    return RequestError(
        f"{shown} has {kind} {found}, of a newer Outhaul, and those up to {known} are understood here; "
        f"use a newer Outhaul{advice}."
    )
