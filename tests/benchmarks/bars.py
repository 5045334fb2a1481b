"""A plot of ratios: SVG by hand, one bar for each figure, and a line at 1, which is the floor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape

WIDTH, ROW, LEFT, RIGHT, TOP = 520, 18, 130, 60, 34
COLOURS = ("#1f5fa8", "#c4572b")


def bars(title: str, ratios: Mapping[str, Mapping[str, float]]) -> str:
    """`ratios` has for each case its figures by their names, the same for all."""
    names = list(next(iter(ratios.values())))
    largest = max(1.0, *(value for figures in ratios.values() for value in figures.values()))
    scale = (WIDTH - LEFT - RIGHT) / largest
    height = TOP + len(ratios) * (len(names) * ROW + ROW // 2) + 8
    one, box = LEFT + scale, f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="11"'
    down = f'y1="{TOP - 6}" y2="{height - 6}" stroke="#555555" stroke-dasharray="3 3"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {box}>',
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
            f'<text x="8" y="18" font-weight="bold">{escape(title)}</text>',
            f'<line x1="{one:.1f}" x2="{one:.1f}" {down}/>',
            *_rows(ratios, scale),
            "</svg>\n",
        ]
    )


def _rows(ratios: Mapping[str, Mapping[str, float]], scale: float) -> Iterator[str]:
    top = float(TOP)
    for case, figures in ratios.items():
        for number, (name, value) in enumerate(figures.items()):
            label = f"{case}, {name}" if number == 0 else name
            middle = top + ROW * 0.68
            yield f'<text x="{LEFT - 6}" y="{middle:.1f}" text-anchor="end">{escape(label)}</text>'
            yield (
                f'<rect x="{LEFT}" y="{top + 2:.1f}" width="{scale * value:.1f}" height="{ROW - 4}" '
                f'fill="{COLOURS[number % len(COLOURS)]}"/>'
            )
            beside = f'x="{LEFT + scale * value + 4:.1f}" y="{middle:.1f}"'
            yield f'<text {beside} stroke="#ffffff" stroke-width="4" paint-order="stroke">{value:.2f}</text>'
            top += ROW
        top += ROW / 2
