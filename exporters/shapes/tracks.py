"""Tracks between their key frames, and key frames out of what is known of every frame.

Boxes, rotated boxes and ellipses move linearly, their angles too: half a turn between two key frames is half a turn.
So do the points of lines and skeletons that have as many in both. Polygons of one ring are morphed, see
`exporters.shapes.morph`. All else, masks above all, stays as it is until the next key frame.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from msgspec.structs import astuple, replace

from exporters.model import (
    Box,
    Ellipse,
    Keyframe,
    MovingShape,
    Part,
    Point,
    Polygon,
    Polyline,
    RotatedBox,
    Skeleton,
    Track,
)
from exporters.shapes.morph import morph

Rigid = Box | RotatedBox | Ellipse
"""What a few numbers say all about."""
Size = tuple[int, int]
Motion = Callable[[int, int], MovingShape]
"""From a key frame to the next: the shape after so many frames of so many."""


class Frame(NamedTuple):
    """Where an object is in one frame; `keyframe` is the latest key frame: this frame itself, or one before it."""

    number: int
    shape: MovingShape
    keyframe: Keyframe

    @property
    def is_keyframe(self) -> bool:
        return self.number == self.keyframe.frame


def frames(track: Track, frames_count: int | None = None, size: Size | None = None) -> Iterator[Frame]:
    """Every frame in which the object is in the picture, in order of time; never before or after its key frames.

    Args:
        track: its key frames in order of time.
        frames_count: how many frames the video has; what lies behind its end is left out.
        size: width and height of the picture in pixels. Polygons are then morphed with distances measured in shares of
            the picture, as platforms do whose coordinates are such shares.
    """
    for keyframe, following in _with_following(track.keyframes):
        if frames_count is not None and keyframe.frame >= frames_count:
            return
        if keyframe.is_outside:
            continue
        yield Frame(keyframe.frame, keyframe.shape, keyframe)
        if following is None:
            return
        steps = following.frame - keyframe.frame
        move = _motion(keyframe.shape, following.shape, size)
        for step in range(1, steps if frames_count is None else min(steps, frames_count - keyframe.frame)):
            yield Frame(keyframe.frame + step, move(step, steps), keyframe)


def between(keyframe: Keyframe, following: Keyframe, frame: int, size: Size | None = None) -> MovingShape:
    """Where an object is in a frame between two of its key frames; `size` as for `frames`."""
    return _motion(keyframe.shape, following.shape, size)(frame - keyframe.frame, following.frame - keyframe.frame)


def _with_following(keyframes: Sequence[Keyframe]) -> Iterator[tuple[Keyframe, Keyframe | None]]:
    yield from pairwise(keyframes)
    if keyframes:
        yield keyframes[-1], None


def _motion(start: MovingShape, end: MovingShape, size: Size | None) -> Motion:
    if isinstance(start, Box | RotatedBox) and isinstance(end, Box | RotatedBox) and type(start) is not type(end):
        start, end = _rotatable(start), _rotatable(end)
    if isinstance(start, Rigid) and type(start) is type(end):
        return _linear_motion(start, end)
    match start, end:
        case Polyline(), Polyline() if len(start.points) == len(end.points):
            return lambda step, steps: Polyline(_points_between(start.points, end.points, step, steps))
        case Skeleton(), Skeleton() if len(start.points) == len(end.points):
            return _skeleton_motion(start, end, size)
        case Polygon((Part(ring, ()),)), Polygon((Part(next_ring, ()),)) if ring and next_ring and start != end:
            ring_after = morph(ring, next_ring, size or (1.0, 1.0))
            return lambda step, steps: Polygon((Part(ring_after(step, steps)),))
        case _:
            return lambda _step, _steps: start


def _linear_motion(start: Rigid, end: Rigid) -> Motion:
    ends = list(zip(astuple(start), astuple(end), strict=True))
    return lambda step, steps: type(start)(*(_between(at, to, step, steps) for at, to in ends))


def _skeleton_motion(start: Skeleton, end: Skeleton, size: Size | None) -> Motion:
    """A point that is not labelled in one of the two has no place to come from or go to, and stays."""
    ends = tuple(
        to if seen and seen_then else at
        for at, seen, to, seen_then in zip(start.points, start.visibility, end.points, end.visibility, strict=True)
    )
    outline_after = _motion(start.outline, end.outline, size) if start.outline and end.outline else None

    def after(step: int, steps: int) -> Skeleton:
        outline = outline_after(step, steps) if outline_after else start.outline
        return replace(start, points=_points_between(start.points, ends, step, steps), outline=outline)

    return after


def _rotatable(box: Box | RotatedBox) -> RotatedBox:
    if isinstance(box, RotatedBox):
        return box
    return RotatedBox(box.left + box.width / 2, box.top + box.height / 2, box.width, box.height, 0.0)


def _between(start: float, end: float, step: int, steps: int) -> float:
    # Multiplied before divided: whole numbers that move by whole numbers stay whole.
    return start + (end - start) * step / steps


def _points_between(start: Sequence[Point], end: Sequence[Point], step: int, steps: int) -> tuple[Point, ...]:
    return tuple(
        (_between(x, to_x, step, steps), _between(y, to_y, step, steps))
        for (x, y), (to_x, to_y) in zip(start, end, strict=True)
    )


# -- and back ---------------------------------------------------------------------------------------------------------


def from_frames(known: Iterable[Keyframe]) -> Track:
    """The track of an object of which every frame is known, without the key frames that follow from others.

    It is exact: `frames` of it gives the same shapes, in the same frames, with the same attributes. Frames that are
    missing in between become a stretch outside the picture. Boxes, rotated boxes and ellipses are found to move; of
    other shapes, only those that stay as they are need no key frames. Held at any time: the key frames found so far,
    and the frames since the last of them.

    Args:
        known: the frames as if each were a key frame, in order of time.

    Raises:
        ValueError: there are none, or they are not in order of time.
    """
    keyframes: list[Keyframe] = []
    run: list[Keyframe] = []
    for frame in known:
        if run and frame.frame <= run[-1].frame:
            raise ValueError(f"a track goes from frame {run[-1].frame} to frame {frame.frame}, not forward in time")
        if not run or _goes_on(run, frame):
            run.append(frame)
            continue
        last = run[-1]
        keyframes += _ends(run)
        run = [frame]
        if _is_next(last, frame):  # the last frame is where this movement ends and the next begins
            run = [keyframes.pop(), frame]
        elif frame.frame > last.frame + 1 and not last.is_outside:
            keyframes.append(replace(last, frame=last.frame + 1, is_outside=True))
    if not run:
        raise ValueError("a track has no frame at all")
    return Track((*keyframes, *_ends(run)))


def _is_next(last: Keyframe, frame: Keyframe) -> bool:
    """Whether a frame follows at once, in the picture and without a change of attributes."""
    is_inside = not (last.is_outside or frame.is_outside)
    return is_inside and frame.frame == last.frame + 1 and frame.attributes == last.attributes


def _goes_on(run: Sequence[Keyframe], frame: Keyframe) -> bool:
    """Whether a frame seems to belong to the same movement as those before it."""
    if not _is_next(run[-1], frame):
        return False
    step = _step(run[-1].shape, frame.shape)
    first = step if len(run) == 1 else _step(run[0].shape, run[1].shape)
    if step is None or first is None:
        return False
    return all(math.isclose(a, b, rel_tol=0, abs_tol=1e-6) for a, b in zip(first, step, strict=True))


def _step(shape: MovingShape, following: MovingShape) -> tuple[float, ...] | None:
    """How far a shape moves from one frame to the next; None when that is not known."""
    if isinstance(shape, Rigid) and type(shape) is type(following):
        return tuple(to - at for at, to in zip(astuple(shape), astuple(following), strict=True))
    return () if shape == following else None


def _ends(run: Sequence[Keyframe]) -> list[Keyframe]:
    """The first and the last frame, if all between follow from them to the last bit; all frames otherwise."""
    if len(run) <= 2:
        return list(run)
    ends = [run[0], run[-1]]
    follows = all(frame.shape == one.shape for frame, one in zip(frames(Track(tuple(ends))), run, strict=True))
    return ends if follows else list(run)
