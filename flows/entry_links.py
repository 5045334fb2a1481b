"""Links from what was left out back to the platform, where the source can make them."""

from __future__ import annotations

from blocks.catalog import AnySource
from blocks.store import Store
from exporters.tally import LeftOut
from flows.contents import decode_line
from flows.delivered import Summary


class EntryLinks:
    """Those of the entries that the books of an export name; false where the source makes none."""

    def __init__(self, summary: Summary, source: AnySource, store: Store) -> None:
        self._source = source
        wanted = {one for left in summary.tally.left_out if left.kind == "entries" for one in left.examples}
        self._datasets = _datasets_of(wanted, summary, store) if wanted and source.entry_url("-", "-") else {}

    def __bool__(self) -> bool:
        return bool(self._datasets)

    def of(self, left: LeftOut) -> dict[str, str]:
        """Addresses of the examples by their ids."""
        known = self._datasets if left.kind == "entries" else {}
        found = {one: self._source.entry_url(known[one], one) for one in left.examples if one in known}
        return {one: address for one, address in found.items() if address}


def _datasets_of(entries: set[str], summary: Summary, store: Store) -> dict[str, str]:
    """The dataset of each of these entries; of several datasets, what the export is of says which. Reads along."""
    ids = summary.plan.dataset_ids
    if len(ids) == 1:
        return dict.fromkeys(entries, ids[0])
    if not summary.contents or not store.storage.exists(summary.contents):
        return {}
    lines = map(decode_line, store.load_lines(summary.contents))
    return {line.entry: line.dataset for line in lines if line.entry in entries}
