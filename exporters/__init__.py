"""What is written: the record model, the exporter contract, and one module a format.

Pure Python: nothing here imports Prefect, a network client, or a storage library.
"""

from exporters.assembly import Assembly, Piece, Segment, joined
from exporters.base import BaseExporter, Exporter
from exporters.errors import FatalError, OuthaulError, RequestError, RetriableError, SkippableError
from exporters.formats import BUILTIN, FAMILIES
from exporters.holds import Holds
from exporters.item import Item, Placed
from exporters.options import ClassOptions, ExporterOptions, ImageOptions, NoOptions, RecordOptions
from exporters.registry import Registry, read_options
from exporters.shard import Shard

registry = Registry(BUILTIN, FAMILIES)

__all__ = [
    "BUILTIN",
    "Assembly",
    "BaseExporter",
    "ClassOptions",
    "Exporter",
    "ExporterOptions",
    "FatalError",
    "Holds",
    "ImageOptions",
    "Item",
    "NoOptions",
    "OuthaulError",
    "Piece",
    "Placed",
    "RecordOptions",
    "RequestError",
    "RetriableError",
    "Segment",
    "Shard",
    "SkippableError",
    "joined",
    "read_options",
    "registry",
]
