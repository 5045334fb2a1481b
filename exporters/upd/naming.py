"""Names that do not fit a column, shortened by a rule: different names stay different, and nothing is cut silently.

A name stands as it is when it is not too long and does not look shortened itself. Otherwise it is its beginning, `~`,
and 32 hex digits of a digest over all of it. Where names meet (two datasets that both count their entries from 1), all
of them are written that way, and the digest goes over what they belong to as well; the true name is in the row's
metadata.
"""

from __future__ import annotations

import hashlib
import json
import re

MARK = "~"
DIGITS = 32

_SHORTENED = re.compile(MARK + r"[0-9a-f]{32}\Z")


def fitted(name: str, limit: int, *scope: str | int, least: int = 0) -> str:
    """A name of `least` to `limit` characters; with a `scope`, one that tells equal names of other scopes apart."""
    if not scope and least <= len(name) <= limit and not _SHORTENED.search(name):
        return name
    told_apart = json.dumps([*scope, name]).encode()
    digest = hashlib.sha256(told_apart).hexdigest()[:DIGITS]
    return f"{name[: limit - len(MARK) - DIGITS]}{MARK}{digest}"
