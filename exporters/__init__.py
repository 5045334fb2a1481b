"""What is written: the record model, the exporter contract, and one module a format.

Pure Python: nothing here imports Prefect, a network client, or a storage library.
"""

from exporters.assembly import Assembly
from exporters.base import BaseExporter, Exporter
from exporters.errors import FatalError, OuthaulError, RequestError, RetriableError, SkippableError
from exporters.formats import BUILTIN, FAMILIES
from exporters.holds import Holds
from exporters.item import Item
from exporters.options import ExporterOptions, NoOptions
from exporters.registry import Registry, read_options
from exporters.shard import Shard

registry = Registry(BUILTIN, FAMILIES)

__all__ = [
    "BUILTIN",
    "Assembly",
    "BaseExporter",
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
