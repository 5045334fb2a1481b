"""Everything in one JSON file. Holds all of it in memory: start from the pattern `stream` where that is much."""

from __future__ import annotations

import json
from typing import Any

from exporters.contextual import Context, EntryContext


class SingleFile:
    name = "example-single-file"
    description = "Datasets with their completed entries and annotations, in one JSON file."

    def export(self, context: Context) -> None:
        datasets = []
        for dataset in context.datasets:
            entries = [self._entry(entry) for entry in dataset.entries({"status": "completed"})]
            datasets.append({"id": dataset.record.id, "name": dataset.record.name, "entries": entries})
        file = context.io.file(format="json")
        json.dump(datasets, file, indent=2, ensure_ascii=False)

    def _entry(self, entry: EntryContext) -> dict[str, Any]:
        annotations = [
            {"shape": annotation.record.dimensions, "label": annotation.record.annotation}
            for annotation in entry.annotations()
        ]
        return {"id": entry.record.id, "name": entry.record.name, "annotations": annotations}
