"""Addresses of entries in a platform's own pages, made of a template that its users know: no platform tells it."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from blocks.http import encoded

_NAME = re.compile(r"\{(dataset|entry)\}")
_PART = r"(?:[^\s{}]|\{(?:dataset|entry)\})*"
PATTERN = rf"^(?:https?://[^\s{{}}/@]+/{_PART}\{{entry\}}{_PART})?$"
"""What the form asks for before it is saved."""


def _checked(template: str) -> str:
    if not re.fullmatch(PATTERN, template):
        raise ValueError(
            "should be an address that begins with https://, names a host, and holds {entry} behind it, "
            "also {dataset} where that is needed, but no other braces"
        )
    return template


EntryLink = Annotated[
    str,
    AfterValidator(_checked),
    Field(
        title="Link to an entry",
        json_schema_extra={"pattern": PATTERN},
        description="Where your platform shows an entry, for links in reports, such as "
        "https://labels.example.org/datasets/{dataset}/entries/{entry}; empty: reports have no links.",
    ),
]


def entry_address(template: str, dataset_id: str, entry_id: str) -> str:
    """The template with these ids in it, percent-encoded; empty where there is none, or an id that it needs."""
    names = {"dataset": dataset_id, "entry": entry_id}
    if not template or any(names[name] in ("", ".", "..") for name in _NAME.findall(template)):
        return ""
    return _NAME.sub(lambda match: encoded(names[match[1]]), template)
