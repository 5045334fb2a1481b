"""preview: the page that lies beside a package, and a sheet of samples for the Prefect UI.

Entries are read once more, one at a time, and only counted; those that an earlier run has counted are not read at all.
Then the few that are to be shown are found again, and drawn, if they were not. A second run finds what the first made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect import task
from prefect.logging import get_run_logger

from blocks.store import Store
from blocks.workspace import Workspace
from exporters.errors import OuthaulError, first_line, with_kind
from exporters.model import Dataset
from exporters.report.choice import choose
from exporters.report.facts import Facts
from exporters.report.figures import Figures
from exporters.version import version_of
from flows.checked_json import CheckedJSON
from flows.fetch import load_datasets
from flows.histogram import legend_of
from flows.manifest import REPORT
from flows.planned import Plan
from flows.policy import PATIENT, by_content
from flows.preview_counting import Counting
from flows.preview_shards import ShownShard, shown_shards
from flows.put import index_of
from flows.results import ConvertedShard, FetchedMedia, FetchedShard, Package, Preview
from flows.survey import Surveyed
from flows.words import size_text


def facts(task: dict[str, Any]) -> list[Any]:
    """All that the page depends on: what is in an export, its name says."""
    package, plan = task["package"], task["plan"]
    return [version_of("outhaul"), version_of("pillow"), package.export_id, package.index, plan.name]


@task(
    name="preview",
    task_run_name="preview",
    cache_policy=by_content(facts),
    persist_result=True,
    result_serializer=CheckedJSON(),
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
        return _make(package, shown_shards(fetched, files, converted, surveyed, plan), plan, store)
    except OuthaulError:  # about the workspace
        raise
    except Exception as error:  # noqa: BLE001 - it was to be looked at; what is delivered does not depend on it
        said = with_kind(error, first_line(str(error)))
        get_run_logger().warning("The report could not be made (%s); the export goes on without it.", said)
        return None


def _make(package: Package, shards: Sequence[ShownShard], plan: Plan, store: Store) -> Preview:
    from exporters.report.page import page  # noqa: PLC0415 - Pillow takes its time
    from flows.preview_drawing import Drawing  # noqa: PLC0415 - the same

    datasets = load_datasets(plan, store)
    legend = legend_of(package, datasets)
    counting, figures, kept = Counting(plan, legend, store), Figures(), list[str]()
    for number, shard in enumerate(shards):
        counted, paths = counting.count(shard)
        figures.add(counted, number)
        kept += paths
    choice = choose(figures, legend.counted(package.tally.by_category))
    tiles, sheet, drawn = Drawing(plan, datasets, shards, legend, store).draw(choice)
    shown = [tiles[pick] for pick in choice.on_sheet if pick in tiles]
    more = [tile for pick, tile in tiles.items() if pick not in choice.on_sheet]
    made = page(_facts(package, datasets, plan), figures, legend, shown, more)
    path, sha256 = store.save_blob(made)
    return Preview(path=path, size=len(made), sha256=sha256, sheet=sheet, kept=(*kept, *drawn))


def _facts(package: Package, datasets: Sequence[Dataset], plan: Plan) -> Facts:
    return Facts(
        name=plan.name,
        export_id=package.export_id,
        exporter=plan.request.exporter,
        exporter_version=str(plan.exporter().version),
        options=plan.options,
        source=plan.source,
        datasets=[{"id": one.id, "name": one.name} for one in datasets],
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
