"""Projects of the sandbox and their tasks: each is made when it is asked for, the same each time, and forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from typing import Any

from blocks.sandbox.ango import documents, pictures
from blocks.sandbox.ango.answers import ANNOTATORS, LABEL_STAGE, REVIEW_STAGE, Row
from blocks.sandbox.ango.ids import long_id, moment, uuid
from blocks.sandbox.ango.links import Links
from blocks.sandbox.ango.ontology import Ontology
from blocks.sandbox.ango.query import Query
from blocks.sandbox.ango.rows import DISTINCT_TASKS, Rows
from blocks.sandbox.bodies import Body
from blocks.sandbox.clips import draw_clip
from blocks.sandbox.scenes import Scene, draw_scene

NAMES = {"image": "Crossing, “north” d'été", "video": "Drives / 2026", "documents": "Letters & calls"}
BATCHES = ("2026-02 rain", "clips & notes", "rejects")
STAGES = ("Complete", "Complete", REVIEW_STAGE, "Complete", LABEL_STAGE)
"""Where tasks stand, in a rhythm."""

Change = Callable[[Row], Row | None]


class Project:
    """``count`` tasks of one kind of asset. Tests may set ``edits`` of single rows, and call files ``lost``.

    For benchmarks, ``row_bytes`` pads rows to about that size; all tasks are complete then, and cost little to make.
    """

    def __init__(self, seed: int, kind: str, count: int, row_bytes: int | None = None) -> None:
        self.seed, self.kind, self.count = seed, kind, count
        self.id = long_id(seed, kind)
        self.name = NAMES[kind]
        self.ontology = Ontology(seed, kind)
        self.stage_ids = {name: uuid(self.id, name) for name in (LABEL_STAGE, REVIEW_STAGE)}
        self.batch_ids = {name: long_id(self.id, "batch", name) for name in BATCHES}
        self.edits: dict[int, Change] = {}
        self.lost: set[str] = set()
        self.row_bytes = row_bytes
        self.scene = lru_cache(maxsize=64)(lambda index: draw_scene(seed, index))
        self._rows = Rows(self)

    # -- what the API shows

    def record(self) -> Row:
        kinds = {"Start": "Start", LABEL_STAGE: "Label", REVIEW_STAGE: "Review", "Complete": "Complete"}
        return {
            "_id": self.id,
            "name": self.name,
            "description": "",
            "type": "ango",
            "organization": long_id(self.seed, "organization"),
            "categorySchema": self.ontology.schema,
            "stages": [
                {"id": self.stage_id(name), "name": name, "type": kind, "position": {"x": 200 * place, "y": 0}}
                for place, (name, kind) in enumerate(kinds.items())
            ],
            "batches": [{"_id": id_, "name": name} for name, id_ in self.batch_ids.items()],
            "assignedTo": list(ANNOTATORS),
            "createdAt": moment(0),
        }

    def asset(self, index: int, links: Links, serial: int) -> Row:
        return {
            "_id": self.asset_id(index),
            "externalId": self.external_id(index),
            "data": links.sign(self.paths(index)[0], serial),
            "project": self.id,
            "batches": [self.batch_ids[name] for name in self.batches(index) if name],
            "labelTasks": [self.task_id(index)],
        }

    def task(self, index: int) -> Row:
        stage = self.stage(index)
        return {
            "_id": self.task_id(index),
            "asset": self.asset_id(index),
            "project": self.id,
            "stageId": self.stage_id(stage),
            "createdAt": moment(index),
            "updatedAt": moment(index, 55.035),
        }

    # -- what a task is, by its place

    def asset_id(self, index: int) -> str:
        return long_id(self.id, "asset", index)

    def task_id(self, index: int) -> str:
        return long_id(self.id, "task", index)

    def stage(self, index: int) -> str:
        return "Complete" if self.row_bytes else STAGES[index % len(STAGES)]

    def stage_id(self, name: str) -> str:
        """Automatic stages have their name for an id."""
        return self.stage_ids.get(name, name)

    def batches(self, index: int) -> list[str | None]:
        return ([BATCHES[0]], [BATCHES[1]], [], [BATCHES[0], None])[index % 4]  # type: ignore[return-value]

    def external_id(self, index: int) -> str:
        """Two neighbours share a name, another one climbs out of its folder."""
        match self.kind:
            case "video":
                return f"drive-{index:02}.avi"
            case "documents":
                return f"note-{index}.{documents.draw_document(self.seed, index).extension}"
            case _ if index == 5:
                return "../cam 0/zażółć&#.jpg"
            case _:
                return f"cam{index % 3}/{index - (index == 3):06}.jpg"

    def paths(self, index: int) -> list[str]:
        """Of an asset's file, or of its pages, at the storage."""
        name = self.external_id(index).rpartition("/")[2]
        pages = pictures.page_count(index) if self.kind == "image" and not self.row_bytes else 1
        names = [name] if pages == 1 else [f"{page:03}-{name}" for page in range(pages)]
        return [f"/media/{self.id}/assets/{self.asset_id(index)}/{one}" for one in names]

    def brush_path(self, index: int) -> str:
        return f"/media/{self.id}/brushes/{self.task_id(index)}.png"

    def facts(self, index: int) -> dict[str, Any]:
        """What filters go by."""
        return {
            "task_type": "default",
            "stage": self.stage(index),
            "stage_id": self.stage_id(self.stage(index)),
            "batch_ids": [self.batch_ids[name] for name in self.batches(index) if name],
            "updated_at": moment(index, 55.035),
            "created_at": moment(index),
        }

    def scenes(self, index: int) -> list[Scene]:
        """Of each page; further pages are scenes that no other asset shows."""
        pages = 1 if self.row_bytes else pictures.page_count(index)
        base = index % DISTINCT_TASKS if self.row_bytes else index
        return [self.scene(base if page == 0 else 1_000_000 + 10 * index + page) for page in range(pages)]

    def rows(self, query: Query, links: Links, serial: int) -> Iterator[bytes]:
        """The rows of an export, JSON each."""
        return self._rows.encoded(query, links, serial)

    # -- at the storage

    def file(self, path: str) -> tuple[Body, str] | None:
        """The bytes at the storage, and their type."""
        if path in self.lost:
            return None
        _, _, _, folder, name, *_ = (*path.split("/"), "", "")
        if folder == "brushes":
            index = self._places.get(name.removesuffix(".png"), -1)
            return None if index < 0 else (Body.of(pictures.brush_png(self.scenes(index)[0])), "image/png")
        index = self._places.get(name, -1)
        return self._file(index, self.paths(index).index(path)) if path in self.paths(index) else None

    def place(self, task_id: str) -> int:
        """The index of a task."""
        return self._places[task_id]

    def traces(self, index: int) -> set[str]:
        """The categories whose traces show in the task's brush; one may be covered by others."""
        scenes = self.scenes(index)
        return pictures.brushed(scenes[0]) if len(scenes) == 1 else set()

    @cached_property
    def _places(self) -> dict[str, int]:
        """The place of each task, by its own id and that of its asset."""
        return {id_: index for index in range(self.count) for id_ in (self.task_id(index), self.asset_id(index))}

    def _file(self, index: int, page: int) -> tuple[Body, str]:
        match self.kind:
            case "video":
                return Body.of(draw_clip(self.seed, index).video()), "video/x-msvideo"
            case "documents":
                document = documents.draw_document(self.seed, index)
                return Body.of(document.file()), document.mime_type
            case _:
                return Body.of(self.scenes(index)[page].jpeg()), "image/jpeg"
