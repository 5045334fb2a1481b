"""Listings of IDAH while rows come and go: every row that stayed is read, whatever happens between two pages."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks import idah_client
from blocks.idah_changes import from_line, key_of, to_line
from blocks.idah_client import Resource
from blocks.idah_listing import Window, read_listing, window
from exporters.errors import RetriableError


class Platform:
    """Rows in order of their ids, and pages of them; before each page, something may happen to the rows."""

    def __init__(
        self, rows: Sequence[int], happens: Callable[[Platform, int], None] = lambda _platform, _page: None
    ) -> None:
        self.rows = sorted(rows)
        self.page_rows = idah_client.PAGE_ROWS
        self.asked: list[Window] = []
        self.largest = 10**9
        self._happens = happens

    async def page(self, path: str, query: Any, *, number: int, size: int) -> list[Resource]:
        await asyncio.sleep(0)
        self._happens(self, len(self.asked))
        self.asked.append(Window(number, size))
        cut = min(size, self.largest)
        if cut < size:
            self.page_rows = cut
        start = (number - 1) * cut
        return [Resource(f"{row:09}", {}, msgspec.Raw(b"{}")) for row in self.rows[start : start + cut]]


def read(platform: Any, **options: Any) -> list[int]:
    async def all_pages() -> list[int]:
        return [int(row.id) async for page in read_listing(platform, "rows", [], **options) for row in page]

    return asyncio.run(all_pages())


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idah_client, "PAGE_ROWS", 20)


@pytest.mark.parametrize("count", [0, 1, 19, 20, 21, 38, 39, 40, 41, 199, 1000])
@pytest.mark.parametrize("knows", [True, False])
def test_every_row_once(count: int, knows: bool) -> None:
    """However many rows there are, each comes once, in order, whether their number was known or not."""
    platform = Platform(range(count))
    assert read(platform, expected=count if knows else None) == list(range(count))


def test_the_number_of_pages_is_what_it_has_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Overlapping costs next to nothing, and a short listing is one page."""
    monkeypatch.setattr(idah_client, "PAGE_ROWS", 1000)
    assert len(_asked(999)) == 1
    assert len(_asked(1000)) == 2  # whether that was all, only another page can tell
    assert len(_asked(50_000)) <= 53


def _asked(count: int) -> list[Window]:
    platform = Platform(range(count))
    read(platform, expected=count)
    return platform.asked


@given(offset=st.integers(0, 2_000_000), most=st.sampled_from([10, 20, 100, 1000]))
def test_a_page_for_every_place(offset: int, most: int) -> None:
    """There is a page that holds the row in question, for any place; and, if pages are not tiny, goes on behind it.

    In front of a multiple of all of 6 to 10 there is no page of 10 rows or fewer that does.
    """
    found = window(offset, most)
    assert found.start <= offset < found.end
    assert found.size <= most
    assert most < 100 or offset == 0 or found.end >= offset + 25


@settings(max_examples=200)
@given(st.integers(0, 2**32), st.integers(1, 40), st.booleans())
def test_rows_that_come_and_go(seed: int, per_page: int, knows: bool) -> None:
    """Whatever is inserted and deleted between any two pages, each row that was there all the time is read."""
    chance = random.Random(seed)
    first = range(0, 2000, 4)
    gone: set[int] = set()

    def happens(platform: Platform, _page: int) -> None:
        for _ in range(chance.randint(0, per_page)):
            if chance.random() < 0.5 and platform.rows:
                gone.add(platform.rows.pop(chance.randrange(len(platform.rows))))
            else:
                platform.rows = sorted({*platform.rows, chance.randrange(2000) | 1})

    platform = Platform(first, happens)
    try:
        found = read(platform, expected=len(first) if knows else None)
    except RetriableError:
        return
    assert set(first) - gone <= set(found)


def test_rows_deleted_in_front_are_noticed() -> None:
    """Rows deleted in front of the place make the others move up: the page is asked for again from further in front."""

    def happens(platform: Platform, page: int) -> None:
        if page == 3:
            del platform.rows[:15]

    platform = Platform(range(200), happens)
    assert read(platform) == list(range(200))


def test_a_flood_is_told_from_a_listing() -> None:
    """When more rows vanish at once than are remembered, nobody pretends to know the place: try again."""

    def happens(platform: Platform, page: int) -> None:
        if page == 10:
            del platform.rows[:-3]

    with pytest.raises(RetriableError, match="deleted while they were listed"):
        read(Platform(range(1000), happens))


def test_a_platform_that_gives_less_than_was_asked_for() -> None:
    """A page cut by the platform is not taken for the last one."""
    platform = Platform(range(100))
    platform.largest = 12
    assert sorted(set(read(platform, expected=100))) == list(range(100))


def test_a_row_that_says_nothing_of_itself() -> None:
    """JSON:API lets a record have no attributes: it is listed and read like any other."""
    bare = Resource("e1", {}, msgspec.Raw(b'{"type":"entries","id":"e1"}'))
    line = to_line(bare, datetime.now(UTC))
    assert key_of(line) == "e1"
    assert from_line(line) == bare
