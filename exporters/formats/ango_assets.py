"""Assets of Ango Hub: what a row says of its file, and of the task that its annotations were made in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exporters.item import Item
from exporters.model import EMPTY, Entry

STAGES = {"completed": "Complete", "in_progress": "Label", "rejected": "Label"}
SIGNED = frozenset({"asset", "dataset", "brushDataUrl", "medicalBrushDataUrl", "masks"})
"""Keys under which Ango Hub gives addresses with a signature."""

Row = dict[str, Any]


def asset_row(item: Item, task: Mapping[str, Any]) -> Row:
    """The entry as Ango Hub exports an asset; `task` has the tools, classifications and relations of its task."""
    entry, media = item.entry, item.entry.original
    came = entry.record if entry.raw != EMPTY else {}
    is_ango = isinstance(came, dict) and isinstance(came.get("task"), dict)
    row: Row = _unsigned(came) if is_ango else _bare_asset(entry)
    if media and media.id in item.files:
        row["asset"] = item.files[media.id]
    row["metadata"] = _measured(item) | (row.get("metadata") or {})
    if item.size and "width" in row["metadata"]:  # as the picture is shown
        row["metadata"] |= {"width": item.size[0], "height": item.size[1]}
    batches = row.get("batches") or []
    row["batches"] = [*batches, *([entry.split] if entry.split and entry.split not in batches else [])]
    row["task"] |= task
    return row


def _bare_asset(entry: Entry) -> Row:
    media = entry.original
    stage = STAGES[entry.state]
    task: Row = {"taskId": entry.id, "stage": stage, "stageId": stage}
    if entry.updated_at:
        task["updatedAt"] = entry.updated_at
    row: Row = {
        "asset": media.name if media else "",
        "assetId": entry.id,
        "externalId": entry.name,
        "metadata": {},
        "batches": [],
        "task": task | {"totalDuration": 0},
    }
    if entry.attributes:
        row["contextData"] = entry.attributes
    return row


def _measured(item: Item) -> Row:
    media = item.entry.original
    if media is None:
        return {}
    width, height = item.size or (None, None)
    known = {"width": width, "height": height, "frameTotal": media.frames_count, "frameRate": media.frame_rate}
    return {key: value for key, value in known.items() if value is not None}


def _unsigned(value: Any, key: str = "") -> Any:
    """A record of Ango Hub without the signatures of its addresses."""
    if isinstance(value, dict):
        return {name: _unsigned(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_unsigned(one, key) for one in value]
    return value.partition("?")[0] if key in SIGNED and isinstance(value, str) and "://" in value else value
