"""`ango`: the rows that Ango Hub exports, an asset with its task each (https://docs.imerit.net).

    export.ndjson   or export.json (option `form`): a row a line
    images/...      `asset` is the file's path in the package, or its address where media is not part of it

A row that came from Ango Hub keeps all it had, its `stageHistory` too; its tools, classifications and relations are
written anew, so that what was left out, renamed, turned or clipped shows in them. Addresses lose what is behind their
`?`: a signature that expires, and another one each time. Decisions:

- a box, rotated box, polyline, polygon of one ring, text or time span is a tool of that kind, a polygon of several
  parts or with holes a `segmentation`; a mask is one too, along the borders of its pixels;
- a skeleton is a `point` for each labelled point, bound together by a `group` relation unless it is the only one;
- a track is a tool for each key frame (`page`, from 0); `interpolationStopped` marks the first frame without the
  object, the one behind its last key frame too, unless Ango Hub said nothing of it;
- a classification answers the question that its class is called, if it has an attribute `answer`; otherwise its class
  is the answer to the question called like the class's parent, or `class`. Options of one question of Ango Hub's are
  one answer again, under their classes' names; questions of it that nobody answered stay as they were;
- a mark on a PDF stays what it was; traces of the brush are segmentations, and its link stays beside them;
- each page of an asset of several images is a row with all its pages' addresses, and what is marked on this one;
- attributes are nested classifications: texts, lists of texts, anything else as JSON. The answers of an object that
  came from Ango Hub are those that it had;
- what reaches over the border of its picture stays as it was drawn (option out_of_picture);
- the split of an entry is one of its batches, attributes of an entry that is not Ango Hub's are its `contextData`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from msgspec.structs import replace
from pydantic import Field

from exporters.assembly import Assembly, joined
from exporters.base import Exporter
from exporters.formats.ango_answers import metadata, named, questions
from exporters.formats.ango_assets import Row, asset_row
from exporters.formats.ango_tools import KEYS, PDF, Geometry, classifications, geometries
from exporters.formats.borders import KeepingOptions
from exporters.formats.documents import json_bytes
from exporters.holds import Holds
from exporters.item import Item, Placed
from exporters.model import EMPTY, Classification, Mask, Relation, Shape, Skeleton, Track
from exporters.shard import Shard

SEPARATOR = b",\n"
NO_TOOL = "Ango Hub has no tool for its shape"
NOTHING_MARKED = "nothing of it is marked"
OF_ONE_FRAME = frozenset({"page", "interpolationStopped", "classifications"})
"""What differs from one frame of an object to the next."""


class AngoOptions(KeepingOptions):
    form: Literal["ndjson", "json"] = Field(
        default="ndjson", description="A row a line, as Ango Hub's plug-ins read it, or one JSON list of the same rows."
    )


class AngoExporter(Exporter[AngoOptions]):
    name = "ango"
    description = "Rows as Ango Hub exports them: assets with tools, nested classifications and relations."
    version = 3
    is_entrywise = True
    holds = Holds(
        shapes=frozenset(
            {
                "box",
                "rotated_box",
                "polygon",
                "polyline",
                "mask",
                "skeleton",
                "track",
                "text_span",
                "time_span",
                "classification",
                "relation",
            }
        )
    )
    options = AngoOptions

    def convert(self, item: Item, shard: Shard[AngoOptions]) -> None:
        kept: list[Placed] = []
        task: dict[str, list[Row]] = {"tools": [], "classifications": [], "relations": []}
        said: list[tuple[Placed, Row]] = []
        objects = [(one, _came(one)) for one in item.annotations]
        ids = {one.annotation.id: str(came.get("objectId", one.annotation.id)) for one, came in objects}
        relations: list[tuple[Placed, Row]] = []
        for one, came in objects:
            match one.shape:
                case Classification():
                    said.append((one, came))
                case Relation():
                    relations.append((one, came))
                case _:
                    tools = list(_tools(one, came, item))
                    if not tools:
                        del ids[one.annotation.id]
                        is_empty = isinstance(one.shape, Track) and not one.shape.keyframes
                        shard.leave_out_annotation(one, NOTHING_MARKED if is_empty else NO_TOOL)
                        continue
                    ids[one.annotation.id] = tools[0]["objectId"]
                    task["tools"] += tools
                    task["relations"] += _binding(one, came, tools)
                    _count_changes(one, shard)
            kept.append(one)
        task["classifications"] = questions(said, item.entry)
        task["relations"] += _relations(relations, ids, shard)
        row = json_bytes(asset_row(item, task))
        shard.append("rows", row, SEPARATOR if shard.options.form == "json" else b"\n")
        shard.keep(kept)

    def assemble(self, package: Assembly[AngoOptions]) -> None:
        pieces = package.pieces("rows")
        if package.options.form == "json":
            package.file("export.json", [b"[\n", *joined(pieces, SEPARATOR), b"\n]\n"])
        else:
            package.file("export.ndjson", [*joined(pieces, b"\n"), *([b"\n"] if pieces else [])])


# -- objects ----------------------------------------------------------------------------------------------------------


def _came(one: Placed) -> Row:
    """The object as Ango Hub sent it; empty for those of other platforms."""
    if one.annotation.raw == EMPTY:
        return {}
    record = one.annotation.record
    if isinstance(record, list) and record:  # the frames of a track
        record = record[0]
    return record if isinstance(record, dict) and "objectId" in record else {}


def _tools(one: Placed, came: Row, item: Item) -> Iterator[Row]:
    shape, attributes = one.shape, one.annotation.attributes
    if not isinstance(shape, Track):
        yield from _tool(one, came, shape, attributes)
        return
    media = item.entry.original
    frames_count = media.frames_count if media else None
    last = shape.keyframes[-1]
    keyframes, frames = [*shape.keyframes], _came_frames(one)
    if not frames and not last.is_outside and (frames_count is None or last.frame + 1 < frames_count):
        keyframes.append(replace(last, frame=last.frame + 1, is_outside=True))
    for_all_frames = {key: value for key, value in came.items() if key not in OF_ONE_FRAME}
    for keyframe in keyframes:
        page = {"page": keyframe.frame} | ({"interpolationStopped": True} if keyframe.is_outside else {})
        own = frames.get(keyframe.frame, for_all_frames)
        yield from _tool(one, own | page, keyframe.shape, attributes | keyframe.attributes)


def _tool(one: Placed, came: Row, shape: Shape, attributes: Mapping[str, Any]) -> Iterator[Row]:
    """What a shape is written as; what Ango Hub says of it, but for its place, comes along."""
    id_ = str(came.get("objectId", one.annotation.id))
    rest = {key: value for key, value in came.items() if key not in KEYS}
    if PDF in came:
        places = [Geometry(PDF, came[PDF])]
    else:
        places = geometries(shape, one.category.keypoints if one.category else (), zones="segmentation" in came)
    for number, place in enumerate(places, 1):
        own_id = id_ if len(places) == 1 else f"{id_}-{number}"
        yield {
            place.key: place.value,
            "objectId": own_id,
            "classifications": classifications({**attributes, **place.answers}, own_id),
            **metadata(one),
            **rest,
            **named(one, came),
        } | {"objectId": own_id}


def _came_frames(one: Placed) -> dict[int, Row]:
    """The tools that a track came as, by their frames, without what its key frames say."""
    record = one.annotation.record if one.annotation.raw != EMPTY else None
    tools = [tool for tool in record if isinstance(tool, dict)] if isinstance(record, list) else []
    return {
        tool["page"]: {key: value for key, value in tool.items() if key != "interpolationStopped"}
        for tool in tools
        if "page" in tool
    }


def _binding(one: Placed, came: Row, tools: Sequence[Row]) -> list[Row]:
    """The group relation that binds the tools of one annotation together; none where they are one object."""
    ids = list(dict.fromkeys(tool["objectId"] for tool in tools))
    return [{"objectId": f"{one.annotation.id}/group", "group": ids, **named(one, came)}] if len(ids) > 1 else []


def _relations(relations: Sequence[tuple[Placed, Row]], ids: Mapping[str, str], shard: Shard[AngoOptions]) -> list[Row]:
    """The relations of a row; a group of Ango Hub's is written once, however many relations it was read as."""
    groups = {came["objectId"]: {**came, **named(one, came)} for one, came in relations if "group" in came}
    return [
        *(_relation(one, came, ids, shard) for one, came in relations if "group" not in came),
        *groups.values(),
    ]


def _relation(one: Placed, came: Row, ids: Mapping[str, str], shard: Shard[AngoOptions]) -> Row:
    ends = one.shape
    source, target = (ends.source_id, ends.target_id) if isinstance(ends, Relation) else ("", "")
    if not {source, target} <= ids.keys():
        shard.change("it relates to an annotation that is not in its row")
    if one.annotation.attributes and not came:
        shard.change("attributes are not held")
    return {
        **metadata(one),
        **came,
        "from": ids.get(source, source),
        "to": ids.get(target, target),
        "objectId": ids[one.annotation.id],
        "direction": "bidirectional" if came.get("direction") == "bidirectional" else "straight",
        **named(one, came),
    }


def _count_changes(one: Placed, shard: Shard[AngoOptions]) -> None:
    shape = one.shape
    if isinstance(shape, Mask):
        shard.change("its mask is written as the outlines of its pixels")
    if isinstance(shape, Skeleton) and (len(shape.points) > 1 or shape.outline):
        shard.change("its skeleton is written as a group of points")
