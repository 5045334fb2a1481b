r"""`xml`: everything Outhaul knows as plain XML 1.0, for tools that want no JSON. Nothing is left out.

    export.xml    <export> of a <dataset> each, with its <category>s and <entry>s; an entry with its <media> and
                  <annotation>s; an annotation with its shape, named as in `exporters.model`, and its <attribute>s
    export.xsd    what may stand where, as an XML Schema

Coordinates are float pixels of the upright picture from its top-left corner; a ring or line is a list of `x,y`. `file`
of a media is its path in the package. `record` is the platform's own record, as JSON; an attribute that is a list or an
object is JSON too, and says so in its `type`.

XML has no way to write some characters, U+0000 for instance, so that a text has `\u0000` in its place, and `\\` for
a backslash. In JSON the former is an escape already and means the same; the latter is left alone there.

An entry stands on a line with all that belongs to it, so that the file can be read, and is written, as a stream.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from exporters.assembly import Assembly, Segment
from exporters.base import Exporter
from exporters.holds import Holds
from exporters.item import Item, Placed
from exporters.model import (
    EMPTY,
    Category,
    Dataset,
    Keyframe,
    Mask,
    Media,
    Point,
    Polygon,
    Polyline,
    Recorded,
    Shape,
    Skeleton,
    TextSpan,
    Track,
    encode,
    shape_name,
)
from exporters.options import RecordOptions
from exporters.shard import Shard

SCHEMA = Path(__file__).with_suffix(".xsd")

_FORBIDDEN = {code: f"\\u{code:04x}" for code in (*range(32), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)}
# Parsers turn white space in attributes, and every CR, into something else, unless it is written as its number.
_MARKUP = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
_MARKUP |= {code: f"&#{code};" for code in b"\t\n\r"}
_IN_JSON = _FORBIDDEN | _MARKUP
_IN_TEXT = _IN_JSON | {ord("\\"): "\\\\"}
_IN_QUOTES = _IN_TEXT | {ord('"'): "&quot;"}


class XmlExporter(Exporter[RecordOptions]):
    name = "xml"
    description = "Everything of the record model as plain XML, with its schema."
    version = 1
    is_entrywise = True
    holds = Holds()
    options = RecordOptions

    def convert(self, item: Item, shard: Shard[RecordOptions]) -> None:
        entry = item.entry
        content = [
            *_values(entry.attributes),
            *(_media(media, item.files.get(media.id)) for media in entry.medias),
            *map(_annotation, item.annotations),
            _record(entry),
        ]
        line = _element(
            "entry",
            content,
            id=entry.id,
            name=entry.name,
            state=entry.state,
            number=entry.number,
            split=entry.split,
            created_at=entry.created_at,
            updated_at=entry.updated_at,
        )
        shard.append("entries", f"{line}\n".encode())
        shard.keep(item.annotations)

    def assemble(self, package: Assembly[RecordOptions]) -> None:
        segments: list[Segment] = [b'<?xml version="1.0" encoding="UTF-8"?>\n<export>\n']
        for index, dataset in enumerate(package.datasets):
            segments.append(_dataset(dataset).removesuffix("</dataset>").encode())
            segments += package.pieces("entries", dataset=index)
            segments.append(b"</dataset>\n")
        package.file("export.xml", [*segments, b"</export>\n"])
        package.file("export.xsd", [SCHEMA.read_bytes()])


# -- records ----------------------------------------------------------------------------------------------------------


def _dataset(dataset: Dataset) -> str:
    return _element(
        "dataset",
        [*_values(dataset.attributes), *map(_category, dataset.categories), _record(dataset), "\n"],
        id=dataset.id,
        name=dataset.name,
        modality=dataset.modality,
        split=dataset.split,
        entries_count=dataset.entries_count,
    )


def _category(category: Category) -> str:
    content = [
        *(_element("keypoint", name=name) for name in category.keypoints),
        *(_element("edge", start=start, end=end) for start, end in category.skeleton),
        *(_element("shape", name=name) for name in category.shapes),
    ]
    return _element(
        "category",
        content,
        id=category.id,
        name=category.name,
        number=category.number,
        parent=category.parent,
        color=category.color,
    )


def _media(media: Media, file: str | None) -> str:
    return _element(
        "media",
        [_record(media)],
        id=media.id,
        name=media.name,
        ref=media.ref,
        key=media.key or None,
        version=media.version or None,
        file=file,
        size=media.size,
        mime_type=media.mime_type,
        width=media.width,
        height=media.height,
        frame=media.frame,
        duration=media.duration,
        frame_rate=media.frame_rate,
        frames_count=media.frames_count,
    )


def _annotation(one: Placed) -> str:
    annotation = one.annotation
    stated = annotation.box
    content = [
        _shape(annotation.shape),
        _element("stated_box", left=stated.left, top=stated.top, width=stated.width, height=stated.height)
        if stated
        else "",
        *_values(annotation.attributes),
        _record(annotation),
    ]
    return _element(
        "annotation",
        content,
        id=annotation.id,
        category_id=annotation.category_id,
        category=one.category.name if one.category else None,
        number=annotation.number,
        area=annotation.area,
        is_crowd=annotation.is_crowd or None,
        group_id=annotation.group_id,
        stage=annotation.stage,
        created_by=annotation.created_by,
        created_at=annotation.created_at,
        updated_at=annotation.updated_at,
    )


def _record(one: Recorded) -> str:
    return "" if one.raw == EMPTY else f"<record>{bytes(one.raw).decode().translate(_IN_JSON)}</record>"


def _values(attributes: Mapping[str, Any]) -> Iterable[str]:
    for name, value in attributes.items():
        match value:
            case str():
                kind, text = "text", value.translate(_IN_TEXT)
            case None:
                kind, text = "null", ""
            case bool():
                kind, text = "boolean", json.dumps(value)
            case int() | float():
                kind, text = "number", json.dumps(value)
            case _:
                kind, text = "json", encode(value).decode().translate(_IN_JSON)
        yield _element("attribute", [text], name=name, type=kind)


# -- shapes -----------------------------------------------------------------------------------------------------------


def _shape(shape: Shape) -> str:
    name = shape_name(shape)
    match shape:
        case Polygon(parts):
            rings = (
                _element("part", [_points("ring", part.ring), *(_points("hole", hole) for hole in part.holes)])
                for part in parts
            )
            return _element(name, rings)
        case Polyline(points):
            return _points(name, points)
        case Mask():
            return _element(name, [" ".join(map(str, shape.counts))], width=shape.width, height=shape.height)
        case Skeleton():
            marks = [
                _element("point", x=x, y=y, visibility=visibility)
                for (x, y), visibility in zip(shape.points, shape.visibility, strict=True)
            ]
            return _element(name, [*marks, _shape(shape.outline) if shape.outline else ""])
        case Track(keyframes):
            return _element(name, map(_keyframe, keyframes))
        case TextSpan():
            return _element(name, [shape.text.translate(_IN_TEXT)], start=shape.start, end=shape.end)
        case _:
            return _element(name, **{field: getattr(shape, field) for field in shape.__struct_fields__})


def _keyframe(keyframe: Keyframe) -> str:
    content = [_shape(keyframe.shape), *_values(keyframe.attributes)]
    return _element("keyframe", content, frame=keyframe.frame, is_outside=keyframe.is_outside or None)


def _points(name: str, points: Iterable[Point]) -> str:
    return _element(name, [" ".join(f"{x!r},{y!r}" for x, y in points)])


# -- markup -----------------------------------------------------------------------------------------------------------


def _element(tag: str, content: Iterable[str] = (), /, **attributes: str | float | None) -> str:
    """An element; attributes that are None are left out, `content` is markup already."""
    shown = "".join(
        [
            f' {name}="{value.translate(_IN_QUOTES) if isinstance(value, str) else _number(value)}"'
            for name, value in attributes.items()
            if value is not None
        ]
    )
    inside = "".join(content)
    return f"<{tag}{shown}>{inside}</{tag}>" if inside else f"<{tag}{shown}/>"


def _number(value: float) -> str:
    """A number or truth value as XML Schema reads it."""
    return repr(value).lower()
