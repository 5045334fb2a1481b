"""Rows of an export turned into datasets' entries of the record model. Pure functions.

An entry is a task; of an asset of several images, each page is an entry with the annotations that are on it, answers
about the whole asset on every one. Its `stage_history` says which stages it passed, and how they ended; what was drawn
there is in its record.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from blocks.ango.annotations import Found, Project, to_annotations
from blocks.ango.made import moment
from blocks.ango.medias import to_media
from blocks.ango.ontology import to_categories
from blocks.ango.row import Listed, Row, decoded, raws
from blocks.values import identifier, mapping, text
from exporters.model import Dataset, Entry, State

COMPLETE = "Complete"
HISTORY = {
    "stage": "stage",
    "stageId": "stage_id",
    "duration": "duration_milliseconds",
    "completedAt": "completed_at",
    "reviewStatus": "review_status",
}
"""What is told of a stage that was passed; not who was in it, which no option would take out of attributes."""


def to_dataset(raw: bytes | Raw, modality: str) -> Dataset:
    project = mapping(msgspec.json.decode(raw))
    id_ = str(project.get("_id"))
    return Dataset(
        id=id_,
        name=identifier(project.get("name")) or id_,
        modality=modality,
        categories=tuple(to_categories(project.get("categorySchema"), modality)),
        raw=Raw(raw),
    )


def to_entry(listed: Listed, row: Row, project: Project, found: Found) -> Entry:
    media = to_media(row, project.dataset.id, listed, found.size)
    return Entry(
        id=listed.id,
        dataset_id=project.dataset.id,
        name=media.name if media else row.name,
        state=_state(row),
        medias=(media,) if media else (),
        annotations=tuple(to_annotations(row, listed.page, project, found)),
        attributes=_entry_attributes(row, listed.page),
        updated_at=moment(row.task_value("updatedAt")),
        raw=row.raw,
    )


def _state(row: Row) -> State:
    is_complete = COMPLETE in (row.task_value("stage"), row.task_value("stageId"))
    return "completed" if is_complete else "in_progress"


def _entry_attributes(row: Row, page: int | None) -> dict[str, Any]:
    history = [one for one in map(decoded, raws(row.task.get("stageHistory"))) if one]
    history.sort(key=lambda one: str(one.get("completedAt") or ""))
    said = {
        "stage": text(row.task_value("stage")),
        "batches": row.batches,
        "page": page,
        "duration_milliseconds": row.task_value("totalDuration"),
        "consensus": row.task_value("consensusAverage"),
        "stage_history": [{ours: one[key] for key, ours in HISTORY.items() if key in one} for one in history],
        "context_data": row.value("contextData"),
    }
    return {key: value for key, value in said.items() if value not in (None, [], {})}
