"""`report.html`: one page that needs nothing beside itself, and runs nothing.

Pictures stand in it as data, drawings as SVG, its style in its head with the digest that the policy of the page lets
in; a browser that honours the policy loads and runs nothing else, whatever a name says. Every word of users is escaped,
cut to a bearable length, and kept from turning the text around it.
"""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import msgspec

from exporters.report.charts import bar, histogram, swatch
from exporters.report.choice import CLASSES_SHOWN
from exporters.report.figures import ASPECTS, CROWDS, SIDES, Figures
from exporters.report.legend import NO_CLASS, Legend, hex_color
from exporters.report.tiles import Tile
from exporters.tally import KINDS, LeftOut, Tally

MOST_BYTES = 3_000_000
"""Of the page."""
PICTURE_BYTES = 1_600_000
"""Of all its pictures as base64."""
CHIPS_SHOWN = 16
CLASSES_LISTED = 1000
REASONS_LISTED = 100
DATASETS_LISTED = 20
WORD_SHOWN = 120
NAME_SHOWN = 48
"""Of a class."""
DOCUMENT_SHOWN = 2000

NO_ROOM = "not shown: the page would become too large"


@dataclass(frozen=True)
class Facts:
    """What the page says of an export, as its manifest has it."""

    name: str
    export_id: str
    exporter: str
    exporter_version: str
    options: Mapping[str, Any]
    source: Mapping[str, str]
    datasets: Sequence[Mapping[str, str]]
    where: Mapping[str, Sequence[str]]
    media: str
    package: str
    files: int
    bytes_text: str
    outhaul: str
    tally: Tally
    since: str | None = None


@dataclass
class Room:
    """What is left of the page for pictures."""

    left: int = PICTURE_BYTES
    is_used_up: bool = field(default=False)

    def image(self, jpeg: bytes) -> str:
        """A picture as an element; empty where there is none, or no room for it."""
        size = len(jpeg) * 4 // 3 + 64
        if not jpeg or size > self.left:
            self.is_used_up |= bool(jpeg)
            return ""
        self.left -= size
        return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}">'


def page(facts: Facts, figures: Figures, legend: Legend, tiles: Sequence[Tile], more: Sequence[Tile] = ()) -> bytes:
    """The page; `tiles` are those of the sheet, and `more` have further objects of classes."""
    room = Room()
    counts = legend.counted(facts.tally.by_category)
    used = {key: count for key, count in counts.items() if count}
    crops: dict[str, list[bytes]] = {}
    for one in (*tiles, *more):
        for key, crop in one.crops.items():
            crops.setdefault(key, []).append(crop)
    marked = sorted({piece.key for one in tiles for piece in one.pieces if piece.key is not None})
    body = "".join(
        [
            _head(facts, figures, counts),
            _samples(tiles, legend, marked, room, list(used)),
            _classes(counts, figures, legend, crops, room),
            _plots(figures, facts.tally),
            _left_out(facts.tally),
            _made(facts),
        ]
    )
    style = _style() + "".join(
        f".c{number}{{--c:{hex_color(legend.get(key).color)}}}" for number, key in enumerate(marked)
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="referrer" content="no-referrer">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_plain(facts.name)} as {_plain(facts.exporter)}</title><style>{style}</style></head>\n"
        f"<body>{body}</body></html>\n"
    ).encode()


# -- words ------------------------------------------------------------------------------------------------------------


def _plain(text: str, most: int = WORD_SHOWN) -> str:
    """A user's words as text of the page: escaped, in one line, without characters that cannot be seen."""
    clipped = text if len(text) <= most else f"{text[: most - 1]}…"
    return escape("".join(map(_visible, clipped)))


def _word(text: str, most: int = WORD_SHOWN) -> str:
    """The same where other words stand around it, whichever way it runs."""
    return f"<bdi>{_plain(text, most)}</bdi>"


def _visible(character: str) -> str:
    if character in "\n\t":
        return " "
    return "�" if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") else character


def _prose(text: str) -> str:
    """A text with its line ends."""
    return "\n".join(_plain(line, len(line) + 1) for line in text.replace("\r\n", "\n").split("\n"))


def _some(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"


# -- sections ---------------------------------------------------------------------------------------------------------


def _head(facts: Facts, figures: Figures, counts: Mapping[str, int]) -> str:
    tally = facts.tally
    out = {kind: tally.went_out.get(kind, 0) for kind in KINDS}
    classes = sum(1 for count in counts.values() if count)
    cards = [
        (f"{out['entries']:,}", "entries"),
        (f"{out['annotations']:,}", "annotations"),
        (f"{classes:,} of {len(counts):,}" if classes < len(counts) else f"{classes:,}", "classes in use"),
        (f"{out['medias']:,}", "media files"),
        (facts.bytes_text, _some(facts.files, "file", "files")),
    ]
    shown = "".join(f'<div class="card"><b>{value}</b><span>{label}</span></div>' for value, label in cards)
    where = " · ".join(_word(value) for value in facts.source.values())
    since = ""
    if facts.since is not None:
        since = f'<p class="note">Only what has changed since {_word(facts.since or "the beginning")}.</p>'
    empty = "" if figures.entries or out["entries"] else '<p class="note">This export has no entries.</p>'
    return (
        f'<header><h1>{_word(facts.name)}</h1><p class="lead">as {_word(facts.exporter)} from {where}</p></header>'
        f'<div class="cards">{shown}</div>{since}{empty}'
    )


def _samples(tiles: Sequence[Tile], legend: Legend, marked: Sequence[str], room: Room, used: Sequence[str]) -> str:
    if not tiles:
        return ""
    seen = {key for one in tiles for key in one.keys}
    keys = [key for key in (*used, NO_CLASS) if key in seen][:CHIPS_SHOWN]
    chips = "".join(f"<span>{_class(key, legend)}</span>" for key in dict.fromkeys(keys))
    figures = "".join(_figure(one, legend, marked, room) for one in tiles)
    return f'<h2>Samples</h2><div class="legend">{chips}</div><div class="tiles">{figures}</div>'


def _figure(one: Tile, legend: Legend, marked: Sequence[str], room: Room) -> str:
    if one.pieces:
        words = "".join(
            _prose(piece.text)
            if piece.key is None
            else f'<mark class="c{marked.index(piece.key)}" title="{_plain(legend.get(piece.key).name)}">'
            f"{_prose(piece.text)}</mark>"
            for piece in one.pieces
        )
        frame = f'<div class="frame text" dir="auto">{words}</div>'
    elif image := room.image(one.jpeg):
        frame = f'<div class="frame">{image}</div>'
    else:
        frame = f'<div class="frame said">{escape(one.sentence or NO_ROOM)}</div>'
    tags = "".join(f"<span>{_class(key, legend)}</span>" for key in one.tags[:4])
    tags = f'<div class="tags">{tags}</div>' if tags else ""
    return f"<figure>{frame}<figcaption>{_word(one.caption)}</figcaption>{tags}</figure>"


def _class(key: str, legend: Legend) -> str:
    one = legend.get(key)
    return f"{swatch(hex_color(one.color))}{_word(one.name, NAME_SHOWN)}"


def _classes(
    counts: Mapping[str, int],
    figures: Figures,
    legend: Legend,
    crops: Mapping[str, Sequence[bytes]],
    room: Room,
) -> str:
    if not counts:
        return ""
    most, whole = max(counts.values()) or 1, sum(counts.values()) or 1
    has_crops = any(crops.get(key) for key in counts)

    def row(key: str) -> str:
        one, count = legend.get(key), counts[key]
        cut = "".join(f"<span>{image}</span>" for crop in crops.get(key, ()) if (image := room.image(crop)))
        return (
            f'<tr><td class="name">{_class(key, legend)}</td>'
            f'<td class="share">{bar(count / most, hex_color(one.color))}</td><td class="n">{count:,}</td>'
            f'<td class="n">{100 * count / whole:.1f} %</td><td class="n">{figures.entries_of.get(key, 0):,}</td>'
            + (f'<td><div class="crops">{cut}</div></td>' if has_crops else "")
            + "</tr>"
        )

    keys = list(counts)
    first, rest = keys[:CLASSES_SHOWN], keys[CLASSES_SHOWN:CLASSES_LISTED]
    table = _table(
        ["class", '<th class="share"></th>', "annotations#", "share#", "entries#"], map(row, first), has_crops
    )
    if rest:
        has_crops = False
        lines = "".join(map(row, rest))
        gone = len(keys) - CLASSES_LISTED
        said = f'<p class="note">and {gone:,} more, which the manifest lists</p>' if gone > 0 else ""
        head = ["class", '<th class="share"></th>', "annotations#", "share#", "entries#"]
        table += (
            f"<details><summary>{_some(len(keys) - len(first), 'more class', 'more classes')}</summary>"
            f"{_table(head, [lines], False)}{said}</details>"
        )
    return f"<h2>Classes</h2>{table}"


def _table(heads: Sequence[str], rows: Iterable[str], has_crops: bool) -> str:
    cells = "".join(
        head
        if head.startswith("<")
        else f'<th class="n">{head[:-1]}</th>'
        if head.endswith("#")
        else f"<th>{head}</th>"
        for head in (*heads, *(["samples"] if has_crops else []))
    )
    return f'<table class="classes"><thead><tr>{cells}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _plots(figures: Figures, tally: Tally) -> str:
    sides = [str(side) for side in SIDES]
    plots: list[tuple[str, Sequence[int], Sequence[str], str, bool]] = []
    if placed := sum(figures.sizes):
        plots.append(("Size: root of the box's area, in pixels", figures.sizes, sides, "annotations", True))
        plots.append(("Aspect: width to height of the box", figures.aspects, ASPECTS, "annotations", False))
    if figures.entries:
        plots.append(("Annotations of an entry", figures.crowds, CROWDS, "entries", False))
    drawn = "".join(
        f"<div><h3>{title}</h3>{histogram(counts, labels, what, between=between)}</div>"
        for title, counts, labels, what, between in plots
    )
    shapes = "".join(
        f'<tr><td>{_plain(name.replace("_", " "))}</td><td class="n">{count:,}</td></tr>'
        for name, count in sorted(tally.by_shape.items(), key=lambda pair: -pair[1])
    )
    if shapes:
        drawn += f"<div><h3>Annotations by shape</h3><table><tbody>{shapes}</tbody></table></div>"
    written = tally.went_out.get("annotations", 0)
    note = ""
    if placed and placed != written:
        note = (
            f'<p class="note">Size and aspect are those of {placed:,} annotations with an extent; '
            "of tracks, in their first key frame.</p>"
        )
    return f'<h2>Figures</h2><div class="charts">{drawn}</div>{note}' if drawn else ""


def _left_out(tally: Tally) -> str:
    rows = "".join(
        f'<tr><td>{kind}</td><td class="n">{tally.came_in.get(kind, 0):,}</td>'
        f'<td class="n">{tally.went_out.get(kind, 0):,}</td><td class="n">{tally.left_out_count(kind):,}</td></tr>'
        for kind in KINDS
    )
    books = (
        '<table><thead><tr><th></th><th class="n">in</th><th class="n">out</th><th class="n">left out</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )
    reasons = "".join(map(_reason, tally.left_out[:REASONS_LISTED]))
    if reasons:
        reasons = (
            '<h2>Left out</h2><table><thead><tr><th>what</th><th>why</th><th class="n">count</th><th>such as</th></tr>'
            f"</thead><tbody>{reasons}</tbody></table>"
        )
        if len(tally.left_out) > REASONS_LISTED:
            more = f"{len(tally.left_out) - REASONS_LISTED:,}"
            reasons += f'<p class="note">and {more} more reasons, which the manifest lists</p>'
    changed = "".join(
        f'<tr><td>{_word(what)}</td><td class="n">{count:,}</td></tr>' for what, count in tally.changed.items()
    )
    if changed:
        changed = (
            '<h2>Changed</h2><table><thead><tr><th>what was done</th><th class="n">annotations</th></tr></thead>'
            f"<tbody>{changed}</tbody></table>"
        )
    return f"<h2>Books</h2>{books}{reasons}{changed}"


def _reason(left: LeftOut) -> str:
    examples = ", ".join(_word(one, 60) for one in left.examples[:3])
    fault = " (a fault)" if left.is_fault else ""
    return (
        f"<tr><td>{left.kind}</td><td>{_word(left.reason, 300)}{fault}</td>"
        f'<td class="n">{left.count:,}</td><td><code>{examples}</code></td></tr>'
    )


def _made(facts: Facts) -> str:
    pairs = "".join(f"<dt>{label}</dt><dd>{value}</dd>" for label, value in _settings(facts))
    return (
        f"<h2>How it was made</h2><dl>{pairs}</dl>"
        "<footer>manifest.json beside this page lists every file of the export with its SHA-256.</footer>"
    )


def _settings(facts: Facts) -> Iterator[tuple[str, str]]:
    yield "export", f"<code>{_plain(facts.export_id)}</code>"
    yield "format", f"{_word(facts.exporter)}, version {_word(facts.exporter_version)}"
    yield "made by", f"Outhaul {_word(facts.outhaul)}"
    names = [_word(one.get("name") or one.get("id", "")) for one in facts.datasets[:DATASETS_LISTED]]
    if len(facts.datasets) > DATASETS_LISTED:
        names.append(f"and {len(facts.datasets) - DATASETS_LISTED:,} more")
    yield ("dataset" if len(facts.datasets) == 1 else "datasets"), ", ".join(names) or "none"
    yield "source", ", ".join(f"{_word(name)} {_word(value)}" for name, value in facts.source.items())
    if facts.where:
        yield "filters", _document(facts.where)
    yield "options", _document(facts.options)
    yield "media", _word(facts.media)
    yield "package", f"{_word(facts.package)}, {_some(facts.files, 'file', 'files')}, {facts.bytes_text}"


def _document(value: Any) -> str:
    return f"<code>{_plain(msgspec.json.encode(value).decode(), DOCUMENT_SHOWN)}</code>"


@cache
def _style() -> str:
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8")
