"""`report.html`: one page that needs nothing beside itself, and runs nothing.

Pictures stand in it as data, drawings as SVG, its style in its head with the digest that the policy of the page lets
in; a browser that honours the policy loads and runs nothing else, whatever a name says.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from exporters.report.books import books, plots
from exporters.report.facts import Facts, head, made
from exporters.report.figures import Figures
from exporters.report.legend import Legend, hex_color
from exporters.report.shown import Room, class_table, samples
from exporters.report.tiles import Tile
from exporters.report.words import plain


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
            head(facts, figures, counts),
            samples(tiles, legend, marked, room, list(used)),
            class_table(counts, figures, legend, crops, room),
            plots(figures, facts.tally),
            books(facts.tally),
            made(facts),
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
        f"<title>{plain(facts.name)} as {plain(facts.exporter)}</title><style>{style}</style></head>\n"
        f"<body>{body}</body></html>\n"
    ).encode()


@cache
def _style() -> str:
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8")
