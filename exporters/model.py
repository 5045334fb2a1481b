"""The record model: what every source is turned into and every exporter writes.

Coordinates are float pixels. The origin is the top-left *corner* of the top-left pixel, x runs right, y runs down,
edges are half-open: a box over a whole picture of W x H pixels is `Box(0, 0, W, H)`. They are those of the picture as
the source's annotators saw it, see `Media.frame`.

Everything is immutable. Structs decode from and encode to JSON by `decode` and `encode`; what the platform sent is kept
beside, byte for byte, and parsed only when somebody asks for `.record`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct, field

Point = tuple[float, float]
"""x, y in pixels."""

EMPTY = Raw(b"{}")


class Recorded(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something a platform sent. `raw` is its JSON, untouched but for white space between tokens."""

    raw: Raw = field(default=EMPTY, name="record")

    @property
    def record(self) -> Any:
        """The platform's own record, parsed now."""
        return msgspec.json.decode(self.raw)


# -- shapes -----------------------------------------------------------------------------------------------------------


class Box(Struct, frozen=True, tag="box", tag_field="type"):
    left: float
    top: float
    width: float
    height: float


class RotatedBox(Struct, frozen=True, tag="rotated_box", tag_field="type"):
    """`angle` in radians about the centre, clockwise on the screen."""

    center_x: float
    center_y: float
    width: float
    height: float
    angle: float


class Ellipse(Struct, frozen=True, tag="ellipse", tag_field="type"):
    """A circle has two equal radii. `angle` as in RotatedBox."""

    center_x: float
    center_y: float
    radius_x: float
    radius_y: float
    angle: float = 0.0


class Part(Struct, frozen=True, omit_defaults=True):
    """One outline of a polygon: an open ring (its first point is not repeated) and the holes in it."""

    ring: tuple[Point, ...]
    holes: tuple[tuple[Point, ...], ...] = ()


class Polygon(Struct, frozen=True, tag="polygon", tag_field="type"):
    """One object of one or more parts, joined by union."""

    parts: tuple[Part, ...]


class Polyline(Struct, frozen=True, tag="polyline", tag_field="type"):
    points: tuple[Point, ...]


class Mask(Struct, frozen=True, tag="mask", tag_field="type"):
    """A raster as run lengths *down the columns*, the first run counting zeros; the runs add up to width x height."""

    width: int
    height: int
    counts: tuple[int, ...]


class Skeleton(Struct, frozen=True, tag="skeleton", tag_field="type", omit_defaults=True):
    """Named points, in the order of the category's `keypoints`, and the object's outline where there is one.

    `visibility` has a number for each point: 0 not labelled, 1 labelled but hidden, 2 visible.
    """

    points: tuple[Point, ...]
    visibility: tuple[int, ...]
    outline: Polygon | Mask | None = None


class Classification(Struct, frozen=True, tag="classification", tag_field="type"):
    """The category holds for the entry as a whole."""


class Unknown(Struct, frozen=True, tag="unknown", tag_field="type"):
    """A shape this version cannot place; the annotation's `.record` has all of it.

    `name` is the platform's word for it, or a phrase that says why it could not be read.
    """

    name: str


MovingShape = Box | RotatedBox | Ellipse | Polygon | Polyline | Mask | Skeleton


class Keyframe(Struct, frozen=True, omit_defaults=True):
    """Where an object is in one frame of a video, from 0; `is_outside`: it is not in the picture from here on."""

    frame: int
    shape: MovingShape
    is_outside: bool = False
    attributes: dict[str, Any] = {}


class Track(Struct, frozen=True, tag="track", tag_field="type"):
    """One object through a video: its key frames in order of time, at least one.

    Between two of them it moves as `shapes.tracks` says. It is there from the first key frame to the last, both
    included, but for the stretches that begin with a key frame outside.
    """

    keyframes: tuple[Keyframe, ...]


class TextSpan(Struct, frozen=True, tag="text_span", tag_field="type", omit_defaults=True):
    """Characters `start` to `end` of a text, half-open, in Unicode code points; `text` is what stands there."""

    start: int
    end: int
    text: str = ""


class TimeSpan(Struct, frozen=True, tag="time_span", tag_field="type"):
    """From `start` to `end` of a sound or video, in seconds; what is said in it is the attribute `transcript`."""

    start: float
    end: float


class Relation(Struct, frozen=True, tag="relation", tag_field="type"):
    """From one annotation to another of the same entry, by their ids."""

    source_id: str
    target_id: str


Shape = (
    Box
    | RotatedBox
    | Ellipse
    | Polygon
    | Polyline
    | Mask
    | Skeleton
    | Track
    | TextSpan
    | TimeSpan
    | Relation
    | Classification
    | Unknown
)

SHAPES: dict[str, type[Struct]] = {
    "box": Box,
    "rotated_box": RotatedBox,
    "ellipse": Ellipse,
    "polygon": Polygon,
    "polyline": Polyline,
    "mask": Mask,
    "skeleton": Skeleton,
    "track": Track,
    "text_span": TextSpan,
    "time_span": TimeSpan,
    "relation": Relation,
    "classification": Classification,
    "unknown": Unknown,
}
NAMES = {shape: name for name, shape in SHAPES.items()}


def shape_name(shape: Shape) -> str:
    """The word for a shape in options, reports and exporters' declarations."""
    return NAMES[type(shape)]


# -- records ----------------------------------------------------------------------------------------------------------


class Category(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A class of the ontology. `id` is what annotations refer to; `number` is the source's own integer id."""

    id: str
    name: str
    number: int | None = None
    parent: str | None = None
    color: str | None = None
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    """Edges between keypoints, by 0-based index."""
    shapes: tuple[str, ...] = ()
    """Which shapes it is declared for; empty where the source does not say."""


class Dataset(Recorded, frozen=True, kw_only=True, omit_defaults=True):
    id: str
    name: str
    modality: str
    categories: tuple[Category, ...] = ()
    """In the order the project declares them: class numbers depend on it."""
    split: str | None = None
    attributes: dict[str, Any] = {}
    entries_count: int | None = None
    """How many the source says it holds, before any filter; None where it does not say."""


class Media(Recorded, frozen=True, kw_only=True, omit_defaults=True):
    """A file behind an entry, as the source describes it. `ref` is what the source needs to open it again.

    `version` changes when the bytes may have changed; together with `ref` it names the bytes in the media store.
    `frame` says which way up the coordinates are: as the pixels are `stored` in the file, or `upright`, after the turn
    that the file's EXIF orientation asks for.
    """

    id: str
    name: str
    ref: str
    key: str = ""
    version: str = ""
    size: int | None = None
    mime_type: str | None = None
    width: int | None = None
    height: int | None = None
    frame: Literal["stored", "upright"] = "upright"
    duration: float | None = None
    """Of a video or sound, in seconds."""
    frame_rate: float | None = None
    frames_count: int | None = None


class Annotation(Recorded, frozen=True, kw_only=True, omit_defaults=True):
    """`box` and `area` are the source's own, where it states them apart from the shape (COCO does)."""

    id: str
    shape: Shape
    category_id: str | None = None
    number: int | None = None
    box: Box | None = None
    area: float | None = None
    is_crowd: bool = False
    group_id: str | None = None
    attributes: dict[str, Any] = {}
    stage: str | None = None
    """The step of the platform's workflow that it was made in, where the platform keeps several."""
    created_by: str | None = None
    created_at: str | None = None
    updated_at: str | None = None


State = Literal["completed", "in_progress", "rejected"]


class Entry(Recorded, frozen=True, kw_only=True, omit_defaults=True):
    """One annotated unit. `state`: a person finished it, nobody has yet, or it was refused."""

    id: str
    dataset_id: str
    name: str
    state: State = "completed"
    number: int | None = None
    split: str | None = None
    medias: tuple[Media, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    attributes: dict[str, Any] = {}
    created_at: str | None = None
    updated_at: str | None = None

    @property
    def original(self) -> Media | None:
        """The media that was annotated; None when the entry has none (yet)."""
        return next((media for media in self.medias if not media.key), None)


encode = msgspec.json.Encoder(order="deterministic").encode
"""Any struct of this module as compact JSON bytes; the same struct always gives the same bytes."""
decode_entry = msgspec.json.Decoder(Entry).decode
decode_dataset = msgspec.json.Decoder(Dataset).decode


def compact(raw: bytes | Raw) -> Raw:
    """A JSON document on one line, its numbers, texts, order and repeated keys as they were."""
    return Raw(msgspec.json.format(bytes(raw), indent=-1))
