"""What a row says of its asset, as annotations. Pure functions.

Tools and questions that cannot be understood, rows of an older form, and brushes that cannot be read are annotations of
an unknown shape, under a name that says so: nothing that somebody has drawn or answered is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from blocks.ango.answers import answer, attributes, chosen, option_id
from blocks.ango.brush import Trace
from blocks.ango.made import made, moment, stage_names
from blocks.ango.ontology import Color, brush_colors
from blocks.ango.relations import first_end, to_relations
from blocks.ango.row import Row, decoded, fields, raws
from blocks.ango.spans import settle
from blocks.ango.tools import TIMED, on_page, page_of, to_shape
from blocks.ango.tracks import Tool, Tracked, to_objects
from blocks.values import identifier, mapping, text
from exporters.model import Annotation, Classification, Dataset, TextSpan, Track, Unknown

OLD = "{} of an export from before 2024"


@dataclass(frozen=True)
class Project:
    """What rows are understood with."""

    dataset: Dataset
    only_key_frames: bool = True

    @cached_property
    def record(self) -> dict[str, Any]:
        return mapping(self.dataset.record)

    @cached_property
    def stages(self) -> dict[str, str]:
        return stage_names(self.record)

    @cached_property
    def colors(self) -> dict[Color, list[str]]:
        return brush_colors(self.record.get("categorySchema"))


@dataclass(frozen=True)
class Found:
    """What no row says, but the files do: the size of the image, the words of a text, the traces of the brush."""

    size: tuple[int, int] | None = None
    text: str | None = None
    traces: tuple[Trace, ...] = ()
    brush_fault: str = ""


def to_annotations(row: Row, page: int | None, project: Project, found: Found) -> Iterator[Annotation]:
    """Those of one page where `page` names it, else all. Each has an id of its own: of several of one id, the first
    keeps it, and is what relations mean.
    """
    seen: Counter[str] = Counter()
    for one in _annotations(row, page, project, found):
        seen[one.id] += 1
        yield one if seen[one.id] == 1 else replace(one, id=f"{one.id}-{seen[one.id]}")


def _annotations(row: Row, page: int | None, project: Project, found: Found) -> Iterator[Annotation]:
    match row.form:
        case "old":
            yield from _old(row)
        case "issue":
            yield Annotation(id=row.id, shape=Unknown("issue"), raw=row.raw)
        case _:
            tools = [Tool(decoded(raw), raw) for raw in raws(row.task.get("tools"))]
            yield from _objects(tools, row, page, project, found)
            yield from _brushed(row, page, found)
            yield from _questions(row, page, project)
            yield from _relations(row, tools, page, project)


def _objects(tools: list[Tool], row: Row, page: int | None, project: Project, found: Found) -> Iterator[Annotation]:
    objects: Iterable[Tracked]
    if page is None and row.modality == "video":
        objects = to_objects(tools, only_key_frames=project.only_key_frames)
    else:
        here = [tool for tool in tools if page is None or _page(tool.value, row) == page]
        objects = (Tracked(to_shape(tool.value, row.modality), [tool]) for tool in here)
    for number, (shape, parts) in enumerate(objects):
        value, raw = parts[0]
        if isinstance(shape, TextSpan) and found.text is not None:
            shape = settle(shape, found.text)  # noqa: PLW2901 - the same span, as it is counted here
        if page is not None and (page_of(value) or 0) >= len(row.pages):
            shape = Unknown("tool on a page that its asset does not have")  # noqa: PLW2901
        if isinstance(shape, Track):
            raw = Raw(b"[" + b",".join(bytes(part.raw) for part in parts) + b"]")
        by = made(value, project.stages)
        if isinstance(shape, Track):
            changes = (moment(mapping(part.value.get("metadata")).get("updatedAt")) for part in parts)
            by["updated_at"] = max((change for change in changes if change), default=None)
        yield Annotation(
            id=identifier(value.get("objectId")) or f"{row.id}/{number}",
            shape=shape,
            category_id=identifier(value.get("schemaId")) or None,
            attributes=_object_attributes(value, shape, row, page),
            raw=raw,
            **by,
        )


def _object_attributes(tool: Mapping[str, Any], shape: Any, row: Row, page: int | None) -> dict[str, Any]:
    said = {} if isinstance(shape, Track) else attributes(tool.get("classifications"))
    said |= on_page(tool)
    if read := text(mapping(tool.get("ocr")).get("text")):
        said["ocr"] = read
    at = page_of(tool)
    if page is None and at is not None and "pdf" not in tool and not isinstance(shape, Track):
        said |= {"frame" if row.modality in TIMED else "page": at} if at or row.modality != "image" else {}
    return said


def _page(record: Mapping[str, Any], row: Row) -> int:
    """The page that a thing is on; the first where it is on none of the asset's."""
    page = page_of(record) or 0
    return page if page < len(row.pages) else 0


def _brushed(row: Row, page: int | None, found: Found) -> Iterator[Annotation]:
    """The traces of the brush; what they were read from is their record."""
    if page:  # there is one PNG a task
        return
    link = row.task_value("brushDataUrl")
    for trace in found.traces:
        record = {"brushDataUrl": link, "schemaId": trace.schema_id, "color": trace.color}
        yield Annotation(
            id=f"{row.id}/brush/{trace.schema_id or trace.color}",
            shape=trace.mask,
            category_id=trace.schema_id,
            attributes={} if trace.schema_id else {"color": trace.color},
            raw=Raw(msgspec.json.encode(record)),
        )
    faults = {"brushDataUrl": found.brush_fault}
    if "medicalBrushDataUrl" in row.task:
        faults["medicalBrushDataUrl"] = "voxel brush"
    for key, fault in faults.items():
        if fault:
            raw = Raw(msgspec.json.encode({key: row.task_value(key)}))
            yield Annotation(id=f"{row.id}/{key}", shape=Unknown(fault), raw=raw)


def _questions(row: Row, page: int | None, project: Project) -> Iterator[Annotation]:
    for number, raw in enumerate(raws(row.task.get("classifications"))):
        question = decoded(raw)
        at = page_of(question)
        if page is not None and at is not None and _page(question, row) != page:
            continue
        schema_id = identifier(question.get("schemaId")) or None
        said, options = answer(question), chosen(question)
        about = attributes(question.get("classifications"))
        if page is None and at is not None:
            about |= {"frame" if row.modality in TIMED else "page": at}
            if question.get("interpolationStopped") is True:
                about["ends"] = True
        answers: list[tuple[str | None, dict[str, Any]]]
        if options:
            answers = [(option_id(schema_id or "", option), about) for option in options]
        elif said in (None, []) and not about:
            continue
        else:
            answers = [(schema_id, about if said in (None, []) else about | {"answer": said})]
        for category_id, attributes_ in answers:
            yield Annotation(
                id=identifier(question.get("objectId")) or f"{row.id}/question/{number}",
                shape=Classification(),
                category_id=category_id,
                attributes=attributes_,
                raw=raw,
                **made(question, project.stages),
            )


def _relations(row: Row, tools: list[Tool], page: int | None, project: Project) -> Iterator[Annotation]:
    pages = (
        {identifier(tool.value.get("objectId")): _page(tool.value, row) for tool in tools} if page is not None else {}
    )
    for number, raw in enumerate(raws(row.task.get("relations"))):
        record = decoded(raw)
        if page is not None and pages.get(first_end(record), _page(record, row)) != page:
            continue
        frame = page_of(record) if row.modality in TIMED else None
        for shape, about in to_relations(record):
            yield Annotation(
                id=identifier(record.get("objectId")) or f"{row.id}/relation/{number}",
                shape=shape,
                category_id=identifier(record.get("schemaId")) or None,
                attributes=about | ({"frame": frame} if frame is not None else {}),
                raw=raw,
                **made(record, project.stages),
            )


def _old(row: Row) -> Iterator[Annotation]:
    """Each thing of a row as exports had it until 2023: told, and not guessed at."""
    for task_raw in raws(row.asset.get("tasks")):
        task = fields(task_raw)
        for key, name in (("objects", "object"), ("classifications", "answer"), ("relations", "relation")):
            for number, raw in enumerate(raws(task.get(key))):
                record = decoded(raw)
                yield Annotation(
                    id=identifier(record.get("objectId")) or f"{row.id}/{key}/{number}",
                    shape=Unknown(OLD.format(name)),
                    category_id=identifier(record.get("schemaId")) or None,
                    raw=raw,
                )
