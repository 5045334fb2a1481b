"""One JSON file of any size, in little memory: entries are read while they are written."""

from __future__ import annotations

import json

from exporters.contextual import Context


class Streaming:
    name = "example-streaming"
    description = "All annotations as one JSON array, an annotation a line."

    def export(self, context: Context) -> None:
        file = context.io.file(format="json")
        file.write("[")
        separator = "\n"
        for dataset in context.datasets:
            for entry in dataset.entries():
                for annotation in entry.annotations():
                    file.write(separator + json.dumps(annotation.record))
                    separator = ",\n"
        file.write("\n]\n")
