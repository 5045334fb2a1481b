"""What came in, what went out, and what was left out and why: the numbers every export is reconciled by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from exporters.errors import FatalError

Kind = Literal["entries", "annotations", "medias"]
_Key = TypeVar("_Key", bound=str)
KINDS: tuple[Kind, ...] = ("entries", "annotations", "medias")

MAX_EXAMPLES = 5
"""Ids kept for each reason, so that a person can look one up."""


class LeftOut(BaseModel):
    """Things of one kind that were left out for one reason.

    `is_fault`: something went wrong with them (`--on-error skip` let the export go on); otherwise a rule of the format
    or an option says so.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    reason: str
    count: int
    is_fault: bool = False
    examples: tuple[str, ...] = ()


class Tally(BaseModel):
    """Counts of one shard, or of all of them together."""

    model_config = ConfigDict(frozen=True)

    came_in: dict[Kind, int] = Field(default_factory=dict)
    went_out: dict[Kind, int] = Field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()
    changed: dict[str, int] = Field(default_factory=dict)
    """Annotations that were written, but not as they came, by what was done to them."""
    by_category: dict[str, int] = Field(default_factory=dict)
    """Annotations that went out, by category id."""
    by_shape: dict[str, int] = Field(default_factory=dict)

    def left_out_count(self, kind: Kind) -> int:
        return sum(left.count for left in self.left_out if left.kind == kind)

    @property
    def has_faults(self) -> bool:
        return any(left.is_fault for left in self.left_out)

    def check(self, what: str) -> None:
        """Raise when something came in that neither went out nor was left out with a reason, or the other way round."""
        for kind in KINDS:
            came_in, went_out, left_out = (
                self.came_in.get(kind, 0),
                self.went_out.get(kind, 0),
                self.left_out_count(kind),
            )
            if came_in != went_out + left_out:
                raise FatalError(
                    f"The {kind} of {what} do not add up: {came_in} came in, {went_out} went out and {left_out} were "
                    f"left out with a reason. Nothing was delivered; please report this as a fault of the exporter."
                )


class Counters:
    """A tally in the making."""

    def __init__(self) -> None:
        self.came_in: Counter[Kind] = Counter()
        self.went_out: Counter[Kind] = Counter()
        self.changed: Counter[str] = Counter()
        self.by_category: Counter[str] = Counter()
        self.by_shape: Counter[str] = Counter()
        self._left_out: dict[tuple[Kind, str, bool], tuple[int, tuple[str, ...]]] = {}

    def leave_out(
        self, kind: Kind, reason: str, ids: Iterable[str], *, count: int | None = None, is_fault: bool = False
    ) -> None:
        """Count things left out: as many as there are `ids`, or `count` when only examples are at hand."""
        given = tuple(ids)
        key = (kind, reason, is_fault)
        before, examples = self._left_out.get(key, (0, ()))
        added = len(given) if count is None else count
        if added:
            self._left_out[key] = (before + added, (*examples, *given)[:MAX_EXAMPLES])

    def tally(self) -> Tally:
        return Tally(
            came_in=_sorted(self.came_in),
            went_out=_sorted(self.went_out),
            left_out=tuple(
                LeftOut(kind=kind, reason=reason, count=count, is_fault=is_fault, examples=examples)
                for (kind, reason, is_fault), (count, examples) in sorted(self._left_out.items())
            ),
            changed=_sorted(self.changed),
            by_category=_sorted(self.by_category),
            by_shape=_sorted(self.by_shape),
        )


def total(tallies: Iterable[Tally]) -> Tally:
    """The sum of tallies, examples from the first ones."""
    counters = Counters()
    for tally in tallies:
        counters.came_in.update(tally.came_in)
        counters.went_out.update(tally.went_out)
        counters.changed.update(tally.changed)
        counters.by_category.update(tally.by_category)
        counters.by_shape.update(tally.by_shape)
        for left in tally.left_out:
            counters.leave_out(left.kind, left.reason, left.examples, count=left.count, is_fault=left.is_fault)
    return counters.tally()


def _sorted(counter: Counter[_Key]) -> dict[_Key, int]:
    return {key: counter[key] for key in sorted(counter) if counter[key]}
