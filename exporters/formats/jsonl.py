"""`jsonl`: everything Outhaul knows, one JSON object a line, fit to be read back by the `folder:` source.

`datasets.jsonl` has a dataset a line with its categories, `entries.jsonl` an entry a line with its annotations and
medias, in the record model (`exporters.model`: float pixels, half-open edges) and, under `record`, as the platform sent
it. `files` says where in the package the bytes of a media lie.
"""

from __future__ import annotations

import orjson

from exporters.assembly import Assembly
from exporters.base import Exporter
from exporters.holds import Holds
from exporters.item import Item
from exporters.model import encode
from exporters.options import RecordOptions
from exporters.shard import Shard

ENTRIES = "entries.jsonl"
DATASETS = "datasets.jsonl"


class JsonlExporter(Exporter[RecordOptions]):
    name = "jsonl"
    description = (
        "Entries with their annotations in Outhaul's record model beside the platform's own records, one a line."
    )
    version = 2
    holds = Holds()
    options = RecordOptions
    records = ENTRIES

    def convert(self, item: Item, shard: Shard[RecordOptions]) -> None:
        line = encode(item.entry)[:-1] + b',"files":' + orjson.dumps(item.files) + b"}\n"
        shard.append("entries", line)
        shard.keep(item.annotations)

    def assemble(self, package: Assembly[RecordOptions]) -> None:
        package.file(DATASETS, [encode(dataset) + b"\n" for dataset in package.datasets])
        package.file(ENTRIES, package.pieces("entries"))
