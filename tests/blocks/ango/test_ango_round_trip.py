"""From the hub through the record model and back: what the format `ango` writes of rows that came from the hub."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from exporters.formats.ango import AngoExporter
from exporters.model import Entry, Unknown
from tests.blocks.ango.hub import Hub, Row, bare
from tests.conformance.exporters import run_export

OPTIONS = {"empty_entries": "all"}


def written(hub: Hub, kind: str) -> list[Row]:
    """The rows of the format, of all entries of a project, in their order."""
    dataset = hub.dataset(kind)
    made = run_export(AngoExporter(), [dataset], hub.entries(kind, stage=["*"]), media="none", options=OPTIONS)
    made.tally.check("the export")
    return [json.loads(line) for line in made.files["export.ndjson"].splitlines()]


def sent(hub: Hub, kind: str) -> dict[str, Row]:
    """The rows that the hub sends, without signatures, by task."""
    return {row["task"]["taskId"]: bare(row) for row in hub.rows(kind, stage="[]")}


def forwards(box: dict[str, float]) -> dict[str, float]:
    """A box from its upper left corner."""
    x, y, width, height = (box[key] for key in ("x", "y", "width", "height"))
    return {"x": min(x, x + width), "y": min(y, y + height), "width": abs(width), "height": abs(height)}


def settled(tool: Row) -> Row:
    """A tool with what the round trip settles: boxes forwards, numbers as an angle turned to and fro keeps them."""
    tool = dict(tool)
    if "bounding-box" in tool:
        tool["bounding-box"] = forwards(tool["bounding-box"])
    if "rotated-bounding-box" in tool:
        tool["rotated-bounding-box"] = rounded(tool["rotated-bounding-box"])
    return tool


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return round(value, 6) + 0.0 if isinstance(value, float) and math.isfinite(value) else value


def by_id(tools: list[Row]) -> dict[tuple[str, Any], Row]:
    return {(tool["objectId"], tool.get("page")): settled(tool) for tool in tools}


def compare(found: Row, came: Row, *, strange: set[str]) -> None:
    """All of a row but its tools is as it came; so are its tools, but for unknown kinds, which are left out."""
    task, came_task = found["task"], came["task"]
    tools = {key: one for key, one in by_id(came_task["tools"]).items() if not strange & one.keys()}
    written_tools = by_id([tool for tool in task["tools"] if "/brush/" not in tool["objectId"]])
    assert written_tools == tools
    assert task["classifications"] == came_task["classifications"]
    relations = ({one["objectId"]: straight(one) for one in each["relations"]} for each in (task, came_task))
    assert next(relations) == next(relations)
    for key in came_task.keys() - {"tools", "classifications", "relations"}:
        assert task[key] == came_task[key], key
    for key in came.keys() - {"task", "metadata", "batches"}:
        assert found[key] == came[key], key
    assert {**found["metadata"], **came["metadata"]} == found["metadata"]


def straight(relation: Row) -> Row:
    """A relation from its source to its target; one that was drawn the other way round leads the same way."""
    if relation.get("direction") == "reverse":
        return {**relation, "from": relation["to"], "to": relation["from"], "direction": "straight"}
    return relation


@pytest.mark.parametrize("kind", ["image", "video", "documents"])
def test_rows_come_back(gallery: Hub, kind: str) -> None:
    """Rows of every kind of asset are written as they came, but for what the format says it settles."""
    came = sent(gallery, kind)
    compared = 0
    for row in written(gallery, kind):
        if "dataset" not in row and not (kind == "documents" and row["externalId"] in ("note-3.txt", "note-7.txt")):
            compare(row, came[row["task"]["taskId"]], strange={"spline"})
            compared += 1
    assert compared > 2


def test_pages_come_back_together(gallery: Hub) -> None:
    """The rows of an asset of several images have, together, all of its tools, each once."""
    came = {id_: row for id_, row in sent(gallery, "image").items() if "dataset" in row}
    pages = [row for row in written(gallery, "image") if "dataset" in row]
    for task_id, row in came.items():
        own = [one["task"] for one in pages if one["task"]["taskId"] == task_id]
        assert len(own) == len(row["dataset"])
        tools = [settled(tool) for task in own for tool in task["tools"]]
        expected = [settled(tool) for tool in row["task"]["tools"] if "spline" not in tool]
        assert sorted(tools, key=str) == sorted(expected, key=str)
        for task in own:
            assert task["classifications"] == row["task"]["classifications"]


def test_traces_become_segmentations(gallery: Hub) -> None:
    """What was painted with the brush goes out as segmentations of its pixels' outlines, under its own class."""
    rows = written(gallery, "image")
    traces = [tool for row in rows for tool in row["task"]["tools"] if "/brush/" in tool["objectId"]]
    colors = gallery.sandbox.project().ontology.colors("brush")
    assert traces
    assert {tool["schemaId"] for tool in traces} <= {schema_id for schema_id, _ in colors.values()}
    assert all(tool["segmentation"]["zones"] for tool in traces)


def test_what_cannot_come_back_is_counted(gallery: Hub) -> None:
    """Kinds of tools that nobody knows are left out, counted by the hub's own name for them."""
    entries = gallery.entries(stage=["*"])
    strange = sum(isinstance(one.shape, Unknown) for entry in entries for one in entry.annotations)
    made = run_export(AngoExporter(), [gallery.dataset()], entries, media="none", options=OPTIONS)
    (left,) = [one for one in made.tally.left_out if one.kind == "annotations"]
    assert (left.reason, left.count) == ("ango cannot hold the shape spline", strange)


def test_dropped_options_leave_their_question(gallery: Hub) -> None:
    """An option whose class is dropped is taken out of the answer; one that is renamed stands there under its name."""
    entries = [one for one in gallery.entries() if isinstance(one, Entry)]
    options = {**OPTIONS, "drop_classes": ["Standing water"], "rename_classes": {"Glare": "Blinding"}}
    made = run_export(AngoExporter(), [gallery.dataset()], entries, media="none", options=options)
    said = [
        question["answer"]
        for line in made.files["export.ndjson"].splitlines()
        for question in json.loads(line)["task"]["classifications"]
        if question["title"] == "Hazards"
    ]
    assert ["Blinding"] in said
    assert not any("Glare" in answer or "Standing water" in answer for answer in said)
