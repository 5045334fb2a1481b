"""What an export was asked for: the parameters of ``/v2/export`` and which tasks they let through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blocks.sandbox.ango.wire import HubError, json_value

FORMATS, TASK_TYPES = ("json", "ndjson"), ("default", "consensus", "benchmark")


@dataclass(frozen=True)
class Query:
    """``stages``: None and an empty tuple let all through. ``updated`` and ``created`` are bounds that are not met."""

    form: str = "ndjson"
    type: str = "task"
    task_types: tuple[str, ...] = ("default",)
    stages: tuple[str, ...] | None = ("Complete",)
    batches: tuple[str, ...] = ()
    updated: tuple[str, str] = ("", "~")
    created: tuple[str, str] = ("", "~")
    has_metadata: bool = True
    has_history: bool = True
    only_key_frames: bool = False
    has_idle_durations: bool = False

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Query:
        form, kind = given.get("format", "json"), given.get("type", "task")
        if form not in FORMATS:
            raise HubError(400, f"format {form} is not supported")
        if kind not in ("task", "issue"):
            raise HubError(400, f"type {kind} is not supported")
        task_types = tuple(json_value(given.get("taskTypes"), "taskTypes", ["default"]))
        if not set(task_types) <= set(TASK_TYPES):
            raise HubError(400, "taskTypes is not valid")
        stages = json_value(given.get("stage"), "stage")
        if stages is None and task_types == ("default",) and kind == "task":
            stages = ["Complete"]  # nothing given means this; an empty list means no filter at all
        return cls(
            form=form,
            type=kind,
            task_types=task_types,
            stages=None if not stages else tuple(stages),
            batches=tuple(json_value(given.get("batches"), "batches", [])),
            updated=_bounds(given, "updatedAt"),
            created=_bounds(given, "createdAt"),
            has_metadata=given.get("includeMetadata", "true") == "true",
            has_history=given.get("includeHistory", "true") == "true",
            only_key_frames=given.get("includeOnlyKeyFrames", "false") == "true",
            has_idle_durations=given.get("includeIdleBlurDurations", "false") == "true",
        )

    def fits(self, facts: Mapping[str, Any]) -> bool:
        """Whether a task is let through, by its stage, the ids of its batches, its times and its type."""
        if facts["task_type"] not in self.task_types:
            return False
        if self.stages is not None and not {facts["stage"], facts["stage_id"]} & set(self.stages):
            return False
        if self.batches and not set(facts["batch_ids"]) & set(self.batches):
            return False
        updated_at, created_at = str(facts["updated_at"]), str(facts["created_at"])
        return self.updated[0] < updated_at < self.updated[1] and self.created[0] < created_at < self.created[1]


def _bounds(given: Mapping[str, str], name: str) -> tuple[str, str]:
    bounds = json_value(given.get(name), name, {})
    return str(bounds.get("$gt", "")), str(bounds.get("$lt", "~"))
