"""A project of Ango Hub as a dataset, and what kind of files it is about, which the hub does not say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw

from blocks import http
from blocks.ango import kinds
from blocks.ango.client import AngoClient
from blocks.ango.records import to_dataset
from blocks.ango.signatures import unsigned
from blocks.values import mapping, text
from exporters.model import Dataset

LOOKED_AT_ASSETS = 25
"""Of a project, to tell what kind of files it is about: nothing else does."""


async def read_dataset(client: AngoClient, row: Raw) -> Dataset:
    """The dataset of a project's record, with the modality of some of its assets. Raises what the client does."""
    raw = Raw(unsigned(msgspec.json.format(bytes(row), indent=-1)))
    project = mapping(msgspec.json.decode(raw))
    try:
        assets = await client.assets(str(project.get("_id")), LOOKED_AT_ASSETS)
    except (http.ForbiddenError, http.NotFoundError):
        assets = []  # a key may do less than that
    return to_dataset(raw, _modality(project, [mapping(one) for one in assets]))


def _modality(project: dict[str, Any], assets: Sequence[dict[str, Any]]) -> str:
    """That of most of the assets looked at; of a project without any, what its tools are for."""
    names = [(text(one.get("data")) or "", text(one.get("externalId")) or "") for one in assets]
    counts = Counter(kinds.modality({}, data, name, data) for data, name in names)
    counts.pop(kinds.UNKNOWN, None)
    if counts:
        return counts.most_common(1)[0][0]
    tools = mapping(project.get("categorySchema")).get("tools")
    used = {mapping(one).get("tool") for one in tools} if isinstance(tools, list) else set()
    return "text" if used == {"ner"} else "document" if "pdf" in used else "image"
