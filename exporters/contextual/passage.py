"""What the context of a run and everything that is reached from it have in common."""

from __future__ import annotations

import logging
from collections.abc import Callable

from exporters.contextual.books import Books
from exporters.contextual.source import RecordSource
from exporters.errors import SkippableError


class Passage:
    """One run of one exporter over one source."""

    def __init__(
        self,
        source: RecordSource,
        books: Books,
        log: logging.Logger,
        passed: Callable[[int], None],
        *,
        skips_faults: bool,
    ) -> None:
        """`passed` is told how many entries from the first on have been looked at."""
        self.source = source
        self.books = books
        self.log = log
        self.passed = passed
        self.skips_faults = skips_faults
        self.has_warned_of_size = False

    def refuse_fault(self, entry_id: str, reason: str, detail: str = "") -> None:
        """Raise unless the run goes on without entries that something is wrong with."""
        if not self.skips_faults:
            raise SkippableError(entry_id, reason, detail).refusal()
