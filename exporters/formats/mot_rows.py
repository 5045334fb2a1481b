"""Rows of MOT's ground truth, and the numbers of its objects. What they mean is said in `exporters.formats.mot`."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

from exporters.item import Placed
from exporters.model import Annotation, Box, Entry, Keyframe, Track
from exporters.shapes import geometry, tracks

_ID_BITS = 53
"""Of numbers made from texts: what a float holds exactly, for readers that take all columns for floats."""


def whole(value: Any) -> int | None:
    """The value as a whole number from 1, None where it is none."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 1 <= value < 1 << _ID_BITS else None


def object_number(annotation: Annotation, entry: Entry, attribute: str, change: Callable[[str], None]) -> int:
    """The number of the object that a box in a picture shows: that of its `attribute`, or else of its group.

    Args:
        annotation: the box's.
        entry: the picture.
        attribute: the name of the one that tells objects apart.
        change: told what the number is not taken from.
    """
    value = annotation.attributes.get(attribute)
    value = annotation.group_id if value is None else value
    if value is None:
        change("it has no track id: it became an object of its own")
        return own_number(annotation, entry)
    number = whole(value)
    if number is None:
        change("its track id became a number")
        return _as_number("id", str(value))
    return number


def own_number(annotation: Annotation, entry: Entry) -> int:
    """The number of an object that is in no other picture."""
    return _as_number("own", entry.dataset_id, entry.id, annotation.id)


def _as_number(*texts: str) -> int:
    """A number from 1 that is the same for the same texts, and for no others that will ever meet."""
    digest = hashlib.sha256(orjson.dumps(texts)).digest()
    return (int.from_bytes(digest[:8]) >> (64 - _ID_BITS)) or 1


def misfit(one: Placed, count: int | None) -> str | None:
    """Why an annotation of a video cannot be written."""
    if not isinstance(one.shape, Track):
        return "mot cannot hold a box of a video that is in no frame of it"
    keyframes = one.shape.keyframes
    if not all(isinstance(keyframe.shape, Box) for keyframe in keyframes):
        return "mot cannot hold a track of other shapes than boxes"
    if not all(map(_is_sound, keyframes)):
        return "its boxes have no extent or are no numbers"
    if next(tracks.frames(one.shape, count), None) is None:
        return "it is in no frame of its video"
    return None


def _is_sound(keyframe: Keyframe) -> bool:
    box = geometry.bounds(keyframe.shape)
    if box is None or not math.isfinite(box.left + box.top + box.width + box.height):
        return False
    return keyframe.is_outside or (box.width > 0 and box.height > 0)


def track_numbers(kept: Sequence[Placed], attribute: str, count: int | None) -> list[int]:
    """The numbers of a video's tracks: those in the attribute if no two are one in one frame, else from 1."""
    numbers: list[int] = []
    met: set[tuple[int, int]] = set()
    for one in kept:
        number = whole(one.annotation.attributes.get(attribute))
        shape = one.shape
        if number is None or not isinstance(shape, Track):
            break
        places = {(number, frame.number) for frame in tracks.frames(shape, count)}
        if not met.isdisjoint(places):
            break
        met |= places
        numbers.append(number)
    return numbers if len(numbers) == len(kept) else list(range(1, len(kept) + 1))


def track_rows(one: Placed, number: int, count: int | None) -> Iterator[tuple[int, str]]:
    """The rows of a track with the numbers of their frames."""
    if not isinstance(one.shape, Track):
        raise NotImplementedError(type(one.shape).__name__)
    fixed = one.annotation.attributes
    for frame in tracks.frames(one.shape, count):
        if isinstance(frame.shape, Box):
            attributes = fixed | frame.keyframe.attributes
            yield frame.number + 1, row(frame.number + 1, number, frame.shape, one, attributes)


def row(frame: int, number: int, box: Box, one: Placed, attributes: dict[str, Any]) -> str:
    """A line of `gt.txt`; `frame` and `number` count from 1."""
    flag = 0 if one.annotation.is_crowd or attributes.get("ignored") is True else 1
    seen = attributes.get("visibility", 1)
    if type(seen) not in (int, float) or not 0 <= seen <= 1:
        seen = 1
    place = f"{_plain(box.left + 1)},{_plain(box.top + 1)},{_plain(box.width)},{_plain(box.height)}"
    return f"{frame},{number},{place},{flag},{one.category.number if one.category else -1},{_plain(seen)}\n"


def _plain(value: float) -> str:
    """Whole numbers without a point, all others in full."""
    whole = int(value)
    return str(whole) if whole == value else repr(value)
