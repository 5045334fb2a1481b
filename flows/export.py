"""The export flow: what runs, in what order, and what each step hands to the next.

           source                              workspace                                 target
    plan ───▶ fetch[shard] ──▶ snapshot ──▶ transform[shard] ──▶ parts ──┐
      │            └────▶ media[shard] ──▶ media store ──────────────────┴─▶ package ──▶ deliver ──▶ manifest, receipt

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
from itertools import repeat
from typing import Any, Literal

from prefect import flow
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from blocks import stopping
from blocks.catalog import AnySource, AnyTarget
from blocks.lease import IfRunning
from blocks.workspace import Workspace
from flows.contextual import ON_ITS_OWN, is_contextual, run_exporter
from flows.deliver_all import deliver_all, refuse_undelivered
from flows.fetch import fetch
from flows.lease import alone
from flows.media import fetch_media
from flows.memory import note_export
from flows.output import is_there
from flows.package import make_package
from flows.plan import plan_export
from flows.recall import recall, recall_parts, settled
from flows.report import publish
from flows.results import ConvertedShard, FetchedMedia, FetchedShard, Plan, Request, Summary
from flows.survey import Surveyed, take_survey
from flows.transform import transform
from flows.unchanged import find_delivered

Downloading = PrefectFuture[FetchedMedia]


def _run_name() -> str:
    parameters = flow_run.parameters
    datasets = parameters.get("datasets") or []
    which = f" · {len(datasets)} datasets" if len(datasets) > 1 else ""
    return f"{parameters['source'].get_block_type_slug()} to {parameters['exporter']}{which}"


@flow(name="export", flow_run_name=_run_name, task_runner=ThreadPoolTaskRunner(max_workers=4))  # type: ignore[arg-type]
def export(
    source: AnySource,
    target: AnyTarget,
    datasets: list[str] = Field(
        default=[], description="Ids or names; none: all of a folder, the only one of a platform."
    ),
    exporter: str = Field(default="coco", description="The format: see `outhaul formats`."),
    options: dict[str, Any] = Field(default={}, description="Options of the format."),
    where: list[str] = Field(default=[], description="Filters on entries, such as status=completed."),
    sort: str = Field(default="", description="Order of the entries, such as name or -created_at; empty: by id."),
    media: Literal["none", "original", "all"] = Field(default="original", description="Which files to take along."),
    package: Literal["zip", "tar", "directory"] = Field(default="zip", description="What to deliver it as."),
    on_error: Literal["fail", "skip"] = Field(default="fail", description="What one bad entry means for the others."),
    strict: bool = Field(default=False, description="Refuse, rather than leave out what the format cannot hold."),
    name: str = Field(default="", description="Of the delivered folder and file; empty: the datasets' names."),
    workspace: Workspace | None = Field(default=None, description="Where to work; none: in the worker's own cache."),
    delta: bool = Field(default=False, description="Only what has changed since the last export of this kind."),
    full: bool = Field(default=False, description="Read every entry again, also those that have not changed."),
    shard_entries: int = Field(default=1000, ge=1, description="Entries in a task; more is fewer, longer tasks."),
    keep: int = Field(default=0, ge=0, description="Exports of this kind to keep at the target; 0: all."),
    if_running: IfRunning = Field(default="wait", description="What to do while another run makes the same export."),
    more_targets: list[AnyTarget] = Field(default=[], description="Where the same package is delivered to as well."),
) -> Summary:
    """Export annotated datasets from a platform or a folder, and deliver them as one proven package."""
    request = Request(
        datasets=tuple(datasets), exporter=exporter, options=options, where=tuple(where), sort=sort, media=media,
        package=package, on_error=on_error, strict=strict, name=name, full=full, delta=delta,
        shard_entries=shard_entries,
    )  # fmt: skip
    workspace, targets = workspace or Workspace(), [target, *more_targets]

    with stopping.on_interrupt(), alone(request, source, targets, workspace, if_running):
        plan = plan_export(request, source, targets, workspace)
        if unchanged := find_delivered(plan, targets, workspace):
            publish(unchanged)
            return unchanged

        fetching: list[Any] = []
        downloading: list[Any] = []
        for shard, known in zip(plan.shards, recall(plan, workspace), strict=True):
            # A shard's media begins when its records are there, not when all are.
            fetching.append(known.records if known else fetch.submit(shard, plan, source, workspace))
            if media != "none":
                downloading.append(known.media if known else fetch_media.submit(fetching[-1], plan, source, workspace))
        fetched: list[FetchedShard] = settled(fetching)
        surveyed, converted = _convert(plan, fetched, downloading, target, workspace)
        files: list[FetchedMedia] = settled(downloading)

        packaged = make_package(converted, fetched, surveyed, plan, workspace)
        deliveries, undelivered = deliver_all(packaged, plan, targets, keep, workspace)

        summary = Summary(
            plan=plan,
            tally=packaged.tally,
            deliveries=deliveries,
            undelivered=undelivered,
            downloaded_files=sum(shard.downloaded for shard in files),
            media_bytes=sum(shard.bytes for shard in files),
        )
        note_export(summary, packaged, fetched, files, converted, workspace.open())
        publish(summary)
        refuse_undelivered(summary)
        return summary


def _convert(
    plan: Plan,
    fetched: Sequence[FetchedShard],
    downloading: Sequence[Downloading | FetchedMedia],
    target: AnyTarget,
    workspace: Workspace,
) -> tuple[Surveyed, list[ConvertedShard]]:
    """What an exporter makes of all shards; done again where the workspace has lost what is remembered of it."""
    store = workspace.open()
    if is_contextual(plan):
        files = settled(downloading)
        made = run_exporter(fetched, files, plan, workspace)
        if not is_there(made, store):
            made = run_exporter.with_options(refresh_cache=True)(fetched, files, plan, workspace)
        return ON_ITS_OWN, [made]
    surveyed = take_survey(plan, fetched, target, workspace)
    names = ("fetched", "media", "placement", "dataset", "baseline")
    files_of = downloading or repeat(None, len(fetched))
    of_shards = zip(fetched, files_of, surveyed.placements, surveyed.datasets, surveyed.baselines, strict=True)
    shards = [dict(zip(names, one, strict=True), plan=plan, workspace=workspace) for one in of_shards]
    once: Any = transform
    again: Any = transform.with_options(refresh_cache=True)
    transforming = [recall_parts(shard) or once.submit(**shard) for shard in shards]
    settled(downloading)  # what is wrong with a file is to be heard, not that transform had to do without
    converted: list[ConvertedShard] = settled(transforming)
    lost = {
        number: again.submit(**shards[number]) for number, made in enumerate(converted) if not is_there(made, store)
    }
    return surveyed, [lost[number].result() if number in lost else made for number, made in enumerate(converted)]
