"""The page's sections of numbers: how large annotations are and how many an entry has, and the books."""

from __future__ import annotations

from collections.abc import Sequence

from exporters.report.charts import histogram
from exporters.report.figures import ASPECTS, CROWDS, SIDES, Figures
from exporters.report.words import plain, word
from exporters.tally import KINDS, LeftOut, Tally

REASONS_LISTED = 100


def plots(figures: Figures, tally: Tally) -> str:
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
        f'<tr><td>{plain(name.replace("_", " "))}</td><td class="n">{count:,}</td></tr>'
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


def books(tally: Tally) -> str:
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
        f'<tr><td>{word(what)}</td><td class="n">{count:,}</td></tr>' for what, count in tally.changed.items()
    )
    if changed:
        changed = (
            '<h2>Changed</h2><table><thead><tr><th>what was done</th><th class="n">annotations</th></tr></thead>'
            f"<tbody>{changed}</tbody></table>"
        )
    return f"<h2>Books</h2>{books}{reasons}{changed}"


def _reason(left: LeftOut) -> str:
    examples = ", ".join(word(one, 60) for one in left.examples[:3])
    fault = " (a fault)" if left.is_fault else ""
    return (
        f"<tr><td>{left.kind}</td><td>{word(left.reason, 300)}{fault}</td>"
        f'<td class="n">{left.count:,}</td><td><code>{examples}</code></td></tr>'
    )
