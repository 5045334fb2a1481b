"""A listing read whole, though the platform has pages only, and rows come and go between two of them.

A page is a run of neighbouring rows at one moment. Each page is asked for so that it begins before the end of the one
in front of it: if it brings a row that is known, no row that stayed can lie between the two. If it does not, rows in
front of it have gone and all the others have moved up; then it is asked for again, from further in front.

So every row that was there from the first request to the last is read. One that came or went meanwhile may or may not
be, and after many came, a row may be read twice: whoever reads keeps them by their ids.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple

from blocks import http
from blocks.idah_client import IdahClient, Query, Resource
from exporters.errors import RetriableError

PAGES_AT_ONCE = 4
RECENT_PAGES = 3
"""As many pages' ids are remembered, to know a row again."""
OVERLAP_GROWTH = 16
MOST_STALE_PAGES = 4 * RECENT_PAGES
"""Pages in a row that bring nothing new: after many deletions, a few do."""
MOST_ROWS = 10_000_000
"""Of a listing of which nobody says how long it is."""
MOST_NEW_ROWS = 1_000_000
"""That may come while one is read of which it is known, beside as many again as there were."""


class Window(NamedTuple):
    """A page that can be asked for: the `number`-th (from 1) of so many pages of `size` rows."""

    number: int
    size: int

    @property
    def start(self) -> int:
        return (self.number - 1) * self.size

    @property
    def end(self) -> int:
        return self.number * self.size


def window(offset: int, most: int) -> Window:
    """The page that reaches furthest of those that begin at a row from 0, or in front of it, of `most` rows or fewer.

    A page begins at a multiple of its size. So sizes a little smaller than the largest give pages that overlap.
    """
    sizes = range(most, most // 2, -1)
    return max((Window(offset // size + 1, size) for size in sizes), key=lambda one: (one.end, one.start))


async def read_listing(
    client: IdahClient, path: str, query: Query, *, expected: int | None = None, most: int | None = None
) -> AsyncIterator[list[Resource]]:
    """The rows of a listing, page by page.

    Args:
        client: of the platform.
        path: of the listing.
        query: its filters, no order: rows come by their primary key.
        expected: about how many rows there are; several pages can then be asked for at once.
        most: rows in a page; None: the platform's largest.

    Raises:
        RetriableError: so many rows went at once that the place could not be found again; or the pages lead nowhere.
    """
    most = min(most or client.page_rows, client.page_rows)
    recent: deque[str] = deque(maxlen=RECENT_PAGES * most)
    known: set[str] = set()
    position, overlap, ahead = 0, 1, 1
    read, stale = 0, 0
    while True:
        windows = list(_ahead(max(position - overlap, 0), most, ahead, expected))
        pages = await http.together(*(client.page(path, query, number=one.number, size=one.size) for one in windows))
        for one, rows in zip(windows, pages, strict=True):
            if one.start and not any(row.id in known for row in rows):
                overlap = _wider(overlap, most, path)
                break
            fresh = [row for row in rows if row.id not in known]
            yield fresh
            read, stale = read + len(fresh), 0 if fresh else stale + 1
            _check_end(path, read, stale, expected)
            position, overlap = one.start + len(rows), 1
            if len(rows) < min(one.size, client.page_rows):
                return
            recent.extend(row.id for row in fresh)
            known = set(recent)
            if client.page_rows < most:  # the platform gives less than was asked for: ask for that from here on
                most = client.page_rows
                break
        else:
            ahead = min(ahead + 1, PAGES_AT_ONCE)


def _ahead(offset: int, most: int, pages: int, expected: int | None) -> Iterable[Window]:
    """The next pages to ask for together: not many where nobody knows how far the listing goes."""
    for _ in range(pages if expected is None else PAGES_AT_ONCE):
        one = window(offset, most)
        yield one
        if expected is not None and one.end > expected:
            return
        offset = one.end - 1


def _check_end(path: str, read: int, stale: int, expected: int | None) -> None:
    """A platform that counts wrongly, or gives the same rows again and again, is not asked for ever."""
    if stale > MOST_STALE_PAGES or read > (MOST_ROWS if expected is None else 2 * expected + MOST_NEW_ROWS):
        raise RetriableError(
            f"The listing of {path} does not come to an end: {read} rows were read, and its pages go on; try again "
            f"later, and report it if it stays so."
        )


def _wider(overlap: int, most: int, path: str) -> int:
    if overlap >= (RECENT_PAGES - 1) * most:
        raise RetriableError(f"Too many rows of {path} were deleted while they were listed; try again later.")
    return min(overlap * OVERLAP_GROWTH, (RECENT_PAGES - 1) * most)
