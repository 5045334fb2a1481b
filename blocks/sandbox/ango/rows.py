"""The rows of an export: made when they are asked for, and forgotten."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import orjson

from blocks.sandbox.ango import documents, pictures, videos
from blocks.sandbox.ango.answers import ANNOTATORS, LABEL_STAGE, REVIEW_STAGE, Pen, Row
from blocks.sandbox.ango.ids import long_id, moment
from blocks.sandbox.ango.links import Links
from blocks.sandbox.ango.query import Query
from blocks.sandbox.clips import draw_clip

if TYPE_CHECKING:
    from blocks.sandbox.ango.tasks import Project

DISTINCT_TASKS = 64
"""For benchmarks: tasks repeat after so many, but for their ids, names and links."""


class Rows:
    """Of one project."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._padded = lru_cache(maxsize=DISTINCT_TASKS)(self._padded_template)

    def encoded(self, query: Query, links: Links, serial: int) -> Iterator[bytes]:
        """JSON, one row each."""
        for index in range(self._project.count):
            if not query.fits(self._project.facts(index)):
                continue
            if self._project.row_bytes and index not in self._project.edits:
                yield self._padded_row(index, query, links, serial)
                continue
            row: Row | None = self.issue(index) if query.type == "issue" else self.row(index, query, links, serial)
            if row is not None and index in self._project.edits:
                row = self._project.edits[index](row)
            if row is not None:
                yield orjson.dumps(row)

    def row(self, index: int, query: Query, links: Links, serial: int) -> Row:
        paths = [links.sign(path, serial) for path in self._project.paths(index)]
        row: Row = {
            "asset": paths[0],
            "assetId": self._project.asset_id(index),
            **({"dataset": paths} if len(paths) > 1 else {}),
            "externalId": self._project.external_id(index),
            "metadata": self._metadata(index),
            "batches": self._project.batches(index),
            "task": self._task(index, query),
        }
        if (
            self._project.kind == "image"
            and not self._project.row_bytes
            and len(paths) == 1
            and pictures.has_brush(self._project.scenes(index)[0])
        ):
            row["task"]["brushDataUrl"] = links.sign(self._project.brush_path(index), serial)
        if not query.has_metadata:
            for one in _objects(row["task"]):
                one.pop("metadata", None)
        return row

    def issue(self, index: int) -> Row | None:
        """Every fourth task has an open one."""
        if index % 4:
            return None
        return {
            "_id": long_id(self._project.id, "issue", index),
            "status": "Open",
            "content": "the wheel is missing",
            "createdBy": ANNOTATORS[0],
            "updatedAt": moment(index, 50),
            "page": 0,
            "position": [12.5, 30.0],
            "errorCodes": [],
            "asset": {"_id": self._project.asset_id(index), "externalId": self._project.external_id(index)},
        }

    def _metadata(self, index: int) -> Row:
        match self._project.kind:
            case "video":
                clip = draw_clip(self._project.seed, index)
                rate = float(clip.fps)
                return {"width": clip.width, "height": clip.height, "frameTotal": clip.frame_count, "frameRate": rate}
            case "image" if pictures.has_metadata(index):
                scene = self._project.scenes(index)[0]
                return {"width": scene.width, "height": scene.height}
            case _:
                return {}

    def _task(self, index: int, query: Query) -> Row:
        stage, label_stage = self._project.stage(index), self._project.stage_ids[LABEL_STAGE]
        pen = Pen(self._project.ontology, index, self._project.asset_id(index), label_stage)
        rng = random.Random(f"{self._project.seed}:task:{index}")
        match self._project.kind:
            case "video":
                clip = draw_clip(self._project.seed, index)
                labelled = videos.annotate(pen, clip, rng, only_key_frames=query.only_key_frames)
            case "documents":
                labelled = documents.annotate(pen, documents.draw_document(self._project.seed, index))
            case _:
                labelled = pictures.annotate(pen, self._project.scenes(index), rng)
        task: Row = {
            "taskId": self._project.task_id(index),
            "stage": stage,
            "stageId": self._project.stage_id(stage),
            "updatedAt": moment(index, 55.035),
            "updatedBy": ANNOTATORS[index % len(ANNOTATORS)],
            "totalDuration": 184_250 + 1000 * index,
            **labelled,
        }
        if query.has_idle_durations:
            task |= {"idleDuration": 1000, "blurDuration": 0}
        if query.has_history:
            task["stageHistory"] = self._history(index, labelled)
        return task

    def _history(self, index: int, labelled: Row) -> list[Row]:
        """The stages passed: a review that sent the task back, and the way once more, where it is complete."""
        passed: list[tuple[str, str | None]] = [("Start", None)]
        if self._project.stage(index) != LABEL_STAGE:
            passed += [(LABEL_STAGE, None), (REVIEW_STAGE, "Rejected"), (LABEL_STAGE, None)]
        if self._project.stage(index) == "Complete":
            passed.append((REVIEW_STAGE, "Accepted"))
        nothing: Row = {"tools": [], "classifications": [], "relations": []}
        return [
            {
                "stage": stage,
                "stageId": self._project.stage_id(stage),
                "duration": 40_000 * place,
                "completedAt": moment(index, 10 * place),
                **({"completedBy": ANNOTATORS[place % len(ANNOTATORS)]} if place else {}),
                **({"reviewStatus": status} if status else {}),
                **(labelled if place else nothing),
            }
            for place, (stage, status) in enumerate(passed)
        ]

    # -- for benchmarks

    def _padded_row(self, index: int, query: Query, links: Links, serial: int) -> bytes:
        model = index % DISTINCT_TASKS
        data = self._padded(model, query)
        for old, new in (
            (self._project.asset_id(model), self._project.asset_id(index)),
            (self._project.task_id(model), self._project.task_id(index)),
            (self._project.external_id(model), f"cam{index % 3}/{index:06}.jpg"),
        ):
            data = data.replace(old.encode(), new.encode())
        return data.replace(b"@asset@", links.sign(self._project.paths(index)[0], serial).encode())

    def _padded_template(self, model: int, query: Query) -> bytes:
        row = self.row(model, query, Links(self._project.seed), 0) | {
            "asset": "@asset@",
            "contextData": {"padding": ""},
        }
        if len(orjson.dumps(row)) > (self._project.row_bytes or 0):
            row["task"].pop("stageHistory", None)  # most of a row
        lacking = (self._project.row_bytes or 0) - len(orjson.dumps(row))
        noise = random.Random(f"{self._project.seed}:padding:{model}").randbytes(max(0, lacking) // 2).hex()
        return orjson.dumps(row | {"contextData": {"padding": noise}})


def _objects(task: Row) -> Iterator[Row]:
    """Everything in a task that says who made it."""
    for key in ("tools", "classifications", "relations", "stageHistory"):
        for one in task.get(key, ()):
            yield one
            yield from _objects(one)
