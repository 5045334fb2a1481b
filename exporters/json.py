"""`json`: the platform's own records, untouched, in one file. Nothing is left out, whatever its shape.

    {"datasets": [{"dataset": {...}, "entries": [
    {"entry": {...}, "annotations": [{...}], "medias": [{...}], "files": {"<media id>": "images/a.jpg"}}
    ]}]}

Each `{...}` is a record as the platform sent it: the same keys in the same order, the same numbers to the last digit.
`files` says where in the package the bytes of a media lie. One entry a line, so that the file can be read as a stream.
"""

from __future__ import annotations

import orjson

from exporters.base import Assembly, Exporter, Item, NoOptions, Segment, joined
from exporters.holds import Holds
from exporters.shard import Shard

SEPARATOR = b",\n"


class JsonExporter(Exporter[NoOptions]):
    name = "json"
    description = "The platform's own records, untouched, in one JSON file."
    version = 1
    holds = Holds()
    options = NoOptions

    def convert(self, item: Item, shard: Shard[NoOptions]) -> None:
        entry = item.entry
        line = b'{"entry":%b,"annotations":[%b],"medias":[%b],"files":%b}' % (
            bytes(entry.raw),
            b",".join(bytes(annotation.raw) for annotation in entry.annotations),
            b",".join(bytes(media.raw) for media in entry.medias),
            orjson.dumps(item.files),
        )
        shard.append("entries", line, SEPARATOR)
        shard.keep(entry.annotations)

    def assemble(self, package: Assembly[NoOptions]) -> None:
        segments: list[Segment] = [b'{"datasets":[']
        for index, dataset in enumerate(package.datasets):
            segments += [b"," if index else b"", b'{"dataset":', bytes(dataset.raw), b',"entries":[\n']
            segments += joined(package.pieces("entries", dataset=index), SEPARATOR)
            segments.append(b"\n]}")
        package.file("export.json", [*segments, b"]}\n"])
