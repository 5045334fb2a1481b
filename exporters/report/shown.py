"""The samples and the classes as they stand on the page, with pictures as long as there is room for them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from exporters.report.charts import bar, swatch
from exporters.report.choice import CLASSES_SHOWN
from exporters.report.figures import Figures
from exporters.report.legend import NO_CLASS, Legend, hex_color
from exporters.report.tiles import Tile
from exporters.report.words import plain, prose, some, word

PICTURE_BYTES = 1_600_000
"""Of all its pictures as base64."""
CHIPS_SHOWN = 16
CLASSES_LISTED = 1000
NAME_SHOWN = 48
"""Of a class."""

NO_ROOM = "not shown: the page would become too large"


@dataclass
class Room:
    """What is left of the page for pictures."""

    left: int = PICTURE_BYTES

    def image(self, jpeg: bytes) -> str:
        """A picture as an element; empty where there is none, or no room for it."""
        size = len(jpeg) * 4 // 3 + 64
        if not jpeg or size > self.left:
            return ""
        self.left -= size
        return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}">'


def samples(tiles: Sequence[Tile], legend: Legend, marked: Sequence[str], room: Room, used: Sequence[str]) -> str:
    if not tiles:
        return ""
    seen = {key for one in tiles for key in one.keys}
    keys = [key for key in (*used, NO_CLASS) if key in seen][:CHIPS_SHOWN]
    chips = "".join(f"<span>{class_chip(key, legend)}</span>" for key in dict.fromkeys(keys))
    figures = "".join(_figure(one, legend, marked, room) for one in tiles)
    return f'<h2>Samples</h2><div class="legend">{chips}</div><div class="tiles">{figures}</div>'


def _figure(one: Tile, legend: Legend, marked: Sequence[str], room: Room) -> str:
    if one.pieces:
        words = "".join(
            prose(piece.text)
            if piece.key is None
            else f'<mark class="c{marked.index(piece.key)}" title="{plain(legend.get(piece.key).name)}">'
            f"{prose(piece.text)}</mark>"
            for piece in one.pieces
        )
        frame = f'<div class="frame text" dir="auto">{words}</div>'
    elif image := room.image(one.jpeg):
        frame = f'<div class="frame">{image}</div>'
    else:
        frame = f'<div class="frame said">{escape(one.sentence or NO_ROOM)}</div>'
    tags = "".join(f"<span>{class_chip(key, legend)}</span>" for key in one.tags[:4])
    tags = f'<div class="tags">{tags}</div>' if tags else ""
    return f"<figure>{frame}<figcaption>{word(one.caption)}</figcaption>{tags}</figure>"


def class_chip(key: str, legend: Legend) -> str:
    one = legend.get(key)
    return f"{swatch(hex_color(one.color))}{word(one.name, NAME_SHOWN)}"


def class_table(
    counts: Mapping[str, int],
    figures: Figures,
    legend: Legend,
    crops: Mapping[str, Sequence[bytes]],
    room: Room,
) -> str:
    """The frequent classes with objects of theirs, and the others behind a fold."""
    if not counts:
        return ""
    most, whole = max(counts.values()) or 1, sum(counts.values()) or 1
    has_crops = any(crops.get(key) for key in counts)

    def row(key: str, *, has_crops: bool) -> str:
        one, count = legend.get(key), counts[key]
        cut = "".join(f"<span>{image}</span>" for crop in crops.get(key, ()) if (image := room.image(crop)))
        return (
            f'<tr><td class="name">{class_chip(key, legend)}</td>'
            f'<td class="share">{bar(count / most, hex_color(one.color))}</td><td class="n">{count:,}</td>'
            f'<td class="n">{100 * count / whole:.1f} %</td><td class="n">{figures.entries_of.get(key, 0):,}</td>'
            + (f'<td><div class="crops">{cut}</div></td>' if has_crops else "")
            + "</tr>"
        )

    keys = list(counts)
    first, rest = keys[:CLASSES_SHOWN], keys[CLASSES_SHOWN:CLASSES_LISTED]
    table = _table((row(key, has_crops=has_crops) for key in first), has_crops=has_crops)
    if rest:
        gone = len(keys) - CLASSES_LISTED
        said = f'<p class="note">and {gone:,} more, which the manifest lists</p>' if gone > 0 else ""
        table += (
            f"<details><summary>{some(len(keys) - len(first), 'more class', 'more classes')}</summary>"
            f"{_table((row(key, has_crops=False) for key in rest), has_crops=False)}{said}</details>"
        )
    return f"<h2>Classes</h2>{table}"


def _table(rows: Iterable[str], *, has_crops: bool) -> str:
    numbers = "".join(f'<th class="n">{head}</th>' for head in ("annotations", "share", "entries"))
    heads = f'<th>class</th><th class="share"></th>{numbers}{"<th>samples</th>" if has_crops else ""}'
    return f'<table class="classes"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
