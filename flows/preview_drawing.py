"""What a report shows of entries: the few that were chosen are found again, and drawn, if they were not before.

Imported by who draws, where something is drawn: Pillow takes its time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import IO, Any, NamedTuple

import msgspec
from PIL import Image

from blocks.store import Store, media_path
from exporters.foreign_json import UNREADABLE
from exporters.model import Dataset, decode_entry
from exporters.pictures.upright import MediaFile
from exporters.report.choice import Choice
from exporters.report.figures import Pick
from exporters.report.legend import Legend
from exporters.report.samples import Opener
from exporters.report.sheet import contact_sheet
from exporters.report.tiles import Tile, tile
from exporters.version import version_of
from flows.outcomes import EntryFiles, files_of, load_outcomes
from flows.pieces import load_records
from flows.planned import Plan
from flows.policy import digest
from flows.preview_shards import ShownShard
from flows.stretches import FRESH, Along, Stretch

TILES = "tiles"
"""The folder of what was drawn."""

_decode_tile = msgspec.json.Decoder(Tile).decode


class Drawn(NamedTuple):
    """A tile of each entry in their order, and where the sheet and the tiles are kept; no sheet: empty."""

    tiles: dict[Pick, Tile]
    sheet: str
    kept: list[str]


class Drawing:
    """Of the entries of one export. Holds one picture of them, and those that go on the sheet made small."""

    def __init__(
        self, plan: Plan, datasets: Sequence[Dataset], shards: Sequence[ShownShard], legend: Legend, store: Store
    ) -> None:
        self._plan, self._datasets, self._shards = plan, datasets, shards
        self._legend, self._store = legend, store

    def draw(self, choice: Choice) -> Drawn:
        """All that is to be shown; what was drawn once is found again."""
        places = {pick: self._place(pick.content, crops) for pick, crops in choice.wanted.items()}
        tiles = {pick: kept for pick, path in places.items() if (kept := self._kept_tile(path))}
        of_sheet = self._place(*(pick.content for pick in choice.on_sheet))
        has_sheet = not choice.on_sheet or self._store.storage.exists(of_sheet)
        missing = [pick for pick in places if pick not in tiles or (not has_sheet and pick in choice.on_sheet)]
        pictures = {}
        for pick, made, picture in self._each(missing, choice):
            tiles[pick], pictures[pick] = made, picture
            self._store.storage.write(places[pick], [msgspec.json.encode(made)], durable=False)
        if not has_sheet:
            shown = [pictures[pick] for pick in choice.on_sheet if pick in pictures]
            self._store.storage.write(of_sheet, [contact_sheet(shown)], durable=False)
        in_order = {pick: tiles[pick] for pick in places if pick in tiles}
        return Drawn(in_order, of_sheet if choice.on_sheet else "", [places[pick] for pick in in_order])

    def _place(self, *content: Any) -> str:
        """A name for something that is drawn of this content."""
        versions = [version_of("outhaul"), version_of("pillow")]
        return f"{TILES}/{digest(*versions, self._legend.classes, content)}"

    def _kept_tile(self, path: str) -> Tile | None:
        if not self._store.storage.exists(path):
            return None
        try:
            return _decode_tile(self._store.storage.read(path))
        except UNREADABLE:  # of another version
            return None

    def _each(self, picks: Sequence[Pick], choice: Choice) -> Iterator[tuple[Pick, Tile, Image.Image]]:
        """The tiles of these entries, and their pictures for the sheet."""
        places: defaultdict[int, dict[int, Pick]] = defaultdict(dict)
        for pick in picks:
            places[pick.shard][pick.at] = pick
        for number in sorted(places):
            shard, files = self._shards[number], EntryFiles()
            records = Along(load_records(shard.fetched.path, shard.fetched.pieces, self._store))
            outcomes = Along(load_outcomes(shard.media, shard.fetched.entries, self._store))
            writing = shard.writing(shard.load_placement(self._store), files, self._plan)
            modality = self._datasets[shard.fetched.shard.dataset_index].modality
            for at, pick in sorted(places[number].items()):
                (record,) = records.take(Stretch(FRESH, at, 1))
                (of_media,) = outcomes.take(Stretch(FRESH, at, 1))
                files.of(of_media)
                if written := writing.of(decode_entry(record)):
                    opener = Opener(files_of(of_media), self._open, modality)
                    yield pick, *tile(opener.sample(*written), self._legend, choice.wanted[pick])
            records.finish()

    def _open(self, file: MediaFile) -> IO[bytes]:
        return self._store.storage.open(media_path(file.sha256))
