"""An excerpt of a text with the spans marked in it: as pieces for the page, and as a picture for the sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageDraw

from exporters.model import Annotation, TextSpan
from exporters.report.legend import Legend
from exporters.report.pictures import CLEAR

TEXT_SHOWN = 420
"""Characters."""
TEXT_BEFORE = 60
"""Characters in front of the first span."""


@dataclass(frozen=True)
class Piece:
    """A run of a text; `key` is the class of the span it stands in, None outside of spans."""

    text: str
    key: str | None = None


def pieces_of(text: str, annotations: Sequence[Annotation], legend: Legend) -> tuple[Piece, ...]:
    """An excerpt with the first spans in it, cut where they begin and end; of spans that overlap, the shorter one."""
    spans = [
        (one.shape.start, one.shape.end, legend.key(one.category_id))
        for one in annotations
        if isinstance(one.shape, TextSpan) and 0 <= one.shape.start < one.shape.end <= len(text)
    ]
    begin = max(0, min((start for start, _, _ in spans), default=0) - TEXT_BEFORE)
    stop = min(len(text), begin + TEXT_SHOWN)
    shown = sorted((one for one in spans if one[0] < stop and one[1] > begin), key=lambda one: one[1] - one[0])
    inside = {place for start, end, _ in shown for place in (start, end) if begin < place < stop}
    cuts = sorted({begin, stop, *inside})
    pieces = [
        Piece(text[start:end], next((key for first, last, key in shown if first <= start and end <= last), None))
        for start, end in pairwise(cuts)
    ]
    before, behind = [Piece("… ")] if begin else [], [Piece(" …")] if stop < len(text) else []
    return (*before, *pieces, *behind) or (Piece(""),)


def text_picture(pieces: Sequence[Piece], legend: Legend, size: tuple[int, int]) -> Image.Image:
    """Lines of words as bars, whatever script they are in; the page has the words themselves."""
    picture = Image.new("RGB", size, CLEAR)
    draw = ImageDraw.Draw(picture)
    margin, step, line = 18, 5, 18
    left, top = margin, margin
    for piece in pieces:
        color = (205, 210, 217) if piece.key is None else legend.get(piece.key).color
        for word in piece.text.split():
            width = step * min(len(word), 40)
            if left + width > size[0] - margin and left > margin:
                left, top = margin, top + line
            if top > size[1] - margin - line // 2:
                return picture
            right = min(left + width, size[0] - margin)
            draw.rounded_rectangle((left, top, right, top + line // 2), 3, fill=color)
            left += width + step
    return picture
