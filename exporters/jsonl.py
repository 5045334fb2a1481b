"""`jsonl`: everything Outhaul knows, one JSON object a line, fit to be read back by the `folder:` source.

`datasets.jsonl` has a dataset a line with its categories, `entries.jsonl` an entry a line with its annotations and
medias, in the record model (`exporters.model`: float pixels, half-open edges) and, under `record`, as the platform sent
it. `files` says where in the package the bytes of a media lie.
"""

from __future__ import annotations

import orjson

from exporters.base import Assembly, Exporter, Item, NoOptions
from exporters.holds import Holds
from exporters.model import encode
from exporters.shard import Shard

ENTRIES = "entries.jsonl"
DATASETS = "datasets.jsonl"


class JsonlExporter(Exporter[NoOptions]):
    name = "jsonl"
    description = (
        "Entries with their annotations in Outhaul's record model beside the platform's own records, one a line."
    )
    version = 1
    holds = Holds()
    options = NoOptions

    def convert(self, item: Item, shard: Shard[NoOptions]) -> None:
        line = encode(item.entry)[:-1] + b',"files":' + orjson.dumps(item.files) + b"}\n"
        shard.append("entries", line)
        shard.keep(item.entry.annotations)

    def assemble(self, package: Assembly[NoOptions]) -> None:
        package.file(DATASETS, [encode(dataset) + b"\n" for dataset in package.datasets])
        package.file(ENTRIES, package.pieces("entries"))
