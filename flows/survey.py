"""Between fetch and transform: what all shards must agree on, from a few bytes an entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from prefect import task

from blocks.catalog import AnyTarget
from blocks.workspace import Workspace
from exporters.classes import ExportClass
from exporters.model import EMPTY, encode
from exporters.survey import survey
from flows.delta import split_baseline
from flows.fetch import load_datasets
from flows.planned import Plan
from flows.policy import PATIENT
from flows.results import FetchedShard
from flows.targets import place_of


@dataclass(frozen=True)
class Surveyed:
    """`placements` has, for each shard, where its `Placement` is kept; `datasets` what shards may know of theirs.

    Of a delta, `baselines` has what was exported of each shard before, and `removed` what is gone.
    """

    placements: tuple[str, ...]
    datasets: tuple[str, ...]
    baselines: tuple[str, ...]
    classes: tuple[dict[str, Any], ...]
    ids: dict[str, str]
    removed: tuple[dict[str, str], ...] = ()

    @property
    def export_classes(self) -> list[ExportClass]:
        return msgspec.convert(list(self.classes), list[ExportClass])


@task(name="survey", task_run_name="survey", **PATIENT)
def take_survey(plan: Plan, fetched: Sequence[FetchedShard], target: AnyTarget, workspace: Workspace) -> Surveyed:
    store = workspace.open()
    exporter = plan.exporter()
    indexes = (store.load_sealed(shard.index) for shard in fetched)
    options = plan.exporter_options()
    datasets = load_datasets(plan, store)
    # Counts and times of a dataset move with each of its entries: a shard that knew them would never stay what it is.
    steady = [msgspec.structs.replace(dataset, raw=EMPTY, entries_count=None) for dataset in datasets]
    kept = [store.save_blob(encode(dataset))[0] for dataset in steady]
    taken = survey(datasets, indexes, exporter.holds, options)
    baselines, removed = split_baseline(plan, fetched, place_of(target, workspace), store)
    first = taken.placements[0] if taken.placements else None
    return Surveyed(
        placements=tuple(store.save_blob(encode(placement))[0] for placement in taken.placements),
        datasets=tuple(kept[one.shard.dataset_index] for one in fetched),
        baselines=baselines,
        removed=removed,
        classes=tuple(msgspec.to_builtins(one) for one in taken.classes.classes),
        ids={
            "entries": "the source's" if first and first.keeps_entry_numbers else "counted from 1",
            "annotations": "the source's" if first and first.keeps_annotation_numbers else "counted from 1",
        },
    )
