"""What the page says of an export as a whole: its head, and how it was made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exporters.report.figures import Figures
from exporters.report.words import document, plain, some, word
from exporters.tally import KINDS, Tally

DATASETS_LISTED = 20


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


def head(facts: Facts, figures: Figures, counts: Mapping[str, int]) -> str:
    tally = facts.tally
    out = {kind: tally.went_out.get(kind, 0) for kind in KINDS}
    classes = sum(1 for count in counts.values() if count)
    cards = [
        (f"{out['entries']:,}", "entries"),
        (f"{out['annotations']:,}", "annotations"),
        (f"{classes:,} of {len(counts):,}" if classes < len(counts) else f"{classes:,}", "classes in use"),
        (f"{out['medias']:,}", "media files"),
        (facts.bytes_text, some(facts.files, "file", "files")),
    ]
    shown = "".join(f'<div class="card"><b>{value}</b><span>{label}</span></div>' for value, label in cards)
    where = " · ".join(word(value) for value in facts.source.values())
    since = ""
    if facts.since is not None:
        since = f'<p class="note">Only what has changed since {word(facts.since or "the beginning")}.</p>'
    empty = "" if figures.entries or out["entries"] else '<p class="note">This export has no entries.</p>'
    return (
        f'<header><h1>{word(facts.name)}</h1><p class="lead">as {word(facts.exporter)} from {where}</p></header>'
        f'<div class="cards">{shown}</div>{since}{empty}'
    )


def made(facts: Facts) -> str:
    pairs = "".join(f"<dt>{label}</dt><dd>{value}</dd>" for label, value in _settings(facts))
    return (
        f"<h2>How it was made</h2><dl>{pairs}</dl>"
        "<footer>manifest.json beside this page lists every file of the export with its SHA-256.</footer>"
    )


def _settings(facts: Facts) -> Iterator[tuple[str, str]]:
    yield "export", f"<code>{plain(facts.export_id)}</code>"
    yield "format", f"{word(facts.exporter)}, version {word(facts.exporter_version)}"
    yield "made by", f"Outhaul {word(facts.outhaul)}"
    names = [word(one.get("name") or one.get("id", "")) for one in facts.datasets[:DATASETS_LISTED]]
    if len(facts.datasets) > DATASETS_LISTED:
        names.append(f"and {len(facts.datasets) - DATASETS_LISTED:,} more")
    yield ("dataset" if len(facts.datasets) == 1 else "datasets"), ", ".join(names) or "none"
    yield "source", ", ".join(f"{word(name)} {word(value)}" for name, value in facts.source.items())
    if facts.where:
        yield "filters", document(facts.where)
    yield "options", document(facts.options)
    yield "media", word(facts.media)
    yield "package", f"{word(facts.package)}, {some(facts.files, 'file', 'files')}, {facts.bytes_text}"
