"""One entry as a tile: its picture with the shapes on it, frames of its tracks, its text, its stretches of time.

What has nothing of all this, or cannot be shown, is a grey tile with a sentence; nothing that is wrong with an entry's
file ends an export here.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import Image, ImageDraw, ImageFont

from exporters.model import (
    Annotation,
    Box,
    Classification,
    Entry,
    TimeSpan,
    Track,
)
from exporters.report.drawing import Drawing
from exporters.report.figures import extent_of
from exporters.report.legend import RGB, Legend
from exporters.report.pictures import CLEAR, NOT_SHOWN, PAPER, paper
from exporters.report.texts import Piece, pieces_of, text_picture
from exporters.shapes import geometry

SIZE = (320, 240)
CROP = 88
QUALITY = 84
FRAMES_SHOWN = 4
LANES_SHOWN = 8

NOTHING_DRAWN = "nothing to draw"
NOT_DRAWN = "this entry cannot be drawn"
INK: RGB = (86, 92, 101)


@dataclass(frozen=True)
class Sample:
    """An entry to be shown, as it is written: its picture, or why there is none, and the size that shapes count in."""

    entry: Entry
    annotations: Sequence[Annotation]
    picture: Image.Image | str
    measured: tuple[int, int] | None = None
    text: str | None = None


@dataclass(frozen=True)
class Tile:
    """`caption` and pieces of text are users' own words; the sentence is ours."""

    caption: str
    jpeg: bytes = b""
    sentence: str = ""
    pieces: tuple[Piece, ...] = ()
    keys: tuple[str, ...] = ()
    """The classes of its annotations."""
    tags: tuple[str, ...] = ()
    """The classes that hold for it as a whole."""
    crops: dict[str, bytes] = field(default_factory=dict)
    """An object of each class that was asked for."""


def tile(sample: Sample, legend: Legend, crops_of: Sequence[str] = ()) -> tuple[Tile, Image.Image]:
    """The tile of an entry, and its picture for the sheet; with an object of each of these classes cut out."""
    entry, annotations = sample.entry, sample.annotations
    keys = tuple(dict.fromkeys(legend.key(one.category_id) for one in annotations))
    tags = tuple(
        dict.fromkeys(legend.key(one.category_id) for one in annotations if isinstance(one.shape, Classification))
    )
    pieces: tuple[Piece, ...] = ()
    crops: dict[str, bytes] = {}
    try:
        if sample.text is not None:
            pieces = pieces_of(sample.text, annotations, legend)
            picture, sentence = text_picture(pieces, legend, SIZE), ""
        else:
            picture, sentence = _picture(sample, legend)
            crops = {key: cut for key in crops_of if (cut := _crop(sample, key, legend))}
    except Exception:  # noqa: BLE001 - a shape that nobody foresaw is no reason to end an export
        picture, sentence = grey(NOT_DRAWN), NOT_DRAWN
    shown = b"" if pieces or (sentence and sentence != NOTHING_DRAWN) else jpeg(picture)
    return Tile(entry.name or entry.id, shown, sentence, pieces, keys, tags, crops), picture


def jpeg(picture: Image.Image, quality: int = QUALITY) -> bytes:
    """Without anything but the pixels; colours in full, since lines are thin."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, subsampling=0)
    return out.getvalue()


def grey(sentence: str, size: tuple[int, int] = SIZE) -> Image.Image:
    """A tile that says in words of ours why it shows nothing."""
    picture = Image.new("RGB", size, PAPER)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    draw.text((size[0] / 2, size[1] / 2), _wrapped(sentence), INK, font=font, anchor="mm", align="center")
    return picture


def _wrapped(sentence: str, most: int = 34) -> str:
    lines = [""]
    for word in sentence.split():
        if len(lines[-1]) + len(word) >= most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


# -- pictures ---------------------------------------------------------------------------------------------------------


def _picture(sample: Sample, legend: Legend) -> tuple[Image.Image, str]:
    shapes = [one.shape for one in sample.annotations]
    measured = sample.measured
    if isinstance(sample.picture, Image.Image):
        measured = measured or sample.picture.size
        return _drawn(sample.picture, measured, sample.annotations, legend), ""
    if sample.picture in NOT_SHOWN:
        return grey(sample.picture), sample.picture
    if any(isinstance(shape, Track) for shape in shapes):
        return _film(measured or _reach(sample.annotations), sample.annotations, legend), ""
    if any(isinstance(shape, TimeSpan) for shape in shapes):
        return _time_line(sample, legend), ""
    if measured or any(map(extent_of, sample.annotations)):
        measured = measured or _reach(sample.annotations)
        return _drawn(paper(measured), measured, sample.annotations, legend), ""
    return grey(sample.picture), sample.picture


def _drawn(
    picture: Image.Image,
    measured: tuple[int, int],
    annotations: Sequence[Annotation],
    legend: Legend,
    frame: int = 0,
    most: tuple[int, int] = SIZE,
) -> Image.Image:
    """Within `most` pixels, in the proportions of what is measured."""
    scale = min(most[0] / measured[0], most[1] / measured[1])
    size = max(1, round(measured[0] * scale)), max(1, round(measured[1] * scale))
    drawing = Drawing(picture, measured, Box(0, 0, *measured), size)
    drawing.all(annotations, legend, frame)
    return drawing.finished()


def _crop(sample: Sample, key: str, legend: Legend) -> bytes:
    """The largest object of a class, with some of what is around it; nothing where there is no place to cut out."""
    size = sample.measured or (sample.picture.size if isinstance(sample.picture, Image.Image) else None)
    if size is None:
        return b""
    found = [
        (box.width * box.height, one, box)
        for one in sample.annotations
        if legend.key(one.category_id) == key and not isinstance(one.shape, Track) and (box := extent_of(one))
    ]
    inside = [one for one in found if geometry.clip_box(_grown(one[2]), *size)]
    if not inside:
        return b""
    _, annotation, box = max(inside, key=lambda one: one[0])
    side = min(max(1.35 * max(box.width, box.height), 24.0), float(max(size)))
    left = box.left + box.width / 2 - side / 2
    top = box.top + box.height / 2 - side / 2
    left, top = _within(left, side, size[0]), _within(top, side, size[1])
    width, height = min(side, size[0]), min(side, size[1])
    scale = CROP / max(width, height)
    picture = sample.picture if isinstance(sample.picture, Image.Image) else paper(size)
    shown = max(1, round(width * scale)), max(1, round(height * scale))
    drawing = Drawing(picture, size, Box(left, top, width, height), shown)
    drawing.one(annotation.shape, legend.get(key))
    return jpeg(drawing.finished(), 78)


def _within(start: float, length: float, most: float) -> float:
    return max(0.0, min(start, most - length))


def _grown(box: Box) -> Box:
    """A point and an upright line have no inside, but a place."""
    return Box(box.left - 0.5, box.top - 0.5, box.width + 1, box.height + 1)


def _reach(annotations: Sequence[Annotation]) -> tuple[int, int]:
    """A picture that all shapes lie on, where its size is not known."""
    boxes = [box for one in annotations if (box := geometry.bounds(one.shape))]
    right = max((box.left + box.width for box in boxes), default=0.0)
    bottom = max((box.top + box.height for box in boxes), default=0.0)
    return max(16, min(round(right * 1.05), 65_536)), max(16, min(round(bottom * 1.05), 65_536))


# -- time -------------------------------------------------------------------------------------------------------------


def _film(measured: tuple[int, int], annotations: Sequence[Annotation], legend: Legend) -> Image.Image:
    """Frames of a video, from the first to the last that a track tells of, on blank paper."""
    numbers = [
        keyframe.frame for one in annotations if isinstance(one.shape, Track) for keyframe in one.shape.keyframes
    ]
    first, last = min(numbers), max(numbers)
    steps = range(FRAMES_SHOWN)
    frames = list(dict.fromkeys(first + (last - first) * step // (FRAMES_SHOWN - 1) for step in steps))
    columns, gap, font = min(len(frames), 2), 6, ImageFont.load_default(10)
    rows = -(-len(frames) // columns)
    most = ((SIZE[0] - gap * (columns - 1)) // columns, (SIZE[1] - gap * (rows - 1)) // rows)
    cells = [_drawn(paper(measured), measured, annotations, legend, frame, most) for frame in frames]
    width, height = cells[0].size
    film = Image.new("RGB", (columns * (width + gap) - gap, rows * (height + gap) - gap), CLEAR)
    draw = ImageDraw.Draw(film)
    for number, (cell, frame) in enumerate(zip(cells, frames, strict=True)):
        left, top = number % columns * (width + gap), number // columns * (height + gap)
        film.paste(cell, (left, top))
        draw.text((left + 5, top + height - 4), f"frame {frame}", INK, font=font, anchor="ls")
    return film


def _time_line(sample: Sample, legend: Legend) -> Image.Image:
    """A lane for each class, from the beginning to the end."""
    spans = [(one, one.shape) for one in sample.annotations if isinstance(one.shape, TimeSpan)]
    media = sample.entry.original
    end = max(*(shape.end for _, shape in spans), (media and media.duration) or 0.0) or 1.0
    lanes = list(dict.fromkeys(legend.key(one.category_id) for one, _ in spans))[:LANES_SHOWN]
    height, margin = 26, 14
    picture = Image.new("RGB", (SIZE[0], 2 * margin + height * len(lanes)), CLEAR)
    draw = ImageDraw.Draw(picture)
    width = SIZE[0] - 2 * margin
    for number in range(len(lanes)):
        middle = margin + height * number + height // 2
        draw.line((margin, middle, margin + width, middle), fill=(214, 218, 224), width=1)
    for one, shape in spans:
        key = legend.key(one.category_id)
        if key in lanes:
            top = margin + height * lanes.index(key) + 4
            left, right = (margin + width * min(max(time / end, 0.0), 1.0) for time in (shape.start, shape.end))
            draw.rounded_rectangle((left, top, max(right, left + 2), top + height - 8), 3, fill=legend.get(key).color)
    return picture
