"""Who made a thing of Ango Hub, when, and in which stage: as texts of the record model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from blocks.values import identifier, mapping, text


def made(record: Mapping[str, Any], stages: Mapping[str, str]) -> dict[str, Any]:
    """Fields of an annotation; `stages` are the names of the project's, by their ids."""
    metadata = mapping(record.get("metadata"))
    stage = identifier(metadata.get("createdIn"))
    return {
        "created_by": text(metadata.get("createdBy")),
        "created_at": moment(metadata.get("createdAt")),
        "updated_at": moment(metadata.get("updatedAt")),
        "stage": stages.get(stage, stage) if stage else None,
    }


def moment(value: Any) -> str | None:
    """A time as a text: documented as milliseconds, sent as ISO 8601."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return text(value)
    try:
        at = datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stage_names(project: Mapping[str, Any]) -> dict[str, str]:
    """By id; automatic stages have the same for both."""
    stages = project.get("stages")
    rows = map(mapping, stages if isinstance(stages, list) else ())
    return {str(one["id"]): str(one.get("name") or one["id"]) for one in rows if one.get("id")}
