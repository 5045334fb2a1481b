"""What one bad entry means for the others: it is left out with a reason, which the manifest counts."""

from __future__ import annotations

import json

from exporters.contextual import Context, EntryContext


class EntryErrors:
    name = "example-entry-errors"
    description = "The corners of every bounding box, in pixels; entries without a known size are left out."

    def export(self, context: Context) -> None:
        file = context.io.file(format="jsonl")
        for dataset in context.datasets:
            for entry in dataset.entries():
                try:
                    boxes = self._boxes(entry)
                except (KeyError, TypeError, IndexError) as error:
                    # Something is wrong with it: the run ends here, or goes on without it under --on-error skip.
                    entry.leave_out("its boxes cannot be placed on its picture", is_fault=True)
                    context.log.warning("Entry %s: %r.", entry.record.id, error)
                    continue
                if not boxes:
                    entry.leave_out("it has no boxes")  # a choice, and no fault
                    continue
                file.write(json.dumps({"entry": entry.record.id, "boxes": boxes}) + "\n")

    def _boxes(self, entry: EntryContext) -> list[list[list[float]]]:
        boxes = entry.annotations({"type": "bounding_box"})
        if not boxes:
            return []
        size = entry.medias({"key": ""})[0].record.meta
        width, height = size["width"], size["height"]
        return [[[x * width, y * height] for x, y in box.record.dimensions["points"]] for box in boxes]
