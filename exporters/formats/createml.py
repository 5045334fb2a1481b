"""`createml`: Create ML's JSON for object detection, one file beside the pictures of each split.

    images/[<split>/]annotations.json
    images/[<split>/]a.jpg

    [{"image": "a.jpg", "annotations": [{"label": "car", "coordinates": {"x": 20, "y": 15, "width": 8, "height": 6}}]}]

`x` and `y` are the *centre* of a box, in pixels from the top-left corner; `image` is relative to the file. A picture
without annotations has an empty list. Crowds and attributes are not held. Of splits whose names differ in case alone,
each has a digest in the name of its file.
"""

from __future__ import annotations

import orjson

from exporters import splits
from exporters.assembly import Assembly, joined
from exporters.base import Exporter
from exporters.holds import Holds
from exporters.item import Item
from exporters.naming import safe_component
from exporters.options import ImageOptions
from exporters.shard import Shard

SEPARATOR = b",\n"


class CreatemlExporter(Exporter[ImageOptions]):
    name = "createml"
    description = "Create ML JSON: boxes by their centre in pixels, one file beside the pictures of each split."
    version = 1
    is_entrywise = True
    holds = Holds(
        modalities=frozenset({"image"}),
        shapes=frozenset({"box"}),
        needs_category=True,
        needs_size=True,
    )
    options = ImageOptions

    def convert(self, item: Item, shard: Shard[ImageOptions]) -> None:
        kept = []
        rows = []
        for one in item.annotations:
            if one.annotation.is_crowd:
                shard.leave_out_annotation(one, "createml cannot hold crowds")
                continue
            if one.annotation.attributes:
                shard.change("attributes are not held")
            kept.append(one)
            if one.category and one.box:
                box = one.box
                center = {"x": box.left + box.width / 2, "y": box.top + box.height / 2}
                coordinates = {**center, "width": box.width, "height": box.height}
                rows.append({"label": one.category.name, "coordinates": coordinates})
        part = f"pictures:{item.entry.split or ''}"
        shard.append(part, orjson.dumps({"image": item.file_name, "annotations": rows}), SEPARATOR)
        shard.keep(kept)

    def assemble(self, package: Assembly[ImageOptions]) -> None:
        names = splits.file_names(part.partition(":")[2] for part in package.names())
        for part in package.names() or ["pictures:"]:
            split = part.partition(":")[2]
            folder = f"images/{safe_component(split)}" if split else "images"
            mark = names[split].removeprefix(safe_component(split)) if split else ""
            path = f"{folder}/annotations{mark}.json"
            package.file(path, [b"[\n", *joined(package.pieces(part), SEPARATOR), b"\n]\n"])
