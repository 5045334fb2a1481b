"""What a contextual exporter is given: the datasets of the export, where to write, how to report.

    context.datasets ──▶ dataset.entries(filter) ──▶ entry.annotations(filter), entry.medias(filter)

Everything is read when it is asked for, one entry at a time, from what the run has fetched: iterating twice costs time,
never memory.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from pydantic import BaseModel

from exporters.contextual.books import Books, Place
from exporters.contextual.io import IoContext
from exporters.contextual.passage import Passage
from exporters.contextual.signals import Ended, Failed, Rescheduled
from exporters.contextual.source import Counts, RecordSource
from exporters.contextual.views import DatasetContext
from exporters.errors import FatalError
from exporters.tally import Tally

FIRST_WAIT_SECONDS = 10.0
NOTHING: Mapping[str, str] = MappingProxyType({})


class OptionsView(Mapping[str, Any]):
    """The exporter's options, by attribute as its model has them, or by name as a mapping. `model` is the model.

    The mapping lists what belongs into a manifest; an option that has the name of a method of a mapping is reached by
    `[]`.
    """

    def __init__(self, model: BaseModel) -> None:
        self.model = model

    def __getattr__(self, name: str) -> Any:
        if name == "model" or name.startswith("__"):  # asked for while a copy is made, before there is a model
            raise AttributeError(name)
        return getattr(self.model, name)

    def __getitem__(self, name: str) -> Any:
        if name not in type(self.model).model_fields:
            raise KeyError(f"The options of this exporter have no {name!r}; declare it in its model.")
        return getattr(self.model, name)

    def __iter__(self) -> Iterator[str]:
        return (name for name, field in type(self.model).model_fields.items() if not field.exclude)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Context:
    """One run of one exporter.

    Args:
        source: where the entries are.
        options: the exporter's, validated.
        io: where it writes.
        log: where `context.log` goes; the standard `logging` of the exporter's own modules goes the same way.
        report: told how far the run is, from 0 to 1, whenever it has moved.
        skips_faults: whether the run goes on without entries that something is wrong with.
        origin: who the entries come from, in the words of the manifest.
        secrets: what the exporter is given beside its options, by name, and nobody else is.
    """

    def __init__(
        self,
        source: RecordSource,
        options: BaseModel,
        io: IoContext,
        *,
        log: logging.Logger,
        report: Callable[[float], None] = lambda _fraction: None,
        skips_faults: bool = False,
        origin: Mapping[str, str] = NOTHING,
        secrets: Mapping[str, str] = NOTHING,
    ) -> None:
        self.origin = origin
        self.secrets = secrets
        self.options = OptionsView(options)
        self.io = io
        self.log = log
        self._source = source
        self._report = report
        self._starts = _starts(source)
        total = self._starts.pop()
        self._passage = Passage(source, Books(total), log, self._passed, skips_faults=skips_faults)
        self._total_entries = total.entries
        self._furthest = 0
        self._progress = 0.0
        self._is_set_by_hand = False
        self._ended: Ended | None = None

    @property
    def dataset_ids(self) -> list[str]:
        return [dataset.id for dataset in self._source.datasets]

    @property
    def datasets(self) -> Iterator[DatasetContext]:
        """The datasets, one at a time; each time this is asked for, from the first."""
        for dataset, start in zip(self._source.datasets, self._starts, strict=True):
            place = Place(start.entries, start.annotations, start.medias)
            yield DatasetContext(dataset, place, self._passage)

    @property
    def progress(self) -> float:
        """How far the export is, from 0 to 1. Follows the entries that are read, until it is set by hand."""
        return self._progress

    @progress.setter
    def progress(self, fraction: Any) -> None:
        if not isinstance(fraction, int | float) or not 0 <= fraction <= 1:
            raise FatalError(f"context.progress is a number from 0 to 1, not {fraction!r}; set the share that is done.")
        self._is_set_by_hand = True
        self._move(float(fraction))

    def error(self, message: object) -> NoReturn:
        """End the export as failed, for this reason. Does not return; `except Exception` does not catch it."""
        self._ended = Failed(str(message))
        raise self._ended

    def reschedule(self, after: Any = FIRST_WAIT_SECONDS) -> NoReturn:
        """End this attempt, and try the export again after so many seconds, from the beginning; no failure counts."""
        if not isinstance(after, int | float) or not 0 <= after < math.inf:
            raise FatalError(
                f"context.reschedule(after=...) takes a number of seconds, not {after!r}; give one, such as 60."
            )
        self._ended = Rescheduled(float(after))
        raise self._ended

    def finish(self) -> Path | None:
        """What the exporter wrote: a file, a directory, or None. Called by whoever ran it, when it has returned.

        Raises:
            Ended: it had ended its attempt before, and then caught what must not be caught.
        """
        if self._ended:
            raise self._ended
        return self.io.finish()

    def change(self, what: str, count: int = 1) -> None:
        """So many annotations are written, but not as they came: say what was done to them."""
        self._passage.books.change(what, count)

    def tally(self) -> Tally:
        """The books: what came in, what the exporter was given, what was left out and why."""
        return self._passage.books.tally()

    def _passed(self, entries: int) -> None:
        """So many entries from the first on have been looked at by now."""
        self._furthest = max(self._furthest, entries)
        if not self._is_set_by_hand and self._total_entries:
            self._move(self._furthest / self._total_entries)

    def _move(self, fraction: float) -> None:
        if fraction != self._progress:
            self._progress = fraction
            self._report(fraction)


def _starts(source: RecordSource) -> list[Counts]:
    """How many of each kind come before each dataset, and, last, how many there are."""
    starts = [Counts()]
    for dataset in source.datasets:
        starts.append(starts[-1] + source.counts(dataset))
    return starts
