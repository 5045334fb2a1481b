"""What a report counts of shards. Kept in the workspace: a shard that was counted once is not read again for it.

Where a source tells what changes, it is kept of single entries too, and of a shard that has changed only those are
read that are new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import repeat
from typing import Any

import msgspec

from blocks.store import Store
from exporters.foreign_json import UNREADABLE
from exporters.model import decode_entry
from exporters.report.figures import Counted, Figures, counted
from exporters.report.legend import Legend
from exporters.report.written import Writing
from exporters.version import version_of
from flows.contents import decode_line
from flows.converted import told_to_entries
from flows.delta import load_baseline
from flows.entry_lines import EntryLines
from flows.outcomes import EntryFiles, load_outcomes
from flows.pieces import Records
from flows.planned import Plan
from flows.policy import digest
from flows.preview_shards import ShownShard
from flows.stretches import which_are_fresh

FIGURES = "figures"
"""The folder of what was counted of shards."""
COUNTED = "counted"
"""Of single entries."""

_decode_counted = msgspec.json.Decoder(Counted | None).decode
_decode_figures = msgspec.json.Decoder(Figures).decode


class Counting:
    """Of the shards of one export, one after the other. Holds one entry at a time."""

    def __init__(self, plan: Plan, legend: Legend, store: Store) -> None:
        self._plan, self._legend, self._store = plan, legend, store

    def count(self, shard: ShownShard) -> tuple[Figures, list[str]]:
        """The figures of a shard, and where they are kept."""
        placement, files = shard.load_placement(self._store), EntryFiles()
        told: list[Any] = [*self._plan.exporter_facts, self._plan.request.media, self._legend.classes]
        if placement:
            told += told_to_entries(self._plan, placement, shard.dataset)
        known = [shard.fetched.sha256, shard.media and shard.media.sha256, shard.baseline]
        path = f"{FIGURES}/{digest(version_of('outhaul'), *known, *told)}"
        storage = self._store.storage
        if storage.exists(path):
            try:
                return _decode_figures(storage.read(path)), [path]
            except UNREADABLE:  # of another version
                pass
        figures, kept = Figures(), [path]
        writing = shard.writing(placement, files, self._plan)
        if self._plan.tells_changes and not shard.baseline:
            lines = EntryLines(COUNTED, shard.fetched, shard.media, told, self._store)
            kept += lines.keep(self._each(shard, writing, files, digest(*told), figures, lines))
        else:
            for _ in self._each(shard, writing, files, digest(*told), figures):
                pass
        storage.write(path, [msgspec.json.encode(figures)], durable=False)
        return figures, kept

    def _each(
        self,
        shard: ShownShard,
        writing: Writing,
        files: EntryFiles,
        told: str,
        figures: Figures,
        remembered: EntryLines | None = None,
    ) -> Iterator[bytes]:
        """Count all entries of a shard; yields for each the line that remembers it."""
        fetched = shard.fetched
        before = load_baseline(shard.baseline, self._store)
        contents = self._store.load_lines(shard.contents) if before else repeat(b"", fetched.entries)
        outcomes = load_outcomes(shard.media, fetched.entries, self._store)
        records = Records(fetched, self._store)
        entries = zip(which_are_fresh(fetched, self._store), outcomes, contents, strict=True)
        for at, (is_fresh, of_media, described) in enumerate(entries):
            line = remembered.next() if remembered else None
            if line is None:
                record = records.get(at, is_fresh=is_fresh)
                entry = decode_entry(record)
                files.of(of_media)
                is_as_before = before and before.get(entry.id) == decode_line(described).sha256
                written = None if is_as_before else writing.of(entry)
                content = hashlib.blake2b(b"\n".join((told.encode(), record, of_media)), digest_size=16).hexdigest()
                line = msgspec.json.encode(counted(*written, self._legend, content) if written else None)
            if one := _decode_counted(line):
                figures.count(one, at)
            yield line
        records.finish()
