"""IDAH while people work: what is exported is what was there, and what has gone is told to have gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from blocks import idah_client, idah_reading
from blocks.idah import IdahSource
from blocks.idah_client import IdahClient
from blocks.idah_reading import DELETED, UNFIT
from blocks.sandbox.idah import DEMO_API_KEY, IdahSandbox
from blocks.source import Withdrawn
from exporters.errors import FatalError, RequestError, RetriableError
from exporters.model import Dataset, Entry
from tests.blocks.samples import ask_idah

FIRST = "00000000-0000-7000-8000-000000000001"


class Platform:
    def __init__(self, sandbox: IdahSandbox, url: str) -> None:
        self.sandbox, self.url, self.store = sandbox, url, sandbox.store
        self.source = IdahSource(url=url, api_key=SecretStr(DEMO_API_KEY))
        self.dataset: Dataset = self.source.dataset(self.store.datasets[0].id)

    def listing(self, **where: list[str]) -> list[bytes]:
        return list(self.source.list_entries(self.dataset, where))

    def read(self, listing: list[bytes], **where: list[str]) -> list[Entry | Withdrawn]:
        return list(self.source.read(self.dataset, listing, "original", where))


@pytest.fixture
def platform() -> Iterator[Platform]:
    sandbox = IdahSandbox(entries=12)
    with sandbox.serve() as url:
        yield Platform(sandbox, url)


@pytest.fixture
def happens(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets something happen after the n-th page of a path was read (from 1)."""

    def register(path: str, number: int, action: Callable[[], Any]) -> None:
        real, read = IdahClient.page, []

        async def page(self: Any, asked: str, query: Any, **options: Any) -> Any:
            rows = await real(self, asked, query, **options)
            if asked == path:
                read.append(asked)
                if len(read) == number:
                    action()
            return rows

        monkeypatch.setattr(IdahClient, "page", page)

    return register


def _ids(listing: list[bytes]) -> list[str]:
    return [orjson.loads(line)["id"] for line in listing]


@pytest.mark.parametrize("filtered", [False, True])
def test_a_deletion_between_two_pages_loses_nobody(
    happens: Callable[..., None], monkeypatch: pytest.MonkeyPatch, filtered: bool
) -> None:
    """Entries that move up because one in front of them was deleted are listed all the same, filtered or not."""
    monkeypatch.setattr(idah_client, "PAGE_ROWS", 10)
    with (sandbox := IdahSandbox(entries=40)).serve() as url:
        platform = Platform(sandbox, url)
        where = {"name__match": ["cam"]} if filtered else {}
        entries = [entry.id for entry in platform.store.entries_of(platform.dataset.id)]
        happens("dataset/entries", 1, lambda: [platform.store.delete_entry(one) for one in entries[:3]])
        assert set(entries[3:]) <= set(_ids(platform.listing(**where)))


def test_an_insertion_between_two_pages_doubles_nobody(
    happens: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries that move down because others came in front of them are listed once."""
    monkeypatch.setattr(idah_client, "PAGE_ROWS", 10)
    with (sandbox := IdahSandbox(entries=40)).serve() as url:
        platform = Platform(sandbox, url)
        happens(
            "dataset/entries", 1, lambda: [platform.store.add_entry(id=f"{FIRST[:-1]}{one}") for one in range(1, 6)]
        )
        listed = _ids(platform.listing())
        assert len(set(listed)) == len(listed)
        assert listed == [row["id"] for row in ask_idah(url, "dataset/entries")]


def test_a_dataset_that_never_rests(platform: Platform, happens: Callable[..., None]) -> None:
    """A dataset whose number of entries is another one whenever it was listed is to be tried again later."""
    for number in range(1, 4):
        happens("dataset/entries", number, platform.store.add_entry)
    with pytest.raises(RetriableError, match="kept changing"):
        platform.listing()


def test_an_entry_deleted_before_it_is_read(platform: Platform) -> None:
    """An entry deleted after the listing is told to have gone; it does not come as one without annotations."""
    listing = platform.listing()
    before = platform.read(listing)
    platform.store.delete_entry(before[1].id)
    platform.store.add_entry(id=FIRST)
    after = platform.read(listing)
    assert after[1] == Withdrawn(before[1].id, DELETED)
    assert [one for one in after if isinstance(one, Entry)] == [before[0], *before[2:]]


def test_an_entry_that_leaves_the_filter(platform: Platform) -> None:
    """An entry reopened after the listing is no completed one any more, and is told so."""
    listing = platform.listing(status=["completed"])
    reopened = _ids(listing)[2]
    platform.store.reopen_entry(reopened)
    after = platform.read(listing, status=["completed"])
    assert after[2] == Withdrawn(reopened, UNFIT)
    assert sum(isinstance(one, Entry) for one in after) == len(listing) - 1


def test_an_entry_changed_before_it_is_read(platform: Platform) -> None:
    """Without a filter that it leaves, an entry is read as it is now, record and annotations."""
    listing = platform.listing()
    changed = _ids(listing)[0]
    platform.store.reopen_entry(changed)
    added = platform.store.add_annotation(changed, {"type": "entry:root"}, {"category": "day"})
    (read, *_) = platform.read(listing)
    assert isinstance(read, Entry)
    assert read.state == "in_progress"
    assert added.id in [one.id for one in read.annotations]


def test_an_entry_changed_while_it_is_read(platform: Platform, happens: Callable[..., None]) -> None:
    """An entry that changes after its annotations were read gets them read again: both are of one moment."""
    listing = platform.listing()
    changed = _ids(listing)[0]
    added: list[str] = []

    def change() -> None:
        platform.store.reopen_entry(changed)
        added.append(platform.store.add_annotation(changed, {"type": "entry:root"}).id)

    happens("dataset/annotations", 1, change)
    (read, *_) = platform.read(listing)
    assert isinstance(read, Entry)
    assert (read.state, added[0] in [one.id for one in read.annotations]) == ("in_progress", True)


def test_an_entry_that_never_rests(platform: Platform, happens: Callable[..., None]) -> None:
    """An entry that changes whenever it is read is to be tried again later."""
    listing = platform.listing()
    for number in range(1, idah_reading.ATTEMPTS + 2):
        happens("dataset/annotations", number, lambda: platform.store.reopen_entry(_ids(listing)[0]))
    with pytest.raises(RetriableError, match="changed whenever they were read"):
        platform.read(listing)


def test_an_annotation_deleted_meanwhile_costs_nothing_else(platform: Platform) -> None:
    """A deleted annotation, which moves nothing on the platform, is simply not there any more."""
    listing = platform.listing()
    before = platform.read(listing)
    gone = before[0].annotations[0].id
    platform.store.delete_annotation(gone)
    after = platform.read(listing)
    assert [one.id for one in after[0].annotations] == [one.id for one in before[0].annotations if one.id != gone]
    assert after[1:] == before[1:]


def test_a_dataset_deleted_meanwhile(platform: Platform) -> None:
    """A dataset deleted after the listing ends the export, saying so."""
    listing = platform.listing()
    platform.store.datasets.clear()
    with pytest.raises(FatalError, match="was deleted while the export ran"):
        platform.read(listing)


def test_an_account_that_sees_only_some(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account that is shown fewer entries than there are is refused, with or without a filter, unless asked for."""
    platform.store.datasets[0].entries_total_count += 1
    for where in ({}, {"status": ["completed"]}):
        with pytest.raises(RequestError, match=r"has 13 entries, but (shows 12|does not show all of them) to this"):
            platform.listing(**where)
    platform.source.allow_partial = True
    assert len(platform.listing()) == 12


def test_a_dataset_that_calls_itself_completed(platform: Platform) -> None:
    """What state an entry is in, the entry says: a dataset's own counters and status are not believed."""
    for entry in platform.store.entries_of(platform.dataset.id):
        platform.store.complete_entry(entry.id)
    reopened = platform.store.entries_of(platform.dataset.id)[0].id
    platform.store.reopen_entry(reopened)
    assert platform.source.dataset(platform.dataset.id).record["attributes"]["status"] == "completed"
    states = {one.id: one.state for one in platform.read(platform.listing()) if isinstance(one, Entry)}
    assert [key for key, state in states.items() if state != "completed"] == [reopened]
