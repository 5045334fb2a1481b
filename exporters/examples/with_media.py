"""Pictures beside an index of them.

Uploads may all be called `a.jpg`, or `../a.jpg`: `safe_name` gives each a name of its own that every disk takes.
"""

from __future__ import annotations

import json
import shutil

from exporters.contextual import Context


class WithMedia:
    name = "example-with-media"
    description = "The original files in a folder, with an index that says which entry each belongs to."

    def export(self, context: Context) -> None:
        directory = context.io.directory
        (directory / "medias").mkdir()
        with (directory / "index.jsonl").open("w", encoding="utf-8") as index:
            for dataset in context.datasets:
                for entry in dataset.entries():
                    for media in entry.medias({"key": ""}):
                        path = f"medias/{media.safe_name}"
                        with media.open() as stream, (directory / path).open("wb") as file:
                            shutil.copyfileobj(stream, file)
                        line = {"entry": entry.record.id, "file": path, "uploaded_as": media.record.filename}
                        index.write(json.dumps(line) + "\n")
