"""The table of `deployments/scaling.md`: the model of costs at sizes that nobody has run."""

from __future__ import annotations

import re
from pathlib import Path

from blocks.idah_cost import requests_to_list, requests_to_read
from exporters.model import Dataset
from flows.cost import Cost, Size, cost_of
from flows.words import size_text
from tests.reference.tables import table

GUIDE = Path(__file__).parent.parent.parent / "deployments" / "scaling.md"
SIZES = ((1_000, 5, 1_000), (100_000, 5, 1_000), (1_000_000, 10, 1_000), (10_000_000, 10, 5_000), (10**8, 10, 10_000))
"""Entries with a file each, annotations of each, entries of a shard."""
HEADS = (
    *("annotations", "files", "shards", "requests beside files", "task runs", "objects in the workspace"),
    *("records and notes there", "memory of the flow", "of a worker"),
)
BLOCK = re.compile(r"(<!-- extrapolation: .* -->\n).*(<!-- /extrapolation -->)", re.DOTALL)


def written(text: str) -> str:
    """The guide with the table as it should be."""
    made = "\n".join(table(HEADS, map(_row, *zip(*SIZES, strict=True))))
    return BLOCK.sub(lambda found: f"{found[1]}{made.rstrip()}\n{found[2]}", text)


def cost(entries: int, annotations: int, shard: int) -> Cost:
    """Of an export of so many entries."""
    shards = [shard] * (entries // shard)
    dataset = Dataset(id="d", name="d", modality="image")
    requests = requests_to_list(entries) + requests_to_read(dataset, shards, annotations)
    return cost_of(
        Size(
            entries=entries, shards=shards, annotations=annotations * entries, files=entries, new_files=entries,
            has_report=False, remembers_entries=True, requests=requests,
        )
    )  # fmt: skip


def _row(entries: int, annotations: int, shard: int) -> tuple[str, ...]:
    made = cost(entries, annotations, shard)
    work = (made.requests or 0, made.task_runs, made.workspace_objects)
    counts = (made.annotations, made.files, entries // shard, *work)
    sizes = (made.workspace_bytes, made.flow_megabytes * 1_000_000, made.task_megabytes * 1_000_000)
    return (*(f"{count:,}" for count in counts), *map(size_text, sizes))
