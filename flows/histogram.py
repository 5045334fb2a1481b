"""The annotations of an export by class, as its manifest counts them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from blocks.store import Store
from exporters.classes import ExportClass
from exporters.model import Dataset
from exporters.report.legend import Legend
from flows.fetch import load_datasets
from flows.planned import Plan
from flows.results import Package


def legend_of(package: Package, datasets: Sequence[Dataset]) -> Legend:
    """The classes of an export; of an exporter that has none of its own, the categories of its datasets."""
    classes = msgspec.convert(list(package.classes), list[ExportClass])
    return Legend(classes, () if classes else [one for dataset in datasets for one in dataset.categories])


def by_class(package: Package, plan: Plan, store: Store) -> dict[str, int]:
    """How many went out, by the name of their class; classes of one name count together."""
    legend = legend_of(package, load_datasets(plan, store))
    found: dict[str, int] = {}
    for key, count in legend.counted(package.tally.by_category).items():
        name = legend.get(key).name
        found[name] = found.get(name, 0) + count
    return {name: count for name, count in found.items() if count}
