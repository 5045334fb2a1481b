"""What a contextual exporter was given, kept apart from what it says: the numbers that its run is reconciled by.

Entries, annotations and medias are numbered in the order of the source, so that a byte for each is all there is to
remember, however often and in whatever order an exporter reads them.
"""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass

from exporters.contextual.source import Counts
from exporters.converted import ENTRY_LEFT_OUT
from exporters.model import Annotation, Entry, shape_name
from exporters.shard import DERIVED_NOT_ASKED_FOR, MEDIA_NOT_ASKED_FOR
from exporters.tally import KINDS, MAX_EXAMPLES, Counters, Kind, Tally

NOT_READ = "the exporter did not read it"
FILTERED = "a filter of the exporter excludes it"
OTHER = "for another reason, see the log of the run"

OURS = (ENTRY_LEFT_OUT, MEDIA_NOT_ASKED_FOR, DERIVED_NOT_ASKED_FOR)

MAX_REASONS = 100
"""Reasons that differ for every entry are no reasons to count by."""
MAX_REASON_LENGTH = 200

UNREAD, EXCLUDED, GIVEN, LEFT_OUT = range(4)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry, its first annotation and its first media stand in the order of the source."""

    entry: int
    annotation: int
    media: int

    def after(self, entry: Entry) -> Place:
        """The place of the next entry."""
        return Place(self.entry + 1, self.annotation + len(entry.annotations), self.media + len(entry.medias))


class Books:
    def __init__(self, totals: Counts) -> None:
        self._states: dict[Kind, bytearray] = {kind: bytearray(getattr(totals, kind)) for kind in KINDS}
        self._counters = Counters()
        self._excluded: dict[Kind, list[tuple[int, str]]] = {kind: [] for kind in KINDS}
        self._reasons: set[str] = set()

    def give(self, kind: Kind, number: int, annotation: Annotation | None = None) -> None:
        """The exporter gets this one; said twice, it still is one."""
        states = self._states[kind]
        if states[number] in (UNREAD, EXCLUDED):
            states[number] = GIVEN
            if annotation:
                self._count(annotation, 1)

    def exclude(self, kind: Kind, number: int, name: str) -> None:
        """A filter keeps this one from the exporter, unless it gets it another time."""
        states = self._states[kind]
        if states[number] == UNREAD:
            states[number] = EXCLUDED
            if len(self._excluded[kind]) < 2 * MAX_EXAMPLES:
                self._excluded[kind].append((number, name))

    def leave_out(
        self,
        kind: Kind,
        number: int,
        name: str,
        reason: str,
        *,
        annotation: Annotation | None = None,
        is_fault: bool = False,
    ) -> None:
        """This one is not part of the export after all. The first reason counts."""
        states = self._states[kind]
        if states[number] == LEFT_OUT:
            return
        if states[number] == GIVEN and annotation:
            self._count(annotation, -1)
        states[number] = LEFT_OUT
        self._counters.leave_out(kind, self._shared(reason), [name], is_fault=is_fault)

    def leave_out_entry(self, entry: Entry, place: Place, reason: str, *, is_fault: bool = False) -> None:
        """An entry goes with all that belongs to it."""
        self.leave_out("entries", place.entry, entry.id, reason, is_fault=is_fault)
        for number, one in enumerate(entry.annotations, place.annotation):
            self.leave_out("annotations", number, one.id, ENTRY_LEFT_OUT, annotation=one, is_fault=is_fault)
        for number, media in enumerate(entry.medias, place.media):
            self.leave_out("medias", number, media.id, ENTRY_LEFT_OUT, is_fault=is_fault)

    def exclude_entry(self, entry: Entry, place: Place) -> None:
        self.exclude("entries", place.entry, entry.id)
        for number, one in enumerate(entry.annotations, place.annotation):
            self.exclude("annotations", number, one.id)
        for number, media in enumerate(entry.medias, place.media):
            self.exclude("medias", number, media.id)

    def change(self, what: str, count: int = 1) -> None:
        """So many annotations are written, but not as they came."""
        self._counters.changed[self._shared(what)] += count

    def tally(self) -> Tally:
        """What came in, what the exporter was given, and why not the rest."""
        counters = copy.deepcopy(self._counters)  # this may be asked several times
        for kind, states in self._states.items():
            counters.came_in[kind] = len(states)
            counters.went_out[kind] = states.count(GIVEN)
            counters.leave_out(kind, NOT_READ, (), count=states.count(UNREAD))
            still = [name for number, name in self._excluded[kind] if states[number] == EXCLUDED]
            counters.leave_out(kind, FILTERED, still[:MAX_EXAMPLES], count=states.count(EXCLUDED))
        return counters.tally()

    def _count(self, annotation: Annotation, count: int) -> None:
        counters = self._counters
        by: tuple[tuple[Counter[str], str], ...] = (
            (counters.by_category, annotation.category_id or ""),
            (counters.by_shape, shape_name(annotation.shape)),
        )
        for counter, name in by:
            counter[name] += count

    def _shared(self, reason: str) -> str:
        if reason in OURS:
            return reason
        reason = " ".join(reason.split())[:MAX_REASON_LENGTH] or OTHER
        if reason not in self._reasons and len(self._reasons) >= MAX_REASONS:
            return OTHER
        self._reasons.add(reason)
        return reason
