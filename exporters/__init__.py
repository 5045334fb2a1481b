"""What is written: the record model, the exporter contract, and one module a format.

Pure Python: nothing here imports Prefect, a network client, or a storage library.
"""

from exporters.base import Assembly, Exporter, ExporterOptions, Item, NoOptions
from exporters.coco import CocoExporter
from exporters.errors import FatalError, OuthaulError, RequestError, RetriableError, SkippableError
from exporters.holds import Holds
from exporters.json import JsonExporter
from exporters.jsonl import JsonlExporter
from exporters.registry import Registry, read_options
from exporters.shard import Shard

BUILTIN = (CocoExporter, JsonExporter, JsonlExporter)
"""Adding a format is an import above and a name here; everything else derives from this list."""

registry = Registry(BUILTIN)

__all__ = [
    "BUILTIN",
    "Assembly",
    "Exporter",
    "ExporterOptions",
    "FatalError",
    "Holds",
    "Item",
    "NoOptions",
    "OuthaulError",
    "RequestError",
    "RetriableError",
    "Shard",
    "SkippableError",
    "read_options",
    "registry",
]
