"""A plan: what a request comes to, cut into shards, of which some may have been read before.

Small, frozen, JSON, as results are (`flows.results`). Paths are relative to the workspace.
"""

from __future__ import annotations

from typing import Any

import exporters
from exporters.plugins import AnyExporter
from flows.request import Frozen, Request

ONE_IN = 10
"""Of so many entries of a shard one may be read anew, no more, for it to be little changed."""


class Former(Frozen):
    """A shard as an earlier run has read it, of the same listing.

    `ledger` has a line for each entry, in their order: see `flows.ledger`. So has `path`, or, where there are
    `pieces`, it says which of their lines are its entries: see `flows.pieces`.
    """

    listing: str
    path: str
    sha256: str
    ledger: str
    entries: int
    annotations: int
    medias: int
    pieces: tuple[str, ...] = ()


class ShardPlan(Frozen):
    """A run of consecutive entries of one dataset; `listing` says which.

    Those that have not changed since they were read are taken from there: `kept` says in stretches, for the lines of
    the listing, which of the `formers` has them and where, or that they are to be read. Empty: nothing was kept.
    """

    index: int
    label: str
    dataset_index: int
    listing: str
    entries: int
    kept: str = ""
    formers: tuple[Former, ...] = ()
    fresh: int = 0
    """Entries that are to be read."""

    @property
    def is_unchanged(self) -> bool:
        """Whether it is just what was read before, nothing less and nothing more."""
        return len(self.formers) == 1 and not self.fresh and self.entries == self.formers[0].entries

    @property
    def is_little_changed(self) -> bool:
        """Whether all but a few of its entries are taken over."""
        return bool(self.kept) and self.fresh * ONE_IN <= self.entries


class Plan(Frozen):
    request: Request
    name: str
    source: dict[str, str]
    datasets: str
    """Where the datasets with their ontologies are kept, one a line."""
    dataset_ids: tuple[str, ...] = ()
    options: dict[str, Any]
    """The exporter's options, with their defaults."""
    options_digest: str = ""
    """Of their true values, also of those that `options` shows as stars or not at all; means nothing elsewhere."""
    code_digest: str = ""
    """Of the plug-in that the exporter comes from; empty for built-in formats."""
    signed_by: str = ""
    """A digest of the certificate that signs; empty where nothing is signed."""
    where: dict[str, list[str]]
    """The filters, sorted: the same ones however they were spelt."""
    shards: tuple[ShardPlan, ...]
    warnings: tuple[str, ...] = ()
    workspace_id: str = ""
    since: str | None = None
    """Of a delta: the export that it tells the changes since; empty for the first one."""
    tells_changes: bool = False
    """Whether the source does: what it says need not be read then is remembered for the next run."""
    headway: str = ""
    """Where tasks of other processes keep what is done of their batches; empty where all are of one process."""

    @property
    def entries(self) -> int:
        return sum(shard.entries for shard in self.shards)

    @property
    def fresh(self) -> int:
        """Entries that are to be read; what an earlier run has read of the others still holds."""
        return sum(shard.fresh for shard in self.shards)

    @property
    def exporter_facts(self) -> list[Any]:
        """Which exporter, of which code, with which options: what its work depends on beside what it is given."""
        return [self.request.exporter, self.exporter().version, self.code_digest, self.options_digest, self.signed_by]

    def of_tasks(self) -> Plan:
        """What tasks that are given shards of their own have to know of it: all but the shards."""
        return self.model_copy(update={"shards": ()})

    def exporter_options(self) -> Any:
        """The exporter's options, as its own model has them."""
        return exporters.read_options(self.exporter(), self.request.options)

    def exporter(self) -> AnyExporter:
        """The exporter, made of the code that this was planned with. Raises FatalError where that is not to be had."""
        return exporters.registry.get_as_planned(self.request.exporter, self.code_digest)
