"""Drawings of numbers in SVG, to stand in a page: no script, no style of their own, every label escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 260, 130
_FOOT = 20
_HEAD = 16
_LABELS = 7


def histogram(counts: Sequence[int], labels: Sequence[str], what: str, *, between: bool = False) -> str:
    """Bars side by side; `labels` name them, or the places `between` them, of which there is one less."""
    most = max(counts, default=0) or 1
    used = [number for number, count in enumerate(counts) if count]
    first, last = (max(0, used[0] - 1), min(len(counts) - 1, used[-1] + 1)) if used else (0, len(counts) - 1)
    shown = counts[first : last + 1]
    step = WIDTH / len(shown)
    every = -(-len(shown) // _LABELS)
    bars, texts = [], []
    for place, count in enumerate(shown):
        height = (HEIGHT - _FOOT - _HEAD) * count / most
        title = _title(first + place, counts, labels, what, between=between)
        x, y = place * step, HEIGHT - _FOOT - height
        if count:
            bars.append(
                f'<rect x="{x + 1:.1f}" y="{y:.1f}" width="{step - 2:.1f}" height="{height:.1f}" rx="1.5">'
                f"<title>{escape(title)}</title></rect>"
            )
        at = first + place
        if place % every == 0 and at < len(labels):
            middle = x + (step if between else step / 2)
            if middle <= WIDTH - 8:
                texts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 6}">{escape(labels[at])}</text>')
    peak = f'<text class="peak" x="0" y="{_HEAD - 5}">{max(counts, default=0):,}</text>'
    line = f'<line x1="0" y1="{HEIGHT - _FOOT}" x2="{WIDTH}" y2="{HEIGHT - _FOOT}"/>'
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(what)}">'
        f"{''.join(bars)}{line}{''.join(texts)}{peak}</svg>"
    )


def bar(share: float, color: str) -> str:
    """One lying bar, of this share of the whole width."""
    width = max(0.0, min(share, 1.0)) * 100
    return (
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{max(width, 0.4) if share else 0:.2f}" height="8" fill="{color}"/></svg>'
    )


def swatch(color: str) -> str:
    return (
        '<svg class="swatch" viewBox="0 0 10 10" aria-hidden="true">'
        f'<rect width="10" height="10" rx="2.5" fill="{color}"/></svg>'
    )


def _title(place: int, counts: Sequence[int], labels: Sequence[str], what: str, *, between: bool) -> str:
    if not between:
        return f"{labels[place]}: {counts[place]:,} {what}"
    if place == 0:
        return f"below {labels[0]}: {counts[0]:,} {what}"
    if place == len(labels):
        return f"{labels[-1]} and more: {counts[place]:,} {what}"
    return f"{labels[place - 1]} to {labels[place]}: {counts[place]:,} {what}"
