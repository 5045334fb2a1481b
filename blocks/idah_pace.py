"""How many records of IDAH to ask for at once, learnt from those that came, so that one answer and memory hold them."""

from __future__ import annotations

from collections.abc import Sequence

from blocks import idah_client
from blocks.idah_client import Resource

HELD_BYTES = 32 << 20
"""Of annotations that are held together, and of those that are asked for in one answer."""
FULL_PAGE_SHARE = 0.7
"""Annotations are asked for in lists of entries that should fill this share of a page, so that one page holds them."""
MEMORY_OWNERS = 2000
"""What came of so many before counts for half from then on."""


class Pace:
    """How many records belong to an owner (an entry, a resource), and how large they are; what comes corrects it."""

    def __init__(self, rows: float, row_bytes: float) -> None:
        self._owners, self._rows, self._bytes = 1.0, rows, rows * row_bytes

    def owners(self) -> int:
        """How many to ask about in one request."""
        per_page = FULL_PAGE_SHARE * idah_client.PAGE_ROWS * self._owners / self._rows
        return max(1, int(min(per_page, self.owners_in(HELD_BYTES / 4))))

    def owners_in(self, most_bytes: float) -> float:
        return most_bytes * self._owners / self._bytes

    def page_rows(self) -> int:
        """How many rows to ask for where one owner has more than a page of them."""
        return max(1, min(idah_client.PAGE_ROWS, int(HELD_BYTES / 4 * self._rows / self._bytes)))

    def learn(self, owners: int, rows: Sequence[Resource]) -> None:
        if self._owners > MEMORY_OWNERS:
            self._owners, self._rows, self._bytes = self._owners / 2, self._rows / 2, self._bytes / 2
        self._owners += owners
        self._rows += len(rows)
        self._bytes += sum(len(row.raw) for row in rows)
