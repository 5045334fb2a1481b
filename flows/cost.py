"""What an export costs, reckoned from its plan before anything is fetched: counts, no times.

What no listing tells is assumed, and said: five annotations and one file an entry, or as many as an earlier run has
read of the same entries. The other numbers were counted, and a test counts them again (`tests/flows/test_cost.py`);
those of memory were measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from blocks.catalog import AnySource
from blocks.workspace import Workspace
from exporters import Exporter
from flows.batches import in_batches
from flows.fetch import load_datasets
from flows.planned import Plan, ShardPlan
from flows.renew import TOGETHER

ANNOTATIONS, FILES = 5.0, 1.0
"""Of an entry, where nothing is known of it."""
TASKS_ONCE = ("plan", "compare", "recall", "survey", "package")
OBJECTS_ONCE = 9
OBJECTS_OF_SHARD, OF_ITS_MEDIA, OF_ITS_REPORT, OF_ITS_MEMORY = 9, 3, 3, 1
"""Its listing, records, ledger, index, parts and the like; the last where entries are remembered one by one."""
OBJECTS_OF_FILE = 2
"""Its bytes, and which file the source's own name stands for."""
REPORT_TILES = 14
ENTRY_BYTES, ANNOTATION_BYTES, SHARD_BYTES, FILE_BYTES, REPORT_BYTES = 820, 300, 13_000, 150, 240_000
"""In the workspace, compressed: what is kept of each, and the samples of a report."""

FLOW_MEGABYTES, TASK_MEGABYTES = 300, 200
"""Of the process that runs the flow, and of one that carries out tasks, however large the export is."""
SHARD_MEMORY, ENTRY_MEMORY, FILE_MEMORY, NUMBER_MEMORY = 12_000, 40, 16, 24
"""Bytes that the flow's process holds in addition of each; a number is one that the source gave an annotation."""


@dataclass(frozen=True)
class Size:
    """What the cost of an export depends on.

    `shards` are the sizes of those that are read whole or for the most part, `little` the number of those of which
    little has changed, `kept` of those that are taken as they are. `requests` is how many the source reckons.
    """

    entries: int
    shards: Sequence[int]
    little: int = 0
    kept: int = 0
    annotations: int = 0
    files: int = 0
    new_files: int = 0
    takes_media: bool = True
    has_report: bool = True
    remembers_entries: bool = False
    has_numbers: bool = False
    targets: int = 1
    requests: int | None = None


@dataclass(frozen=True)
class Cost:
    """`requests` are those to the platform without files; None where a source does not reckon them."""

    requests: int | None
    files: int
    annotations: int
    task_runs: int
    workspace_objects: int
    workspace_bytes: int
    """Beside the files and what the format makes of them, which may be as large as the package."""
    flow_megabytes: int
    task_megabytes: int

    def as_object(self) -> dict[str, Any]:
        return asdict(self)


def cost_of(size: Size) -> Cost:
    """What an export of this size costs."""
    read = len(size.shards) + size.little
    of_shard = (
        OBJECTS_OF_SHARD
        + OF_ITS_MEDIA * size.takes_media
        + OF_ITS_REPORT * size.has_report
        + OF_ITS_MEMORY * size.remembers_entries
    )
    objects = OBJECTS_ONCE + read * of_shard + OBJECTS_OF_FILE * size.new_files + REPORT_TILES * size.has_report
    memory = (
        SHARD_MEMORY * (read + size.kept)
        + ENTRY_MEMORY * size.entries
        + FILE_MEMORY * size.files
        + NUMBER_MEMORY * size.annotations * size.has_numbers
    )
    return Cost(
        requests=size.requests,
        files=size.new_files,
        annotations=size.annotations,
        task_runs=_task_runs(size),
        workspace_objects=objects,
        workspace_bytes=_workspace_bytes(size),
        flow_megabytes=FLOW_MEGABYTES + memory // 1_000_000,
        task_megabytes=TASK_MEGABYTES,
    )


def _workspace_bytes(size: Size) -> int:
    records = ENTRY_BYTES * size.entries + ANNOTATION_BYTES * size.annotations
    shards = SHARD_BYTES * (len(size.shards) + size.little)
    return records + shards + FILE_BYTES * size.new_files + REPORT_BYTES * size.has_report


def _task_runs(size: Size) -> int:
    whole, little = len(in_batches(size.shards)), len(in_batches(range(size.little), TOGETHER))
    renewed = little * (2 if size.remembers_entries else 1)
    others = 0 if size.remembers_entries else len(in_batches(range(size.little)))
    steps = 3 if size.takes_media else 2
    return len(TASKS_ONCE) + steps * whole + renewed + others + size.has_report + size.targets


def size_of(plan: Plan, source: AnySource, targets: int, workspace: Workspace) -> Size:
    """The size of a planned export, as far as the plan tells."""
    little = [shard for shard in plan.shards if shard.is_little_changed]
    read = [shard for shard in plan.shards if not shard.is_little_changed and not shard.is_unchanged]
    known = [former for shard in plan.shards if shard.is_unchanged for former in shard.formers]
    entries = sum(former.entries for former in known) or 1
    each = sum(former.annotations for former in known) / entries if known else ANNOTATIONS
    medias = sum(former.medias for former in known) / entries if known else FILES
    takes_media, exporter = plan.request.media != "none", plan.exporter()
    return Size(
        entries=plan.entries,
        shards=[shard.entries for shard in read],
        little=len(little),
        kept=len(plan.shards) - len(little) - len(read),
        annotations=round(each * plan.entries),
        files=round(medias * plan.entries) if takes_media else 0,
        new_files=round(medias * plan.fresh) if takes_media else 0,
        takes_media=takes_media,
        has_report=plan.request.report,
        remembers_entries=plan.tells_changes and isinstance(exporter, Exporter) and exporter.is_entrywise,
        has_numbers=exporter.holds.uses_numbers and not plan.tells_changes,
        targets=targets,
        requests=_requests(plan, read + little, each, source, workspace),
    )


def _requests(
    plan: Plan, read: Iterable[ShardPlan], annotations: float, source: AnySource, workspace: Workspace
) -> int | None:
    datasets = load_datasets(plan, workspace.open())
    read, total = list(read), 0
    for index, dataset in enumerate(datasets):
        listed = sum(shard.entries for shard in plan.shards if shard.dataset_index == index)
        asked = source.requests(
            dataset, listed, [shard.fresh for shard in read if shard.dataset_index == index], annotations
        )
        if asked is None:
            return None
        total += asked
    return total
