"""A file for each dataset, and a summary. The package is made of the directory, zipped if the run was asked to."""

from __future__ import annotations

import json

from exporters.contextual import Context


class SeveralFiles:
    name = "example-several-files"
    description = "A JSON file for each dataset, and a summary of all."

    def export(self, context: Context) -> None:
        directory = context.io.directory
        summary = []
        for number, dataset in enumerate(context.datasets, start=1):
            entries = [
                {"entry": entry.record, "annotations": [annotation.record for annotation in entry.annotations()]}
                for entry in dataset.entries()
            ]
            file_name = f"dataset_{number}.json"
            (directory / file_name).write_text(json.dumps({"dataset": dataset.record, "entries": entries}))
            summary.append(f"{file_name}: {dataset.record.name}, {len(entries)} entries")
        (directory / "summary.txt").write_text("\n".join(summary) + "\n")
        context.log.info("Wrote %d datasets.", len(summary))
