"""What is written: the record model, the exporter contract, and one module a format.

Pure Python: nothing here imports Prefect, a network client, or a storage library.

The names of this front door are loaded when somebody asks for them: who wants an error need not wait for every format.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exporters.assembly import Assembly, Piece, Segment, joined
    from exporters.base import BaseExporter, Exporter
    from exporters.errors import FatalError, OuthaulError, RequestError, RetriableError, SkippableError
    from exporters.formats import BUILTIN
    from exporters.holds import Holds
    from exporters.item import Item, Placed
    from exporters.options import ClassOptions, ExporterOptions, ImageOptions, NoOptions, RecordOptions
    from exporters.registries import read_options, registry
    from exporters.shard import Shard

_NAMES = {
    "assembly": ("Assembly", "Piece", "Segment", "joined"),
    "base": ("BaseExporter", "Exporter"),
    "errors": ("FatalError", "OuthaulError", "RequestError", "RetriableError", "SkippableError"),
    "formats": ("BUILTIN",),
    "holds": ("Holds",),
    "item": ("Item", "Placed"),
    "options": ("ClassOptions", "ExporterOptions", "ImageOptions", "NoOptions", "RecordOptions"),
    "registries": ("read_options", "registry"),
    "shard": ("Shard",),
}
_HOMES = {name: f"exporters.{module}" for module, names in _NAMES.items() for name in names}

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


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return found
