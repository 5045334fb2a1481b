"""The export flow: what runs, in what order, and what each step hands to the next.

           source                              workspace                                 target
    plan ───▶ fetch[shard] ──▶ snapshot ──▶ transform[shard] ──▶ parts ──┐
      │            └────▶ media[shard] ──▶ media store ──────────────────┴─▶ package ──▶ deliver ──▶ manifest, receipt

Each step has a task for each shard, or, where there are many, two dozen tasks for batches of them.

Running it twice is safe at any point: everything in the workspace is named by its content, an export is named by all
that it consists of, and one that lies at the target already is left alone. What a killed run had done is found again,
and what it left half done is swept. Two runs of one export at once: one works, the other waits or refuses.
Of several targets each gets the one package for itself; the run fails at the end when one of them did not.
What has not changed since it was read, plan finds out from the source, and is taken from the workspace; when that is
all, and lies at the target, the run ends there.

A contextual exporter takes the place of transform: it runs once, over all shards, when the last of them is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from prefect import flow
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner

from blocks import stopping
from blocks.catalog import AnySource, AnyTarget
from blocks.lease import IfRunning
from blocks.workspace import Workspace
from flows import collector, story
from flows.at_platform import at_platform
from flows.contextual import ON_ITS_OWN, is_contextual, run_exporter
from flows.deliver_all import deliver_all, refuse_undelivered
from flows.delivered import Summary
from flows.events import tell_failure, tell_outcome
from flows.form import (
    AtLeast0,
    AtLeast1,
    ExporterChoice,
    OptionsChoice,
    field,
    read_choice,
)
from flows.histogram import by_class
from flows.laps import Laps
from flows.lease import alone
from flows.memory import note_export
from flows.output import is_there
from flows.package import make_package
from flows.plan import plan_export
from flows.planned import Plan
from flows.preview import find_preview
from flows.progress_shown import shown
from flows.report import publish
from flows.request import Request
from flows.results import ConvertedShard, FetchedShard
from flows.runners import read_runner
from flows.shards import Batch, read_shards, settled, transform_shards
from flows.spread import spread
from flows.survey import Surveyed, take_survey
from flows.targets import refuse_passing_places
from flows.unchanged import find_delivered
from flows.verified import verify_deliveries


def _run_name() -> str:
    """What goes where: `idah/production → coco · 3 datasets`."""
    parameters = flow_run.parameters
    source, datasets = parameters["source"], parameters.get("datasets") or []
    saved = getattr(source, "_block_document_name", None)
    exporter, _ = read_choice(parameters["exporter"], {})
    what = f"{len(datasets)} datasets" if len(datasets) > 1 else "".join(datasets)[:60]
    where = source.get_block_type_slug() + (f"/{saved}" if saved else "")
    return f"{where} → {exporter}" + (f" · {what}" if what else "")


@flow(
    name="export",
    flow_run_name=_run_name,
    task_runner=ThreadPoolTaskRunner(max_workers=4),  # type: ignore[arg-type]
    on_failure=[tell_failure],
    on_crashed=[tell_failure],
)
def export(
    source: AnySource = field(..., "Source", "The platform, folder or file to read from."),
    target: AnyTarget = field(..., "Target", "Where the package is delivered to."),
    datasets: list[str] = field([], "Datasets", "Ids or names; none: all of a folder, the only one of a platform."),
    exporter: ExporterChoice = field(..., "Format", "What is written, by what the datasets consist of."),
    media: Literal["none", "original", "all"] = field("original", "Media", "Which files to take along."),
    package: Literal["zip", "tar", "directory"] = field("zip", "Package", "What to deliver it as."),
    where: list[str] = field([], "Filters", "On entries, such as status=completed; entries must pass all of them."),
    delta: bool = field(False, "Delta", "Only what has changed since the last export of this kind."),
    on_error: Literal["fail", "skip"] = field("fail", "Bad entries", "What one bad entry means for the others."),
    strict: bool = field(False, "Strict", "Refuse, rather than leave out what the format cannot hold."),
    name: str = field("", "Name", "Of the delivered folder and file; empty: the datasets' names."),
    keep: AtLeast0 = field(0, "Keep", "Exports of this kind to keep at the target; 0: all."),
    verify: bool = field(False, "Verify", "Read back what lies at the targets, and check every byte of it."),
    report: bool = field(
        True, "Report", "Put report.html beside the package: samples with their shapes, plots, the figures."
    ),
    options: OptionsChoice = field({}, "Annotations, classes and splits", "What most formats share."),
    sort: str = field("", "Order", "Of the entries, such as name or -created_at; empty: by id."),
    full: bool = field(False, "Read all", "Read every entry again, also those that have not changed."),
    more_targets: list[AnyTarget] = field([], "More targets", "Where the same package is delivered to as well."),
    if_running: IfRunning = field("wait", "If running", "What to do while another run makes the same export."),
    shard_entries: AtLeast1 = field(1000, "Entries a shard", "What is read at once and remembered together."),
    workspace: Workspace | None = field(None, "Workspace", "Where to work; none: in the worker's own cache."),
    runner: str = field(
        "threads", "Runner", "What does the work: threads, dask or ray, as in dask=4 or dask=tcp://HOST:8786."
    ),
) -> Summary:
    """Export annotated datasets from a platform or a folder, and deliver them as one proven package."""
    chosen, options = read_choice(exporter, options)
    request = Request(
        datasets=tuple(datasets), exporter=chosen, options=options, where=tuple(where), sort=sort, media=media,
        package=package, on_error=on_error, strict=strict, name=name, full=full, delta=delta,
        shard_entries=shard_entries, report=report,
    )  # fmt: skip
    workspace, targets = workspace or Workspace(), [target, *more_targets]
    refuse_passing_places(targets, workspace)
    chosen_runner, laps = read_runner(runner), Laps()

    with (
        collector.spared(),
        stopping.on_interrupt(),
        story.told(),
        shown(takes_media=media != "none"),
        alone(request, source, targets, workspace, if_running),
    ):
        plan = plan_export(request, source, targets, workspace)
        story.tell_plan(plan)
        laps.end("plan")
        if unchanged := find_delivered(plan, targets, workspace):
            laps.end("compare")
            unchanged = unchanged.model_copy(update={"seconds": laps.seconds})
            return _ended(unchanged, source, targets, workspace, verify=verify)

        with at_platform(source), spread(chosen_runner, plan, source, workspace) as given:
            fetched, batches = read_shards(*given)
            story.tell_fetched(fetched)
            laps.end("fetch")
            surveyed, converted = _convert(given.plan, fetched, batches, target, given.workspace)
            files = settled(batches)
            story.tell_media(files)
            laps.end("transform")

        packaged = make_package(converted, fetched, surveyed, plan, workspace)
        story.tell_package(packaged)
        laps.end("package")
        preview = find_preview(packaged, fetched, files, converted, surveyed, plan, workspace) if report else None
        laps.end("preview")
        deliveries, undelivered = deliver_all(packaged, preview, plan, targets, keep, workspace)
        laps.end("deliver")

        summary = Summary(
            plan=plan,
            tally=packaged.tally,
            deliveries=deliveries,
            undelivered=undelivered,
            downloaded_files=sum(shard.downloaded for shard in files),
            media_bytes=sum(shard.bytes for shard in files),
            by_class=by_class(packaged, plan, workspace.open()),
            contents=packaged.contents,
            preview=preview,
            seconds=laps.seconds,
        )
        note_export(summary, packaged, fetched, files, converted, workspace.open())
        return _ended(summary, source, targets, workspace, verify=verify)


def _ended(
    summary: Summary, source: AnySource, targets: Sequence[AnyTarget], workspace: Workspace, *, verify: bool
) -> Summary:
    """Say what a run came to, once that is certain.

    Raises:
        FatalError: a target did not get the export, or has not what it got.
    """
    publish(summary, source, workspace.open())
    story.tell_end(summary)
    refuse_undelivered(summary)
    if verify:
        verify_deliveries(summary, targets, workspace)
    tell_outcome(summary)
    return summary


def _convert(
    plan: Plan,
    fetched: Sequence[FetchedShard],
    batches: Sequence[Batch],
    target: AnyTarget,
    workspace: Workspace,
) -> tuple[Surveyed, list[ConvertedShard]]:
    """What the exporter makes of all shards."""
    if not is_contextual(plan):
        surveyed = take_survey(plan, fetched, target, workspace)
        return surveyed, transform_shards(plan, fetched, batches, surveyed, workspace)
    files = settled(batches)
    made = run_exporter(fetched, files, plan, workspace)
    if not is_there(made, workspace.open()):  # the workspace has lost what is remembered of it
        made = run_exporter.with_options(refresh_cache=True)(fetched, files, plan, workspace)
    return ON_ITS_OWN, [made]
