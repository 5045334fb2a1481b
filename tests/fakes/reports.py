"""A report without a flow: entries and the bytes of their media in, the page and its tiles out."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from exporters import Exporter, read_options, registry
from exporters.model import Dataset, Entry, Media
from exporters.pictures.upright import MediaFile
from exporters.report.choice import choose
from exporters.report.facts import Facts
from exporters.report.figures import Figures, Pick, counted
from exporters.report.legend import Legend
from exporters.report.page import page
from exporters.report.samples import Opener
from exporters.report.sheet import contact_sheet
from exporters.report.tiles import Tile, tile
from exporters.report.written import Writing
from exporters.shard_index import ShardIndex
from exporters.survey import survey
from exporters.tally import Tally
from tests.conformance.exporters import run_export
from tests.fakes.datasets import fetched, media_bytes


@dataclass
class Report:
    """All that a report is made of."""

    page: bytes
    sheet: bytes
    figures: Figures
    tiles: list[Tile]
    tally: Tally

    @property
    def text(self) -> str:
        return self.page.decode()


def report_of(
    dataset: Dataset,
    entries: Sequence[Entry],
    exporter: str = "jsonl",
    *,
    shard_size: int = 1000,
    content: Callable[[Media], bytes] = media_bytes,
    files: Callable[[Media], MediaFile | str] | None = fetched,
    options: dict[str, Any] | None = None,
    said: Mapping[str, Any] = MappingProxyType({}),
) -> Report:
    """`content` is what the files hold, `files` what is known of them (None: no media), `said` other facts."""
    format_ = registry.get(exporter)
    assert isinstance(format_, Exporter)
    read = read_options(format_, options or {})
    media = "none" if files is None else "original"
    cut = [entries[start : start + shard_size] for start in range(0, len(entries), shard_size)]
    indexes = []
    for shard in cut:
        index = ShardIndex(format_.holds, read)
        for entry in shard:
            index.add(entry)
        indexes.append(index.to_bytes())
    surveyed = survey([dataset], indexes, format_.holds, read)
    legend = Legend(surveyed.classes.classes)
    writings = [Writing(format_, read, placement, media, files) for placement in surveyed.placements]
    figures = Figures()
    for number, shard in enumerate(cut):
        of_shard = Figures()
        for at, entry in enumerate(shard):
            if written := writings[number].of(entry):
                of_shard.count(counted(*written, legend), at)
        figures.add(of_shard, number)
    tally = run_export(format_, [dataset], entries, options=options, media=media, files=files or fetched).tally
    choice = choose(figures, legend.counted(tally.by_category))
    known = {(one.ref, one.key): files(one) for entry in entries for one in entry.medias} if files else {}
    held = {file.sha256: (ref, key) for (ref, key), file in known.items() if isinstance(file, MediaFile)}
    medias = {(one.ref, one.key): one for entry in entries for one in entry.medias}
    opener = Opener(known, lambda file: io.BytesIO(content(medias[held[file.sha256]])), dataset.modality)
    drawn: dict[Pick, Any] = {}
    for pick, keys in choice.wanted.items():
        written = writings[pick.shard].of(cut[pick.shard][pick.at])
        assert written
        drawn[pick] = tile(opener.sample(*written), legend, keys)
    shown = [drawn[pick][0] for pick in choice.on_sheet]
    more = [made for pick, (made, _) in drawn.items() if pick not in choice.on_sheet]
    known_facts = Facts(
        name="street", export_id="0" * 20, exporter=exporter, exporter_version="1", options={"a": 1},
        source={"platform": "fake"}, datasets=[{"id": dataset.id, "name": dataset.name}], where={}, media=media,
        package="zip", files=3, bytes_text="1.0 MB", outhaul="0.1.0", tally=tally,
    )  # fmt: skip
    made = page(replace(known_facts, **said), figures, legend, shown, more)
    return Report(made, contact_sheet([drawn[pick][1] for pick in choice.on_sheet]), figures, shown, tally)
