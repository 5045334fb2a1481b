"""Exporters written the contextual way: a class with a name, a description and `export(self, context)`.

What the exporter is given is in `context` and `views`, with the platform's `records` and `filters`; where it writes, in
`io`; what it wrote, as files of a package, in `product`; what it was given, for the sums, in `books`.
"""

from exporters.contextual.context import Context
from exporters.contextual.exporter import ContextualExporter, adapt
from exporters.contextual.io import IoContext
from exporters.contextual.records import Record
from exporters.contextual.source import Counts, Faulty, RecordSource
from exporters.contextual.views import AnnotationContext, DatasetContext, EntryContext, MediaContext

__all__ = [
    "AnnotationContext",
    "Context",
    "ContextualExporter",
    "Counts",
    "DatasetContext",
    "EntryContext",
    "Faulty",
    "IoContext",
    "MediaContext",
    "Record",
    "RecordSource",
    "adapt",
]
