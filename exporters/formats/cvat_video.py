"""`cvat_video`: CVAT for video 1.1 (https://docs.cvat.ai/docs/manual/advanced/xml_format/), one XML file a video.

    annotations/[<split>/]<stem>.xml
    videos/[<split>/]<stem>.mp4        the videos as they are; no frame is taken out of them

A track has an element for each key frame, frames counted from 0. Where the object leaves the picture, and in the frame
after its last key frame unless the video ends there, it has one that says `outside`: without it, it would stay to the
end of the video. Boxes (rotated ones, too), ellipses, lines that keep their points, and skeletons move in CVAT as they
do here, so they have the key frames they came with; outlines, and turns of more than half a circle, move differently
there, so every frame of such a movement is a key frame, and counted. In tracks, polygons of several parts or with holes
become masks. A track whose shape changes its kind is left out: CVAT's tracks have one.

Geometry and attributes are written as in the format `cvat`; attributes of key frames are declared as mutable.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from exporters.assembly import Assembly
from exporters.base import Exporter
from exporters.formats.borders import KeepingOptions
from exporters.formats.cvatxml import (
    HEAD,
    TAIL,
    Attribute,
    attribute_elements,
    element,
    label_elements,
    lost_in_points,
    other_attributes,
    own_attributes,
    points,
)
from exporters.formats.labels import labels_of, one_line, xml_attribute, xml_text
from exporters.holds import Holds
from exporters.item import Item, Placed
from exporters.model import Box, Keyframe, Mask, MovingShape, Polygon, RotatedBox, Skeleton, Track
from exporters.naming import safe_component
from exporters.options import ImageOptions
from exporters.shapes import geometry, masks
from exporters.shapes.convert import convert
from exporters.shapes.tracks import frames
from exporters.shard import Shard


class Stage(NamedTuple):
    """An element of a track, as it is to be written."""

    frame: int
    shape: MovingShape
    is_outside: bool
    attributes: dict[str, Any]


class CvatVideoExporter(Exporter[ImageOptions]):
    name = "cvat_video"
    description = "CVAT for video 1.1: tracks of all shapes with their key frames, one XML file a video."
    version = 2
    holds = Holds(
        modalities=frozenset({"video"}),
        shapes=frozenset({"track"}),
        needs_category=True,
        needs_size=True,
        pairs_by_stem=True,
    )
    options = KeepingOptions

    def convert(self, item: Item, shard: Shard[ImageOptions]) -> None:
        labels = labels_of(shard)
        declared: dict[int, set[Attribute]] = {}
        kept: list[Placed] = []
        lines: list[str] = []
        for one in item.annotations:
            stages = _stages(one, item, shard)
            if isinstance(stages, str):
                shard.leave_out_annotation(one, stages)
                continue
            label = labels[one.category.id] if one.category else ""
            lines += _track(one, stages, len(kept), label)
            kept.append(one)
            if one.category:
                declared.setdefault(one.category.number, set()).update(_attributes(one))
        meta = _meta(item, label_elements(shard.classes.classes, labels, declared))
        folder = f"annotations/{safe_component(item.entry.split)}" if item.entry.split else "annotations"
        shard.write(f"{folder}/{item.stem}.xml", HEAD + "\n".join([meta, *lines, ""]).encode() + TAIL)
        shard.keep(kept)

    def assemble(self, package: Assembly[ImageOptions]) -> None:
        """Nothing but what lies beside each video."""


def _meta(item: Item, labels: str) -> str:
    media = item.entry.original
    count = media.frames_count if media else None
    width, height = item.size or (0, 0)
    extent = f"<size>{count}</size>\n" if count else ""
    stop = f"<stop_frame>{count - 1}</stop_frame>\n" if count else ""
    return (
        f"<meta>\n<task>\n<name>{xml_text(item.file_name)}</name>\n{extent}<mode>interpolation</mode>\n"
        f"<overlap>0</overlap>\n<start_frame>0</start_frame>\n{stop}{labels}"
        f"<original_size>\n<width>{width}</width>\n<height>{height}</height>\n</original_size>\n"
        f"</task>\n<source>{xml_text(item.file_name)}</source>\n</meta>"
    )


# -- what is written of a track ---------------------------------------------------------------------------------------


def _stages(one: Placed, item: Item, shard: Shard[ImageOptions]) -> list[Stage] | str:
    """The elements of a track in order of time, or why it is left out."""
    track = one.shape
    if not isinstance(track, Track):
        raise NotImplementedError(type(track).__name__)
    media = item.entry.original
    count = media.frames_count if media and media.frames_count else None
    misfit = _misfit(track, item, count)
    if misfit:
        return misfit
    stages = list(_moved(track, count, item, shard))
    if any(isinstance(stage.shape, Polygon) and _has_more_than_a_ring(stage.shape) for stage in stages):
        shard.change("polygons of several parts or with holes became masks")
        painted = [_painted(stage, item.size) for stage in stages]
        if None in painted:
            return "no pixel lies in one of its polygons"
        stages = [stage for stage in painted if stage]
    skeletons = [stage.shape for stage in stages if isinstance(stage.shape, Skeleton)]
    if any(shape.outline for shape in skeletons):
        shard.change("the outline of its skeleton is left out: CVAT's have none")
    keypoints = one.category.keypoints if one.category else ()
    plain = [shape for shape in skeletons if len(shape.points) != len(keypoints)]
    if lost := next(filter(None, (lost_in_points(shape, keypoints) for shape in plain)), None):
        shard.change(lost)
    if count is not None and track.keyframes[-1].frame >= count:
        shard.change("key frames behind the end of its video left out")
    return stages


def _misfit(track: Track, item: Item, count: int | None) -> str | None:
    """Why CVAT cannot hold a track."""
    shapes = [keyframe.shape for keyframe in track.keyframes]
    if not shapes:
        return "nothing of it is marked"
    if len({Box if isinstance(shape, RotatedBox) else type(shape) for shape in shapes}) > 1:
        return "CVAT cannot hold a track whose shape changes its kind"
    if not all(map(_is_sound, shapes)):
        return "its key frames have no extent or are no numbers"
    if any(isinstance(shape, Mask) and (shape.width, shape.height) != item.size for shape in shapes):
        return "its mask does not fit its picture"
    if count is not None and track.keyframes[0].frame >= count:
        return "it begins behind the end of its video"
    return None


def _has_more_than_a_ring(polygon: Polygon) -> bool:
    return len(polygon.parts) > 1 or bool(polygon.parts[0].holes)


def _is_sound(shape: MovingShape) -> bool:
    if isinstance(shape, Mask) and not masks.is_sound(shape):
        return False
    if isinstance(shape, Polygon) and any(len(part.ring) < 3 for part in shape.parts):
        return False
    box = geometry.bounds(shape)
    return box is not None and math.isfinite(sum(geometry.ltwh_to_ltrb(box)))


def _moved(track: Track, count: int | None, item: Item, shard: Shard[ImageOptions]) -> Iterator[Stage]:
    """Key frames, with all frames between them where CVAT would move the shape differently, and an end."""
    is_counted = False
    for keyframe, following in pairwise([*track.keyframes, None]):
        if keyframe is None or (count is not None and keyframe.frame >= count):
            return
        yield Stage(keyframe.frame, keyframe.shape, keyframe.is_outside, keyframe.attributes)
        if following is None:
            if not keyframe.is_outside and (count is None or keyframe.frame + 1 < count):
                yield Stage(keyframe.frame + 1, keyframe.shape, True, keyframe.attributes)
        elif _moves_differently(keyframe, following):
            if not is_counted:
                shard.change("every frame of a movement became a key frame: CVAT moves its shape differently")
                is_counted = True
            yield from _between(keyframe, following, count, item)
        elif count is not None and following.frame >= count and not keyframe.is_outside:
            yield from list(_between(keyframe, following, count, item))[-1:]


def _between(start: Keyframe, end: Keyframe, count: int | None, item: Item) -> Iterator[Stage]:
    """The frames from one key frame to the next, both excluded."""
    for frame in frames(Track((start, end)), count, item.size):
        if not frame.is_keyframe:
            yield Stage(frame.number, frame.shape, False, start.attributes)


def _moves_differently(start: Keyframe, end: Keyframe) -> bool:
    """Whether CVAT would fill the frames between two key frames with other shapes than `tracks` does."""
    one, other = start.shape, end.shape
    if start.is_outside or end.frame == start.frame + 1 or one == other:
        return False
    if isinstance(one, Skeleton) and isinstance(other, Skeleton):
        return one.visibility != other.visibility or len(one.points) != len(other.points)
    turn = getattr(other, "angle", 0.0) - getattr(one, "angle", 0.0)
    if abs(turn) >= math.pi:  # CVAT takes the shorter way round
        return True
    return isinstance(one, Polygon | Mask) or len(getattr(one, "points", ())) != len(getattr(other, "points", ()))


def _painted(stage: Stage, size: tuple[int, int] | None) -> Stage | None:
    if not isinstance(stage.shape, Polygon) or size is None:
        return stage
    mask, _ = convert(stage.shape, ("polygon_to_mask",), size)
    return stage._replace(shape=mask) if isinstance(mask, Mask) else None


# -- as XML -----------------------------------------------------------------------------------------------------------


def _track(one: Placed, stages: Iterable[Stage], number: int, label: str) -> Iterator[str]:
    yield f'<track id="{number}" label={xml_attribute(label)} source="manual">'
    fixed = one.annotation.attributes
    names = one.category.keypoints if one.category else ()
    for stage in stages:
        attributes = fixed | stage.attributes
        others = attribute_elements(other_attributes(attributes, is_crowd=one.annotation.is_crowd))
        head = f'frame="{stage.frame}" keyframe="1" outside="{int(stage.is_outside)}" {own_attributes(attributes)}'
        yield _element(stage, head, others, names)
    yield "</track>"


def _element(stage: Stage, head: str, others: str, names: tuple[str, ...]) -> str:
    match stage.shape:
        case Polygon(parts):
            return f'<polygon {head} points="{points(parts[0].ring)}">{others}</polygon>'
        case Skeleton() as shape if len(names) == len(shape.points):
            inner = "".join(
                f'<points label={xml_attribute(one_line(name))} outside="{int(stage.is_outside or not seen)}" '
                f'occluded="{int(seen == 1)}" keyframe="1" points="{points([point])}"></points>'
                for name, point, seen in zip(names, shape.points, shape.visibility, strict=True)
            )
            return f"<skeleton {head}>{inner}{others}</skeleton>"
        case Skeleton() as shape:
            return f'<points {head} points="{points(shape.points)}">{others}</points>'
        case shape:
            tag, place = element(shape)
            return f"<{tag} {head} {place}>{others}</{tag}>"


def _attributes(one: Placed) -> Iterator[Attribute]:
    annotation = one.annotation
    for name, value in other_attributes(annotation.attributes, is_crowd=annotation.is_crowd):
        yield Attribute(name, isinstance(value, bool))
    keyframes = one.shape.keyframes if isinstance(one.shape, Track) else ()
    for keyframe in keyframes:
        for name, value in other_attributes(keyframe.attributes):
            yield Attribute(name, isinstance(value, bool), is_mutable=True)
