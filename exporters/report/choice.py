"""Which entries are shown: a dozen on the sheet, and of the most frequent classes a few objects each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from exporters.report.figures import SHOWN, Figures, Pick

CLASSES_SHOWN = 30
"""With objects of theirs."""
ENTRIES_SHOWN = 40
"""At most so many pictures are opened."""


class Choice(NamedTuple):
    """`wanted` has all entries to be opened, each with the classes that an object of it stands for."""

    on_sheet: list[Pick]
    wanted: dict[Pick, list[str]]


def choose(figures: Figures, counts: Mapping[str, int]) -> Choice:
    """`counts` has the classes, the most frequent first; an entry that is opened serves for as many as it can."""
    on_sheet = [*figures.annotated, *figures.bare][:SHOWN]
    wanted: dict[Pick, list[str]] = {pick: [] for pick in on_sheet}
    frequent = [key for key, count in counts.items() if count][:CLASSES_SHOWN]
    picks = {key: figures.of_class.get(key, []) for key in frequent}
    for turn in range(max(map(len, picks.values()), default=0)):
        for key, of_class in picks.items():
            if turn < len(of_class) and (of_class[turn] in wanted or len(wanted) < ENTRIES_SHOWN):
                wanted.setdefault(of_class[turn], []).append(key)
    return Choice(on_sheet, wanted)
