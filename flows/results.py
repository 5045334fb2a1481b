"""What tasks hand to each other: references into the workspace with counts, never data.

Small, frozen, JSON: they persist in any result storage, and a worker on another machine can go on with them. Paths are
relative to the workspace.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

import exporters
from exporters.plugins import AnyExporter
from exporters.shard import MediaChoice
from exporters.tally import Tally

PackageKind = Literal["zip", "tar", "directory"]
ErrorPolicy = Literal["fail", "skip"]


ONE_IN = 10
"""Of so many entries of a shard one may be read anew, no more, for it to be little changed."""


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Request(Frozen):
    """What was asked for."""

    datasets: tuple[str, ...] = ()
    exporter: str = "coco"
    options: dict[str, Any] = Field(default_factory=dict)
    where: tuple[str, ...] = ()
    sort: str = ""
    media: MediaChoice = "original"
    package: PackageKind = "zip"
    on_error: ErrorPolicy = "fail"
    strict: bool = False
    name: str = ""
    full: bool = False
    delta: bool = False
    shard_entries: int = Field(default=1000, ge=1)
    report: bool = True

    def parameters(self) -> dict[str, Any]:
        """It as parameters of the export flow, which takes lists."""
        return {**self.model_dump(), "datasets": list(self.datasets), "where": list(self.where)}


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


class FetchedShard(Frozen):
    shard: ShardPlan
    path: str
    """Where its records are kept, or, of `pieces`, which of their lines they are."""
    sha256: str
    index: str
    """Where its `ShardIndex` is kept."""
    ledger: str
    entries: int
    annotations: int
    medias: int
    pieces: tuple[str, ...] = ()
    """Where its records lie, if it was not written whole; the last one has those that were read, if any was."""
    kept: str = ""
    """Where it is kept which of its entries were taken from which former shard; empty where none was, or all were."""
    withdrawn: Tally = Tally()
    """Of the entries that were listed, but had gone when they were to be read."""

    def as_former(self) -> Former:
        return Former(
            listing=self.shard.listing, path=self.path, sha256=self.sha256, ledger=self.ledger,
            entries=self.entries, annotations=self.annotations, medias=self.medias, pieces=self.pieces,
        )  # fmt: skip


class FetchedMedia(Frozen):
    """The media of one shard, all in the store; `path` says which file is whose."""

    path: str
    sha256: str
    bytes: int = 0
    downloaded: int = 0


class Part(Frozen):
    """A run of bytes of a file in the workspace."""

    path: str
    offset: int = 0
    size: int
    sha256: str


class ConvertedShard(Frozen):
    """What became of a shard's content. Knows nothing of the request, so that another request can use it too."""

    parts: dict[str, Part]
    members: str
    """Where the list of files that it brings into the package is kept, media among them: a `Member` a line."""
    contents: str
    """Where its entries are described, as in `flows.contents`."""
    tally: Tally
    remembered: tuple[str, ...] = ()
    """Where it is kept what became of its entries one by one, as in `flows.converted`."""


class Package(Frozen):
    """What a package consists of: an index of its files, whose bytes lie in the workspace."""

    export_id: str
    index: str
    contents: str
    files: int
    bytes: int
    tally: Tally
    classes: tuple[dict[str, Any], ...]
    ids: dict[str, str]
    removed: tuple[dict[str, str], ...] = ()
    """Of a delta: the entries that are gone."""


class Preview(Frozen):
    """What a person sees of a package: a page to lie beside it, and a sheet of samples, a JPEG; both in the workspace.

    `sheet` is empty where there is nothing to be seen; `kept` is where it is kept what was counted and drawn for it.
    """

    path: str
    size: int
    sha256: str
    sheet: str = ""
    kept: tuple[str, ...] = ()


class Changes(Frozen):
    """What became of the entries since an earlier export; `annotations`, by class, before and now."""

    since: str
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    annotations: dict[str, tuple[int, int]] = Field(default_factory=dict)


class Records(Frozen):
    """What became of the records of an export that were sent to an API; all in all, by this run and those before."""

    to: str
    records: int
    accepted: int
    refused: int
    refused_file: str = ""
    """Where those that were refused are kept with the answers."""


class Delivery(Frozen):
    """What lies at the target now, and what was moved for it.

    `was_there`: it lay there already, and nothing was moved; an export without files moves none either.
    """

    export_id: str
    url: str
    package: str
    package_bytes: int
    package_sha256: str
    moved_files: int
    moved_bytes: int
    link: str
    was_there: bool
    changes: Changes | None = None
    """Since the export that was the newest of this name before; None when there was none."""
    records: Records | None = None
    """Where they were sent to an API; `link` is the receipt then."""
    report: str = ""
    """Where a person finds the report; empty where there is none."""


class Undelivered(Frozen):
    """A target that did not get the export, and why."""

    to: str
    reason: str


class Summary(Frozen):
    """The outcome of a run, as it is printed, returned and put into the artifacts."""

    plan: Plan
    tally: Tally
    deliveries: tuple[Delivery, ...]
    """Of each target that has the export, in the order in which they were given."""
    undelivered: tuple[Undelivered, ...] = ()
    downloaded_files: int
    media_bytes: int
    by_class: dict[str, int] = Field(default_factory=dict)
    """Annotations that went out, by the name of their class, the most frequent first."""
    contents: str = ""
    """Where its entries are described, as in `flows.contents`."""
    preview: Preview | None = None
    seconds: dict[str, float] = Field(default_factory=dict)
    """What each step took by the clock of the run, in their order."""

    @property
    def delivery(self) -> Delivery:
        """The first of them."""
        return self.deliveries[0]

    @property
    def changes(self) -> list[Changes]:
        """Since each of the exports that were the newest ones at the targets."""
        return list({one.changes.since: one.changes for one in self.deliveries if one.changes}.values())

    @property
    def has_faults(self) -> bool:
        """Whether something that is at fault was left out on the way, or refused at the end."""
        return self.tally.has_faults or any(one.records and one.records.refused for one in self.deliveries)
