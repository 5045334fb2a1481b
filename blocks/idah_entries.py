"""The entries of a dataset of IDAH in an order: all that the platform says there are, or a refusal.

The order is made here, on disk: the platform's own pages shift when they are ordered by what is not unique.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence

from blocks.idah_changes import settled_before, to_line
from blocks.idah_client import IdahClient, Resource
from blocks.idah_filters import check_rows, query_of, read_filters
from blocks.idah_listing import read_listing
from blocks.idah_records import to_dataset
from blocks.scratch import scratch_database
from blocks.source import Where
from exporters.errors import RequestError, RetriableError, quoted
from exporters.model import Dataset

LISTING_ATTEMPTS = 3

Run = Callable[[Callable[[IdahClient], Awaitable[str]]], str]
"""Asks the platform something."""


def entries_in_order(run: Run, dataset: Dataset, where: Where, sort: str, *, allow_partial: bool) -> Iterator[bytes]:
    """A line an entry, ordered by an attribute, behind `-` downwards, and then by id; by id alone where none is given.

    Raises:
        RequestError: there are not as many as the platform says, and no `allow_partial`.
        RetriableError: their number kept changing.
    """
    columns = "id text primary key, place, record blob"
    direction = "desc" if sort.startswith("-") else "asc"
    with scratch_database(f"create table entries ({columns}) without rowid") as listed:
        _file(run, dataset, where, sort.removeprefix("-"), listed, allow_partial=allow_partial)
        for (record,) in listed.execute(f"select record from entries order by place {direction}, id"):  # noqa: S608 - two words
            yield record


def _file(
    run: Run, dataset: Dataset, where: Where, order: str, listed: sqlite3.Connection, *, allow_partial: bool
) -> None:
    """File all entries. Listed again as a whole when there are not as many as the platform says."""
    before = ""
    for _ in range(LISTING_ATTEMPTS):
        listed.execute("delete from entries")
        wrong = run(lambda client: _file_once(client, dataset, where, order, listed))
        if not wrong or allow_partial:
            return
        if wrong == before:
            raise RequestError(
                f"Dataset {quoted(dataset.name)} {wrong} to this account; use one that may read all of it, "
                f"or set allow_partial (OUTHAUL_ALLOW_PARTIAL=1) to export what this one sees."
            )
        before = wrong
    raise RetriableError(
        f"Dataset {quoted(dataset.name)} kept changing while its entries were listed (it {before}); "
        f"try again when it is quieter."
    )


async def _file_once(client: IdahClient, dataset: Dataset, where: Where, order: str, listed: sqlite3.Connection) -> str:
    """File the entries by id; returns what is wrong with their number, nothing when all is well."""
    filters = read_filters(where, "entry")
    of_dataset = ("filter[dataset_id]", dataset.id)
    pages = read_listing(
        client,
        "dataset/entries",
        [of_dataset, *query_of(filters)],
        expected=None if filters else dataset.entries_count,
    )
    settled = None
    async for page in pages:
        settled = settled or settled_before(client.clock)
        _check_dataset(page, dataset)
        check_rows(page, filters)
        rows = ((one.id, _place(one, order), to_line(one, settled)) for one in page)
        listed.executemany("insert or replace into entries values (?, ?, ?)", rows)
    says = to_dataset(await client.one(f"dataset/datasets/{dataset.id}")).entries_count
    if says is None:
        return ""
    if filters:  # the last of all entries is there to be seen, or it is not
        last = [of_dataset, ("fields[dataset:entries][]", "status")]
        is_seen = not says or await client.page("dataset/entries", last, number=says, size=1)
        return "" if is_seen else f"has {says} entries, but does not show all of them"
    (shown,) = listed.execute("select count(*) from entries").fetchone()
    return "" if says == shown else f"has {says} entries, but shows {shown}"


def _check_dataset(entries: Sequence[Resource], dataset: Dataset) -> None:
    for entry in entries:
        if entry.attributes.get("dataset_id") != dataset.id:
            raise RequestError(
                f"IDAH answered with entry {entry.id} of another dataset than {quoted(dataset.name)}; "
                f"this version of the platform does not filter by dataset, please report it."
            )


def _place(entry: Resource, order: str) -> str | float | None:
    """What an entry is ordered by."""
    value = entry.attributes.get(order) if order not in ("", "id") else entry.id if order else None
    return value if isinstance(value, str | int | float) else None
