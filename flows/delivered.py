"""What came of a run: at each target, and all in all."""

from __future__ import annotations

from pydantic import Field

from exporters.tally import Tally
from flows.planned import Plan
from flows.request import Frozen
from flows.results import Preview


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
