"""The shards of an export as its report reads them: their entries as they were written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

import msgspec

from blocks.store import Store
from exporters.report.written import Writing
from exporters.survey import Placement
from flows.outcomes import EntryFiles
from flows.planned import Plan
from flows.results import ConvertedShard, FetchedMedia, FetchedShard
from flows.survey import Surveyed

_decode_placement = msgspec.json.Decoder(Placement).decode


@dataclass(frozen=True)
class ShownShard:
    """Where all lies that is needed to read the entries of a shard; empty what there is not."""

    fetched: FetchedShard
    media: FetchedMedia | None
    placement: str
    dataset: str
    baseline: str
    contents: str

    def load_placement(self, store: Store) -> Placement | None:
        """None for an exporter that sees all entries at once: it places nothing beforehand."""
        return _decode_placement(store.load_blob(self.placement)) if self.placement else None

    def writing(self, placement: Placement | None, files: EntryFiles, plan: Plan) -> Writing:
        """How its entries are written; `files` is told of the files of each before it is its turn."""
        of_media = files if self.media else None
        place = placement or Placement()
        return Writing(plan.exporter(), plan.exporter_options(), place, plan.request.media, of_media)


def shown_shards(
    fetched: Sequence[FetchedShard],
    files: Sequence[FetchedMedia],
    converted: Sequence[ConvertedShard],
    surveyed: Surveyed,
    plan: Plan,
) -> list[ShownShard]:
    contents = [made.contents for made in converted] if plan.since is not None else repeat("", len(fetched))
    told = (surveyed.placements, surveyed.datasets, surveyed.baselines)
    columns = [column or repeat("", len(fetched)) for column in told]
    medias = files or repeat(None, len(fetched))
    return [ShownShard(*one) for one in zip(fetched, medias, *columns, contents, strict=True)]
