"""Objects of a video: their tools, one for each frame, as tracks of key frames.

An object is what has one `objectId` and one class. It is there from its first frame to its last; a tool that says
`interpolationStopped` is the first frame without it, until its next tool. Nothing is known of an object behind its last
tool, and nothing is made up. Where all frames were exported, not key frames only, it is gone in those that are missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_args

from msgspec import Raw

from blocks.ango.answers import attributes
from blocks.ango.tools import page_of, to_shape
from blocks.values import identifier
from exporters.model import Keyframe, MovingShape, Shape, Track

MOVING: tuple[type[Any], ...] = get_args(MovingShape)


class Tool(NamedTuple):
    """A tool, parsed and as it came."""

    value: Mapping[str, Any]
    raw: Raw


class Tracked(NamedTuple):
    """An object: its track, or its one shape where it has no frames; the tools that it consists of."""

    shape: Shape
    tools: list[Tool]


def to_objects(tools: Sequence[Tool], *, only_key_frames: bool) -> Iterator[Tracked]:
    """Objects in the order of their first tools. What cannot move, or is in no frame, is an object by itself."""
    groups: dict[tuple[Any, ...], dict[int, tuple[Tool, MovingShape]]] = {}
    alone: dict[tuple[Any, ...], Tracked] = {}
    for place, tool in enumerate(tools):
        shape, frame = to_shape(tool.value, "video"), page_of(tool.value)
        id_ = identifier(tool.value.get("objectId"))
        if frame is None or not isinstance(shape, MOVING) or not id_:
            alone["", place] = Tracked(shape, [tool])
            groups["", place] = {}
            continue
        number = 0
        key = (id_, str(tool.value.get("schemaId")))
        while frame in groups.setdefault((*key, number), {}):  # twice in a frame: not one object after all
            number += 1
        groups[(*key, number)][frame] = tool, shape
    for key, frames in groups.items():
        if not frames:
            yield alone[key]
            continue
        ordered = [(frame, *frames[frame]) for frame in sorted(frames)]
        keyframes = tuple(_keyframes(ordered, only_key_frames=only_key_frames))
        yield Tracked(Track(keyframes), [tool for _, tool, _ in ordered])


def _keyframes(ordered: Sequence[tuple[int, Tool, MovingShape]], *, only_key_frames: bool) -> Iterator[Keyframe]:
    before: Keyframe | None = None
    for frame, tool, shape in ordered:
        if before and not only_key_frames and not before.is_outside and frame > before.frame + 1:
            yield Keyframe(before.frame + 1, before.shape, is_outside=True)
        is_gone = tool.value.get("interpolationStopped") is True
        before = Keyframe(frame, shape, is_gone, attributes(tool.value.get("classifications")))
        yield before
