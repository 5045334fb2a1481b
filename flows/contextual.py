"""run exporter: a contextual exporter over everything that was fetched, in a process of its own.

Whatever it does there, raises, hangs, ends its own process, leaves files and processes behind, it can spoil no more
than its own export: the process and its folder are gone afterwards, and what it wrote is looked at before it is taken.
"""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec
from prefect import task
from prefect.logging import get_run_logger

from blocks import stopping
from blocks.chunks import chunks_of
from blocks.storage_errors import translated
from blocks.store import Store, media_path
from blocks.workspace import Workspace
from exporters import FatalError, RetriableError, read_options
from exporters.contextual import ContextualExporter
from exporters.contextual.exporter import DEFAULT_TIME_LIMIT_SECONDS, TIME_LIMIT
from exporters.contextual.product import product_files
from exporters.model import Media, decode_entry
from exporters.pictures.upright import MediaFile
from exporters.tally import Tally
from exporters.temporary import temporary_folder
from exporters.version import version_of
from flows import progress
from flows.checked_json import CheckedJSON
from flows.child_messages import Broke, Said
from flows.contents import class_names, describe
from flows.contextual_messages import Delayed, Done, FetchedEntries, Job
from flows.contextual_process import run_process
from flows.contextual_secrets import secrets_of, with_paths
from flows.fetch import load_datasets
from flows.index import Member, Run
from flows.outcomes import Files, load_files
from flows.pieces import load_records
from flows.planned import Plan
from flows.policy import PATIENT, by_content
from flows.results import ConvertedShard, FetchedMedia, FetchedShard
from flows.survey import Surveyed

MAX_ATTEMPTS = 100
"""Of an exporter that reschedules itself: one that waits longer than that waits for ever."""

ON_ITS_OWN = Surveyed(placements=(), datasets=(), baselines=(), classes=(), ids={})
"""A contextual exporter sees all entries itself: there are no shards that would have to agree on anything."""


def is_contextual(plan: Plan) -> bool:
    return isinstance(plan.exporter(), ContextualExporter)


def facts(task: dict[str, Any]) -> list[Any]:
    """All that the product depends on, the plug-in's code included."""
    plan = task["plan"]
    request = plan.request
    fetched = [[one.sha256, one.shard.dataset_index] for one in task["fetched"]]
    files = [one.sha256 for one in task["files"]]
    asked = [plan.datasets, request.media, request.on_error, plan.name, plan.source]
    return [version_of("outhaul"), *plan.exporter_facts, fetched, files, *asked]


@task(
    name="run exporter",
    task_run_name="run {plan.request.exporter}",
    cache_policy=by_content(facts),
    persist_result=True,
    result_serializer=CheckedJSON(),
    **PATIENT,
)
def run_exporter(
    fetched: Sequence[FetchedShard], files: Sequence[FetchedMedia], plan: Plan, workspace: Workspace
) -> ConvertedShard:
    """Run the exporter, and take over what it wrote. Holds one chunk of a file."""
    store = workspace.open()
    for _ in range(MAX_ATTEMPTS):
        with (
            translated(store.storage.shown),
            temporary_folder(store.spool_folder()) as folder,
        ):
            end = _attempt(_job(fetched, files, plan, workspace, folder), plan)
            if isinstance(end, Done):
                members, _ = store.save_lines(map(msgspec.json.encode, _taken_over(end, plan, store)))
                contents, _ = store.save_lines(_contents(fetched, files, plan, store))
                return ConvertedShard(
                    parts={}, members=members, contents=contents, tally=Tally.model_validate(end.tally)
                )
        get_run_logger().info("The exporter asks to be run again in %g seconds.", end.after)
        _wait(end.after)
    raise FatalError(
        f"The exporter {plan.request.exporter} has asked to be run again {MAX_ATTEMPTS} times in a row; "
        f"see in its log what it waits for."
    )


def _job(
    fetched: Sequence[FetchedShard], files: Sequence[FetchedMedia], plan: Plan, workspace: Workspace, folder: str
) -> Job:
    exporter, options = plan.exporter(), plan.exporter_options()
    cls = getattr(exporter, "written_as", None) or type(exporter)
    outcomes: list[str | None] = [one.path for one in files] or [None] * len(fetched)
    place = workspace.open().storage
    return Job(
        exporter=plan.request.exporter,
        code_digest=plan.code_digest,
        written_as=(cls.__module__, cls.__qualname__),
        options=with_paths(options, plan.request.options),  # as given: the plan's are those for the manifest
        workspace_url=place.root if place.is_local else workspace.url,  # the process works in another folder
        workspace_options=workspace.options.get_secret_value(),
        datasets=plan.datasets,
        shards=tuple(
            FetchedEntries(
                dataset_index=one.shard.dataset_index,
                path=one.path,
                pieces=one.pieces,
                outcomes=outcome,
                entries=one.entries,
                annotations=one.annotations,
                medias=one.medias,
            )
            for one, outcome in zip(fetched, outcomes, strict=True)
        ),
        media=plan.request.media,
        origin=plan.source,
        secrets=secrets_of(options),
        skips_faults=plan.request.on_error == "skip",
        folder=folder,
    )


def _attempt(job: Job, plan: Plan) -> Done | Delayed:
    """Run the exporter once.

    Raises:
        FatalError: it failed.
        RetriableError: it says that another attempt may help.
    """
    log = get_run_logger()
    options = read_options(plan.exporter(), job.options)
    moved = 0

    def tell(line: Said) -> None:
        log.log(line.level, line.text)
        progress.say(job.exporter, line.level, line.text)

    def move(fraction: float) -> None:
        nonlocal moved
        entries = int(fraction * plan.entries)
        progress.advance("transform", max(entries - moved, 0))
        moved = max(entries, moved)

    end = run_process(job, getattr(options, TIME_LIMIT, DEFAULT_TIME_LIMIT_SECONDS), tell, move)
    if isinstance(end, Broke):
        log.error("%s\n%s", end.message, end.trace)
        if end.is_passing:
            raise RetriableError(end.message, end.delay_seconds)
        raise FatalError(end.message)
    return end


def _taken_over(end: Done, plan: Plan, store: Store) -> Iterator[Member]:
    """The files that the exporter wrote, each moved into the store of files by what it holds."""
    written = Path(end.written) if end.written else None
    for path, local in product_files(written, plan.name):
        stopping.check()
        digest, crc32, size = hashlib.sha256(), 0, 0
        local.chmod(0o644)
        with local.open("rb") as handle:
            for chunk in chunks_of(handle):
                digest.update(chunk)
                crc32 = zlib.crc32(chunk, crc32)
                size += len(chunk)
        place = media_path(digest.hexdigest())
        if store.storage.size(place) != size:
            store.storage.move_in(local, place)
        yield Member(path, size, digest.hexdigest(), crc32, (Run(place),))


def _contents(
    fetched: Sequence[FetchedShard], files: Sequence[FetchedMedia], plan: Plan, store: Store
) -> Iterator[bytes]:
    datasets = load_datasets(plan, store)
    for shard, media in zip_longest(fetched, files):
        names = class_names(datasets[shard.shard.dataset_index])
        of_entries = load_files(media.path if media else "", shard.entries, store)
        for line, found in zip(load_records(shard.path, shard.pieces, store), of_entries, strict=True):
            described = describe(decode_entry(line), names, partial(_file_of, found) if media else None)
            yield msgspec.json.encode(described)


def _file_of(files: Files, media: Media) -> MediaFile | str:
    return files[media.ref, media.key]


def _wait(seconds: float) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        stopping.check()
        time.sleep(min(left, stopping.LOOK_SECONDS))
