"""`json`: the platform's own records, untouched, in one file. Nothing is left out, whatever its shape.

    {"datasets": [{"dataset": {...}, "entries": [
    {"entry": {...}, "annotations": [{...}], "medias": [{...}], "files": {"<media id>": "images/a.jpg"}}
    ]}]}

Each `{...}` is a record as the platform sent it: the same keys in the same order, the same numbers to the last digit.
What has no record of a platform, or must not show it (`redact`), is written in the record model instead (see `jsonl`).
`files` says where in the package the bytes of a media lie. One entry a line, so that the file can be read as a stream.
"""

from __future__ import annotations

import orjson

from exporters.assembly import Assembly, Segment, joined
from exporters.base import Exporter
from exporters.holds import Holds
from exporters.item import Item
from exporters.model import EMPTY, Recorded, encode
from exporters.options import RecordOptions
from exporters.shard import Shard

SEPARATOR = b",\n"


class JsonExporter(Exporter[RecordOptions]):
    name = "json"
    description = "The platform's own records, untouched, in one JSON file."
    version = 2
    is_entrywise = True
    holds = Holds()
    options = RecordOptions

    def convert(self, item: Item, shard: Shard[RecordOptions]) -> None:
        entry = item.entry
        line = b'{"entry":%b,"annotations":[%b],"medias":[%b],"files":%b}' % (
            _record(entry),
            b",".join(map(_record, entry.annotations)),
            b",".join(map(_record, entry.medias)),
            orjson.dumps(item.files),
        )
        shard.append("entries", line, SEPARATOR)
        shard.keep(item.annotations)

    def assemble(self, package: Assembly[RecordOptions]) -> None:
        segments: list[Segment] = [b'{"datasets":[']
        for index, dataset in enumerate(package.datasets):
            segments += [b"," if index else b"", b'{"dataset":', _record(dataset), b',"entries":[\n']
            segments += joined(package.pieces("entries", dataset=index), SEPARATOR)
            segments.append(b"\n]}")
        package.file("export.json", [*segments, b"]}\n"])


def _record(one: Recorded) -> bytes:
    return encode(one) if one.raw == EMPTY else bytes(one.raw)
