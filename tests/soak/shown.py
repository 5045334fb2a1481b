"""A verdict as a table, as JSON, and as a plot: SVG by hand, small, and the same for the same figures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from xml.sax.saxutils import escape

from tests.soak.verdict import Sample, Verdict

WIDTH, HEIGHT, MARGIN, GAP = 300, 110, 50, 46
COLUMNS = 2
COLOURS = ("#1f5fa8", "#c4572b", "#3d8b5a", "#8a5ba8", "#777777")


@dataclass(frozen=True)
class Panel:
    """A small plot: lines by their names, of columns of the samples."""

    title: str
    lines: dict[str, str]
    only: str = ""
    """A column that has to be true (`swept`), or false where it begins with a dash (`-busy`)."""

    def points(self, column: str, samples: Sequence[Sample]) -> list[tuple[float, float]]:
        """Minutes and values."""
        name = self.only.removeprefix("-")
        is_wanted = not self.only.startswith("-")
        return [
            (one["at"] / 60, float(one.get(column, 0)))
            for one in samples
            if not name or bool(one[name]) == is_wanted
        ]  # fmt: skip


PANELS = (
    Panel(
        "memory (MB)", {"Prefect server": "server.rss_mb", "worker": "worker.rss_mb", "outhaul serve": "serve.rss_mb"}
    ),
    Panel(
        "threads", {"Prefect server": "server.threads", "worker": "worker.threads", "outhaul serve": "serve.threads"}
    ),
    Panel("open files", {"Prefect server": "server.fds", "worker": "worker.fds", "outhaul serve": "serve.fds"}),
    Panel("temporary files, between runs", {"files": "temporary.files"}, "-busy"),
    Panel("workspace (MB)", {"at any time": "workspace.mb"}),
    Panel("workspace, once swept (MB)", {"swept": "workspace.mb"}, "swept"),
    Panel("Prefect database (MB)", {"database": "database.mb"}),
    Panel(
        "runs, by how they ended",
        {one: f"ended.{one}" for one in ("Completed", "Failed", "Crashed", "Cancelled")},
    ),
)


def table(verdict: Verdict) -> str:
    """In Markdown."""
    lines = ["| | first quarter | last quarter | |", "| --- | ---: | ---: | --- |"]
    for row in verdict.rows:
        first, last = (f"{one:,.1f}" if one is not None else "too few" for one in (row.first, row.last))
        lines.append(f"| {row.label} | {first} | {last} | {'**grew**' if row.grew else ''} |")
    lines.append("")
    lines += [f"- {name}: {_said(value)}" for name, value in verdict.facts.items()]
    ended = "All as it should be." if verdict.facts["it came to its end"] else "Nothing wrong so far."
    lines += ["", "**Not as it should be:**", ""] if verdict.problems else ["", ended]
    return "\n".join([*lines, *(f"- {problem}" for problem in verdict.problems), ""])


def to_json(verdict: Verdict) -> str:
    return json.dumps(asdict(verdict), indent=2) + "\n"


def plot(samples: Sequence[Sample]) -> str:
    rows = -(-len(PANELS) // COLUMNS)
    width, height = COLUMNS * (WIDTH + MARGIN) + 20, rows * (HEIGHT + GAP) + 10
    box = f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="10"'
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box}>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for nth, panel in enumerate(PANELS):
        left, top = MARGIN + nth % COLUMNS * (WIDTH + MARGIN), 24 + nth // COLUMNS * (HEIGHT + GAP)
        drawn += [f'<g transform="translate({left},{top})">', *_panel(panel, samples), "</g>"]
    return "\n".join([*drawn, "</svg>", ""])


def _panel(panel: Panel, samples: Sequence[Sample]) -> Iterator[str]:
    lines = {name: panel.points(column, samples) for name, column in panel.lines.items()}
    longest = max((sample["at"] for sample in samples), default=0) / 60 or 1.0
    highest = max((value for points in lines.values() for _, value in points), default=0.0) * 1.1 or 1.0
    yield f'<text x="0" y="-8" font-weight="bold">{escape(panel.title)}</text>'
    yield f'<path d="M0 0V{HEIGHT}H{WIDTH}" fill="none" stroke="#bbbbbb"/>'
    yield f'<text x="-4" y="8" text-anchor="end">{highest:,.0f}</text>'
    yield f'<text x="-4" y="{HEIGHT}" text-anchor="end">0</text>'
    yield f'<text x="{WIDTH}" y="{HEIGHT + 12}" text-anchor="end">{longest:,.0f} min</text>'
    place = 0
    for (name, points), colour in zip(lines.items(), COLOURS, strict=False):
        path = " ".join(f"{x / longest * WIDTH:.1f},{HEIGHT - y / highest * HEIGHT:.1f}" for x, y in points)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.2"/>'
        if len(lines) > 1:
            yield f'<text x="{place}" y="{HEIGHT + 12}" fill="{colour}">{escape(name)}</text>'
        place += 5 * len(name) + 14


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
