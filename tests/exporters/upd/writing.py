"""UPD files written in tests: what an exporter's process does, at a given place."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from exporters import read_options, registry
from exporters.contextual import Context, ContextualExporter, IoContext
from exporters.model import Dataset, Entry
from exporters.shard import MediaChoice
from exporters.tally import Tally
from tests.conformance.exporters import FetchedEntries, Files
from tests.fakes.datasets import dataset, fetched


def write(
    path: Path,
    entries: Mapping[str, Sequence[Entry]] | Sequence[Entry],
    datasets: Sequence[Dataset] = (),
    *,
    media: MediaChoice = "original",
    files: Files = fetched,
    skips_faults: bool = False,
    origin: Mapping[str, str] | None = None,
    **options: Any,
) -> Tally:
    """Export entries to this file; returns the books."""
    exporter = registry.get("upd")
    assert isinstance(exporter, ContextualExporter)
    chosen = datasets or (dataset(),)
    by_dataset = entries if isinstance(entries, Mapping) else {chosen[0].id: entries}
    with TemporaryDirectory() as folder, closing(IoContext(Path(folder))) as io:
        source = FetchedEntries(chosen, by_dataset, media, files)
        read = read_options(exporter, options)
        log = logging.getLogger("upd")
        context = Context(source, read, io, log=log, skips_faults=skips_faults, origin=origin or {})
        exporter.export(context)
        written = context.finish()
        assert written is not None
        shutil.move(written, path)
    tally = context.tally()
    tally.check("the export")
    return tally
