"""Hypothesis strategies for the record model: points, boxes, outlines, masks, tracks, entries."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import strategies as st
from msgspec import Raw

from exporters.model import (
    Annotation,
    Box,
    Classification,
    Ellipse,
    Entry,
    Keyframe,
    Mask,
    Media,
    Part,
    Point,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    Track,
    Unknown,
)
from exporters.shapes.masks import from_pixels
from tests.fakes.datasets import CATEGORIES, HEIGHT, KEYPOINTS, WIDTH

if TYPE_CHECKING:
    from exporters.shapes.masks import Pixels

ANGLES = st.floats(-math.pi, math.pi)


def coordinates(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_subnormal=False)


def points(width: int = WIDTH, height: int = HEIGHT, margin: float = 0.0) -> st.SearchStrategy[Point]:
    """Points on a picture, or up to `margin` pixels outside it."""
    return st.tuples(coordinates(-margin, width + margin), coordinates(-margin, height + margin))


@st.composite
def boxes(draw: st.DrawFn, width: int = WIDTH, height: int = HEIGHT, margin: float = 0.0, least: float = 0.5) -> Box:
    """Boxes of at least `least` pixels a side, inside the picture unless there is a margin."""
    left = draw(coordinates(-margin, width + margin - least))
    top = draw(coordinates(-margin, height + margin - least))
    return Box(
        left,
        top,
        draw(coordinates(least, width + margin - left)),
        draw(coordinates(least, height + margin - top)),
    )


@st.composite
def whole_boxes(draw: st.DrawFn, width: int = WIDTH, height: int = HEIGHT) -> Box:
    """Boxes along pixel borders, inside the picture."""
    left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return Box(left, top, draw(st.integers(1, width - left)), draw(st.integers(1, height - top)))


@st.composite
def rotated_boxes(draw: st.DrawFn, width: int = WIDTH, height: int = HEIGHT) -> RotatedBox:
    x, y = draw(points(width, height))
    return RotatedBox(x, y, draw(coordinates(1, width)), draw(coordinates(1, height)), draw(ANGLES))


@st.composite
def ellipses(draw: st.DrawFn, width: int = WIDTH, height: int = HEIGHT) -> Ellipse:
    x, y = draw(points(width, height))
    return Ellipse(x, y, draw(coordinates(1, width / 2)), draw(coordinates(1, height / 2)), draw(ANGLES))


@st.composite
def rings(
    draw: st.DrawFn, width: int = WIDTH, height: int = HEIGHT, margin: float = 0.0, *, convex: bool = False
) -> tuple[Point, ...]:
    """Simple rings: seen from a centre, their points stand at growing angles, on an ellipse if `convex`."""
    count = draw(st.integers(3, 9))
    x, y = draw(points(width, height))
    room_x = min(x, width - x) + margin
    room_y = min(y, height - y) + margin
    if min(room_x, room_y) < 2:
        x, y = width / 2, height / 2
        room_x, room_y = x + margin, y + margin
    radius_x, radius_y = draw(coordinates(1.5, room_x)), draw(coordinates(1.5, room_y))
    turn = draw(coordinates(0, 1))
    shares = draw(st.lists(coordinates(0.4, 1), min_size=count, max_size=count))
    ring = []
    for index, share in enumerate(shares):
        # Less than half a turn from one point to the next: the centre stays inside.
        angle = 2 * math.pi * (index + turn + (0.3 * share if convex else 0)) / count
        reach = 1 if convex else share
        ring.append((x + reach * radius_x * math.cos(angle), y + reach * radius_y * math.sin(angle)))
    return tuple(ring) if draw(st.booleans()) else tuple(reversed(ring))


def polygons(
    width: int = WIDTH, height: int = HEIGHT, margin: float = 0.0, *, convex: bool = False
) -> st.SearchStrategy[Polygon]:
    """Polygons of one simple ring."""
    return rings(width, height, margin, convex=convex).map(lambda ring: Polygon((Part(ring),)))


@st.composite
def holed_polygons(draw: st.DrawFn, width: int = WIDTH, height: int = HEIGHT) -> Polygon:
    """Polygons of one ring with one hole, which has the ring's own form at a share of its size."""
    ring = draw(rings(width, height))
    x, y = (sum(values) / len(ring) for values in zip(*ring, strict=True))
    share = draw(coordinates(0.2, 0.8))
    hole = tuple((x + share * (px - x), y + share * (py - y)) for px, py in ring)
    return Polygon((Part(ring, (hole,)),))


@st.composite
def pixels(draw: st.DrawFn, max_side: int = 12, *, width: int | None = None, height: int | None = None) -> Pixels:
    """Rasters from empty to full, with runs long and short."""
    width = width or draw(st.integers(1, max_side))
    height = height or draw(st.integers(1, max_side))
    kind = draw(st.sampled_from(("scattered", "rectangle", "empty", "full")))
    array = np.full((height, width), kind == "full")
    if kind == "scattered":
        bits = draw(st.binary(min_size=width * height, max_size=width * height))
        array = (np.frombuffer(bits, np.uint8) & 1).astype(bool).reshape(height, width)
    elif kind == "rectangle":
        box = draw(whole_boxes(width, height))
        array[int(box.top) : int(box.top + box.height), int(box.left) : int(box.left + box.width)] = True
    return array


def masks(width: int = WIDTH, height: int = HEIGHT) -> st.SearchStrategy[Mask]:
    """Masks of a whole picture."""
    return pixels(width=width, height=height).map(from_pixels)


@st.composite
def skeletons(draw: st.DrawFn, width: int = WIDTH, height: int = HEIGHT) -> Skeleton:
    count = len(KEYPOINTS)
    outline = draw(st.none() | polygons(width, height))
    return Skeleton(
        tuple(draw(st.lists(points(width, height), min_size=count, max_size=count))),
        tuple(draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))),
        outline,
    )


def polylines(width: int = WIDTH, height: int = HEIGHT) -> st.SearchStrategy[Polyline]:
    return st.lists(points(width, height), min_size=2, max_size=6).map(lambda line: Polyline(tuple(line)))


MOVING = {
    "box": boxes(),
    "rotated_box": rotated_boxes(),
    "ellipse": ellipses(),
    "polygon": polygons(),
    "polyline": polylines(),
    "mask": masks(),
    "skeleton": skeletons(),
}
"""Shapes that a key frame can have, by name."""


@st.composite
def tracks(draw: st.DrawFn, kind: str | None = None, max_gap: int = 12) -> Track:
    """Tracks of one kind of shape, whose key frames lie up to `max_gap` frames apart; some of them are outside."""
    shape = MOVING[kind or draw(st.sampled_from(sorted(MOVING)))]
    frame = draw(st.integers(0, 5))
    keyframes = []
    for _ in range(draw(st.integers(1, 5))):
        attributes = draw(st.sampled_from(({}, {"occluded": True})))
        keyframes.append(Keyframe(frame, draw(shape), draw(st.sampled_from((False, False, True))), attributes))
        frame += draw(st.integers(1, max_gap))
    return Track(tuple(keyframes))


def shapes(margin: float = 0.0) -> st.SearchStrategy[Shape]:
    """Any shape on a picture of WIDTH x HEIGHT; boxes and polygons may reach `margin` pixels over its border."""
    return st.one_of(
        boxes(margin=margin),
        polygons(margin=margin),
        holed_polygons(),
        masks(),
        skeletons(),
        rotated_boxes(),
        ellipses(),
        polylines(),
        st.just(Classification()),
        st.just(Unknown("cuboid")),
    )


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
"""What JSON can carry."""

VALUES = st.one_of(TEXTS, st.integers(-(2**53), 2**53), st.booleans(), st.none(), st.lists(TEXTS, max_size=2))


@st.composite
def annotated_shapes(draw: st.DrawFn, id_: str, margin: float = 0.0) -> Annotation:
    return Annotation(
        id=id_,
        shape=draw(shapes(margin)),
        category_id=draw(st.sampled_from([None, "undeclared", *(category.id for category in CATEGORIES)])),
        is_crowd=draw(st.booleans()),
        attributes=draw(st.dictionaries(TEXTS, VALUES, max_size=2)),
        raw=Raw(b'{"id":"%b"}' % id_.encode()),
    )


@st.composite
def entries(draw: st.DrawFn, id_: str, dataset_id: str, margin: float = 0.0) -> Entry:
    """An entry of the dataset of `tests.fakes.datasets`, with or without a picture."""
    media = Media(id=f"{id_}-m", name=f"{id_}.png", ref=f"ref/{id_}", width=WIDTH, height=HEIGHT)
    count = draw(st.integers(0, 3))
    return Entry(
        id=id_,
        dataset_id=dataset_id,
        name=draw(TEXTS),
        state=draw(st.sampled_from(("completed", "completed", "in_progress", "rejected"))),
        split=draw(st.sampled_from((None, "train", "val"))),
        medias=draw(st.sampled_from(((media,), (media,), ()))),
        annotations=tuple(draw(annotated_shapes(f"{id_}-{index}", margin)) for index in range(count)),
        attributes=draw(st.dictionaries(TEXTS, VALUES, max_size=2)),
        raw=Raw(b'{"id":"%b"}' % id_.encode()),
    )


@st.composite
def entry_lists(draw: st.DrawFn, dataset_id: str, max_size: int = 6, margin: float = 0.0) -> list[Entry]:
    """Entries of one dataset, ids apart."""
    return [draw(entries(f"e{index}", dataset_id, margin)) for index in range(draw(st.integers(0, max_size)))]
