"""preview: the page that lies beside a package, and a sheet of samples for the Prefect UI.

Entries are read once more, one at a time, and only counted; those that an earlier run has counted are not read at all.
Then the few that are to be shown are found again, and drawn, if they were not. A second run finds what the first made.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import IO, Any

import msgspec
from prefect import task
from prefect.logging import get_run_logger

from blocks.store import Store, media_path
from blocks.workspace import Workspace
from exporters.errors import OuthaulError, first_line, with_kind
from exporters.foreign_json import UNREADABLE
from exporters.model import Dataset, decode_entry
from exporters.pictures.upright import MediaFile
from exporters.report.choice import Choice, choose
from exporters.report.figures import Counted, Figures, Pick, counted
from exporters.report.written import Writing
from exporters.survey import Placement
from exporters.version import version_of
from flows.contents import decode_line
from flows.converted import told_to_entries
from flows.delta import load_baseline
from flows.entry_lines import EntryLines
from flows.fetch import load_datasets
from flows.histogram import legend_of
from flows.manifest import REPORT
from flows.outcomes import EntryFiles, files_of, load_outcomes
from flows.pieces import Records, load_records
from flows.policy import PATIENT, by_content, digest
from flows.put import index_of
from flows.results import ConvertedShard, FetchedMedia, FetchedShard, Package, Plan, Preview
from flows.stretches import FRESH, Along, Stretch, which_are_fresh
from flows.survey import Surveyed
from flows.words import size_text

FIGURES = "figures"
"""The folder of what was counted of shards."""
COUNTED = "counted"
"""Of single entries."""
TILES = "tiles"
"""Of what was drawn."""

_decode_counted = msgspec.json.Decoder(Counted | None).decode
_decode_figures = msgspec.json.Decoder(Figures).decode
_decode_placement = msgspec.json.Decoder(Placement).decode


def facts(task: dict[str, Any]) -> list[Any]:
    """All that the page depends on: what is in an export, its name says."""
    package, plan = task["package"], task["plan"]
    return [version_of("outhaul"), version_of("pillow"), package.export_id, package.index, plan.name]


@task(
    name="preview",
    task_run_name="preview",
    cache_policy=by_content(facts),
    persist_result=True,
    result_serializer="json",
    **PATIENT,
)
def make_preview(
    package: Package,
    fetched: Sequence[FetchedShard],
    files: Sequence[FetchedMedia],
    converted: Sequence[ConvertedShard],
    surveyed: Surveyed,
    plan: Plan,
    workspace: Workspace,
) -> Preview | None:
    """Count, choose, draw. None when there is none: an export is not held up by its picture.

    Holds one entry at a time, and one picture of it.
    """
    store = workspace.open()
    if plan.request.package == "directory" and any(one.path.casefold() == REPORT for one in index_of(package, store)):
        get_run_logger().warning("The exporter writes a %s of its own; there is no other beside it.", REPORT)
        return None
    try:
        return _Preview(package, _shards(fetched, files, converted, surveyed, plan), plan, store).make()
    except OuthaulError:  # about the workspace
        raise
    except Exception as error:  # noqa: BLE001 - it was to be looked at; what is delivered does not depend on it
        said = with_kind(error, first_line(str(error)))
        get_run_logger().warning("The report could not be made (%s); the export goes on without it.", said)
        return None


@dataclass(frozen=True)
class _Shard:
    """What is needed to read the entries of a shard as they were written."""

    fetched: FetchedShard
    media: FetchedMedia | None
    placement: str
    dataset: str
    baseline: str
    contents: str


def _shards(
    fetched: Sequence[FetchedShard],
    files: Sequence[FetchedMedia],
    converted: Sequence[ConvertedShard],
    surveyed: Surveyed,
    plan: Plan,
) -> list[_Shard]:
    contents = [made.contents for made in converted] if plan.since is not None else repeat("", len(fetched))
    told = (surveyed.placements, surveyed.datasets, surveyed.baselines)
    columns = [column or repeat("", len(fetched)) for column in told]
    medias = files or repeat(None, len(fetched))
    return [_Shard(*one) for one in zip(fetched, medias, *columns, contents, strict=True)]


class _Preview:
    def __init__(self, package: Package, shards: Sequence[_Shard], plan: Plan, store: Store) -> None:
        self._package, self._shards, self._plan, self._store = package, shards, plan, store
        self._datasets = load_datasets(plan, store)
        self._legend = legend_of(package, self._datasets)

    def make(self) -> Preview:
        from exporters.report import page  # noqa: PLC0415 - Pillow takes its time

        figures, kept = Figures(), list[str]()
        for number, shard in enumerate(self._shards):
            counted, paths = self._counted(shard)
            figures.add(counted, number)
            kept += paths
        choice = choose(figures, self._legend.counted(self._package.tally.by_category))
        tiles, sheet, drawn = self._drawn(choice)
        shown = [tiles[pick] for pick in choice.on_sheet if pick in tiles]
        more = [tile for pick, tile in tiles.items() if pick not in choice.on_sheet]
        made = page.page(self._facts(), figures, self._legend, shown, more)
        path, sha256 = self._store.save_blob(made)
        return Preview(path=path, size=len(made), sha256=sha256, sheet=sheet, kept=(*kept, *drawn))

    # -- counting -----------------------------------------------------------------------------------------------------

    def _counted(self, shard: _Shard) -> tuple[Figures, list[str]]:
        """The figures of a shard, and where they are kept."""
        known = [shard.fetched.sha256, shard.media and shard.media.sha256, shard.baseline]
        told: list[Any] = [*self._plan.exporter_facts, self._plan.request.media, self._legend.classes]
        if shard.placement:
            told += told_to_entries(self._plan, self._placement(shard), shard.dataset)
        path = f"{FIGURES}/{digest(version_of('outhaul'), *known, *told)}"
        storage = self._store.storage
        if storage.exists(path):
            try:
                return _decode_figures(storage.read(path)), [path]
            except UNREADABLE:  # of another version
                pass
        figures, kept = Figures(), [path]
        if self._plan.tells_changes and not shard.baseline:
            lines = EntryLines(COUNTED, shard.fetched, shard.media, told, self._store)
            kept += lines.keep(self._counting(shard, digest(*told), figures, lines))
        else:
            for _ in self._counting(shard, digest(*told), figures):
                pass
        storage.write(path, [msgspec.json.encode(figures)], durable=False)
        return figures, kept

    def _counting(
        self, shard: _Shard, told: str, figures: Figures, remembered: EntryLines | None = None
    ) -> Iterator[bytes]:
        """Count all entries of a shard; yields for each the line that remembers it."""
        fetched, files = shard.fetched, EntryFiles()
        before = load_baseline(shard.baseline, self._store)
        contents = self._store.load_lines(shard.contents) if before else repeat(b"", fetched.entries)
        outcomes = load_outcomes(shard.media, fetched.entries, self._store)
        writing, records = self._writing(shard, files), Records(fetched, self._store)
        entries = zip(which_are_fresh(fetched, self._store), outcomes, contents, strict=True)
        for at, (is_fresh, of_media, described) in enumerate(entries):
            line = remembered.next() if remembered else None
            if line is None:
                record = records.get(at, is_fresh=is_fresh)
                entry = decode_entry(record)
                files.of(of_media)
                is_as_before = before and before.get(entry.id) == decode_line(described).sha256
                written = None if is_as_before else writing.of(entry)
                content = hashlib.blake2b(b"\n".join((told.encode(), record, of_media)), digest_size=16).hexdigest()
                line = msgspec.json.encode(counted(*written, self._legend, content) if written else None)
            if one := _decode_counted(line):
                figures.count(one, at)
            yield line
        records.finish()

    def _writing(self, shard: _Shard, files: EntryFiles) -> Writing:
        plan, placement = self._plan, self._placement(shard)
        of_media = files if shard.media else None
        return Writing(plan.exporter(), plan.exporter_options(), placement, plan.request.media, of_media)

    def _placement(self, shard: _Shard) -> Placement:
        return _decode_placement(self._store.load_blob(shard.placement)) if shard.placement else Placement()

    # -- showing ------------------------------------------------------------------------------------------------------

    def _drawn(self, choice: Choice) -> tuple[dict[Pick, Any], str, list[str]]:
        """A tile of each entry, and where the sheet and the tiles are kept: what was drawn once is found again."""
        from exporters.report import sheet  # noqa: PLC0415

        places = {pick: self._place(pick.content, crops) for pick, crops in choice.wanted.items()}
        tiles = {pick: tile for pick, path in places.items() if (tile := self._kept_tile(path))}
        of_sheet = self._place(*(pick.content for pick in choice.on_sheet))
        has_sheet = not choice.on_sheet or self._store.storage.exists(of_sheet)
        missing = [pick for pick in places if pick not in tiles or (not has_sheet and pick in choice.on_sheet)]
        pictures = {}
        for pick, made, picture in self._draw(missing, choice):
            tiles[pick], pictures[pick] = made, picture
            self._store.storage.write(places[pick], [msgspec.json.encode(made)], durable=False)
        if not has_sheet:
            shown = [pictures[pick] for pick in choice.on_sheet if pick in pictures]
            self._store.storage.write(of_sheet, [sheet.contact_sheet(shown)], durable=False)
        in_order = {pick: tiles[pick] for pick in places if pick in tiles}
        return in_order, of_sheet if choice.on_sheet else "", [places[pick] for pick in in_order]

    def _place(self, *content: Any) -> str:
        """A name for something that is drawn of this content."""
        versions = [version_of("outhaul"), version_of("pillow")]
        return f"{TILES}/{digest(*versions, self._legend.classes, content)}"

    def _kept_tile(self, path: str) -> Any:
        from exporters.report.tiles import Tile  # noqa: PLC0415

        if not self._store.storage.exists(path):
            return None
        try:
            return msgspec.json.decode(self._store.storage.read(path), type=Tile)
        except UNREADABLE:  # of another version
            return None

    def _draw(self, picks: Sequence[Pick], choice: Choice) -> Iterator[tuple[Pick, Any, Any]]:
        """The tiles of these entries, and their pictures for the sheet."""
        from exporters.report.samples import Opener  # noqa: PLC0415
        from exporters.report.tiles import tile  # noqa: PLC0415

        places: defaultdict[int, dict[int, Pick]] = defaultdict(dict)
        for pick in picks:
            places[pick.shard][pick.at] = pick
        for number in sorted(places):
            shard, files = self._shards[number], EntryFiles()
            records = Along(load_records(shard.fetched.path, shard.fetched.pieces, self._store))
            outcomes = Along(load_outcomes(shard.media, shard.fetched.entries, self._store))
            writing = self._writing(shard, files)
            for at, pick in sorted(places[number].items()):
                (record,) = records.take(Stretch(FRESH, at, 1))
                (of_media,) = outcomes.take(Stretch(FRESH, at, 1))
                files.of(of_media)
                if written := writing.of(decode_entry(record)):
                    opener = Opener(files_of(of_media), self._open, self._dataset(shard).modality)
                    yield pick, *tile(opener.sample(*written), self._legend, choice.wanted[pick])
            records.finish()

    def _open(self, file: MediaFile) -> IO[bytes]:
        return self._store.storage.open(media_path(file.sha256))

    def _dataset(self, shard: _Shard) -> Dataset:
        return self._datasets[shard.fetched.shard.dataset_index]

    def _facts(self) -> Any:
        from exporters.report.facts import Facts  # noqa: PLC0415

        package, plan = self._package, self._plan
        return Facts(
            name=plan.name,
            export_id=package.export_id,
            exporter=plan.request.exporter,
            exporter_version=str(plan.exporter().version),
            options=plan.options,
            source=plan.source,
            datasets=[{"id": one.id, "name": one.name} for one in self._datasets],
            where=plan.where,
            media=plan.request.media,
            package=plan.request.package,
            files=package.files,
            bytes_text=size_text(package.bytes),
            outhaul=version_of("outhaul"),
            tally=package.tally,
            since=plan.since,
        )


def find_preview(
    package: Package,
    fetched: Sequence[FetchedShard],
    files: Sequence[FetchedMedia],
    converted: Sequence[ConvertedShard],
    surveyed: Surveyed,
    plan: Plan,
    workspace: Workspace,
) -> Preview | None:
    """The page, made again where the workspace has lost what is remembered of it."""
    known = (package, fetched, files, converted, surveyed, plan, workspace)
    made: Preview | None = make_preview(*known)
    storage = workspace.open().storage
    if made and not all(map(storage.exists, filter(None, (made.path, made.sheet)))):
        made = make_preview.with_options(refresh_cache=True)(*known)
    return made
