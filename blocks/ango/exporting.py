"""One export of a project, asked for, fetched and filed on this machine's disk, until its rows are those asked for.

Rows are looked at while the zip arrives: made free of signatures, checked against the filters, written to a file
without a name, and indexed; or, for those who want them as they were sent, checked and written to a file of theirs.
What is held in memory is a row and a piece of the zip, whatever the project's size. Only a whole export is handed on:
if it breaks on its way, or turns out to be another one's, it is begun again.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, aclosing
from pathlib import Path
from typing import IO, Protocol

import msgspec
from msgspec import Raw

from blocks import http, stopping
from blocks.ango.archive import Archive, file_made_whole, scratch_file
from blocks.ango.client import AngoClient, Connection, Query, connect
from blocks.ango.filters import Wanted
from blocks.ango.linked_files import LinkRefusedError
from blocks.ango.links import BOOK
from blocks.ango.row import Listed, Row
from blocks.ango.signatures import unsigned
from blocks.ango.stream import RowStream
from blocks.ango.turns import turn
from blocks.scratch import scratch_database
from blocks.storage_errors import translated
from exporters.errors import FatalError, RetriableError

EXPORT_ATTEMPTS = 4
FILE_ATTEMPTS = 3

ORDERS = ("id", "name", "updated_at")


class OtherRowsError(FatalError):
    """The file has rows that were not asked for: somebody else's export took its place. Only a new export helps."""


class Kept(Protocol):
    """What keeps the rows that fit, while they arrive."""

    @property
    def is_empty(self) -> bool: ...

    def clear(self) -> None:
        """The export is begun again."""

    def add(self, row: Row, sent: bytes, *, is_signed: bool) -> None:
        """`row` is free of signatures, `sent` is as it came; `is_signed`: only a signed link opens the asset's file."""


class Filed(Kept):
    """Rows on disk, free of signatures, and where each lies there."""

    def __init__(self, database: sqlite3.Connection, file: IO[bytes]) -> None:
        self._database, self._file = database, file
        self._end = 0

    @property
    def is_empty(self) -> bool:
        return not self._end

    def clear(self) -> None:
        self._database.execute("delete from rows")
        self._file.seek(0)
        self._file.truncate()
        self._end = 0

    def add(self, row: Row, sent: bytes, *, is_signed: bool) -> None:  # noqa: ARG002 - another signature is no other row
        """A row that came twice, to the byte, is filed once; another task under the same id gets a number behind it."""
        data = bytes(row.raw)
        place = (row.name, str(row.task_value("updatedAt") or ""), self._end, len(data))
        pages = range(len(row.pages)) if len(row.pages) > 1 else (None,)
        number = 1
        while known := self._known(base := _told_apart(row.id, number), pages[0]):
            if known == data:
                return
            number += 1
        self._file.seek(self._end)
        self._file.write(data)
        self._end += len(data)
        lines = [(_of_page(base, page), *place, page, is_signed) for page in pages]
        self._database.executemany("insert into rows values (?, ?, ?, ?, ?, ?, ?)", lines)

    def lines(self, sort: str) -> Iterator[bytes]:
        column = sort.removeprefix("-") or "id"
        direction = "desc" if sort.startswith("-") else "asc"
        order = f"{ORDERS[ORDERS.index(column)]} {direction}, id"
        question = f"select id, start, size, page, is_signed from rows order by {order}"  # noqa: S608 - a name from ORDERS
        for id_, start, size, page, is_signed in self._database.execute(question):
            self._file.seek(start)
            row = Raw(self._file.read(size))
            yield msgspec.json.encode(Listed(id=id_, row=row, page=page, signed=bool(is_signed)))

    def _known(self, id_: str, page: int | None) -> bytes:
        question = "select start, size from rows where id = ?"
        found = self._database.execute(question, (_of_page(id_, page),)).fetchone()
        if found is None:
            return b""
        self._file.seek(found[0])
        return self._file.read(found[1])


class Spilled(Kept):
    """Rows as they were sent and in that order, a line each, in a file that has a name once they are whole."""

    def __init__(self, file: IO[bytes], shown: str) -> None:
        self._file, self._shown = file, shown
        self.count = 0

    @property
    def is_empty(self) -> bool:
        return not self.count

    def clear(self) -> None:
        self.count = 0
        with translated(self._shown):
            self._file.seek(0)
            self._file.truncate()

    def add(self, row: Row, sent: bytes, *, is_signed: bool) -> None:  # noqa: ARG002 - they are in what was sent
        self.count += 1
        with translated(self._shown):
            self._file.write(sent + b"\n")


def _told_apart(id_: str, number: int) -> str:
    return id_ if number == 1 else f"{id_}-{number}"


def _of_page(id_: str, page: int | None) -> str:
    return id_ if page is None else f"{id_}/{page:04}"


class Export:
    """An export of one project."""

    def __init__(self, connection: Connection, project_id: str, shown: str, wanted: Wanted) -> None:
        self._connection, self._project_id, self._shown, self._wanted = connection, project_id, shown, wanted

    def lines(self, sort: str) -> Iterator[bytes]:
        """The listing.

        Raises:
            FatalError: rows kept being others than those asked for.
            RetriableError: the export did not arrive.
        """
        columns = "id text primary key, name, updated_at, start integer, size integer, page integer, is_signed integer"
        with ExitStack() as stack:
            database = stack.enter_context(scratch_database(f"create table rows ({columns}) without rowid"))
            filed = Filed(database, stack.enter_context(scratch_file()))
            self._keep(filed)
            yield from filed.lines(sort)

    def spill(self, path: Path) -> int:
        """Write the rows to a file just as the hub sent them, signed links included, a line of JSON each.

        Returns how many they are. The file is there once all of them are in it; where it was not made, nothing is left.

        Raises:
            FatalError: rows kept being others than those asked for, or there is no room for them.
            RetriableError: the export did not arrive.
        """
        with file_made_whole(path) as file:
            spilled = Spilled(file, str(path))
            self._keep(spilled)
        return spilled.count

    def _keep(self, kept: Kept) -> None:
        with translated(tempfile.gettempdir()):
            self._file(kept, self._wanted.parameters)
            if kept.is_empty and self._wanted.otherwise:
                self._file(kept, self._wanted.otherwise)

    def _file(self, kept: Kept, parameters: Query) -> None:
        for attempt in range(1, EXPORT_ATTEMPTS + 1):
            try:
                with turn(self._connection.url, self._project_id):
                    asyncio.run(stopping.watched(self._export(kept, parameters)))
            except OtherRowsError:
                if attempt == EXPORT_ATTEMPTS:
                    raise
                asyncio.run(stopping.watched(_pause(attempt)))
            except LinkRefusedError as error:
                if attempt == EXPORT_ATTEMPTS:
                    raise RetriableError(str(error)) from None
            else:
                return

    async def _export(self, kept: Kept, parameters: Query) -> None:
        async with connect(self._connection) as client:
            BOOK.sweep()
            link = await client.export(parameters)

            async def attempt() -> None:
                kept.clear()
                try:
                    await self._fetch(client, link, kept)
                except http.NotFoundError as error:
                    raise LinkRefusedError(str(error)) from None

            await http.patiently(attempt, FILE_ATTEMPTS)

    async def _fetch(self, client: AngoClient, link: str, kept: Kept) -> None:
        with scratch_file() as file:
            archive, stream = Archive(file, self._shown), RowStream(self._shown)
            async with client.files.open(link) as answer, aclosing(answer.chunks()) as chunks:
                async for chunk in chunks:
                    with translated(tempfile.gettempdir()):  # a full disk is no fault of the network
                        for piece in archive.feed(chunk):
                            self._take(stream.feed(piece), client, kept)
            for piece in archive.finish():
                self._take(stream.feed(piece), client, kept)
            self._take(stream.finish(), client, kept)

    def _take(self, rows: Iterator[bytes], client: AngoClient, kept: Kept) -> None:
        for sent in rows:
            signed: dict[str, str] = {}
            row = Row.parse(unsigned(sent, signed.__setitem__))
            if not self._wanted.fits(row):
                raise OtherRowsError(
                    f"Ango Hub exported task {row.id} of {self._shown}, which does not fit {self._wanted.shown}: "
                    f"somebody else exported the project at the same time; try again when nobody does."
                )
            if self._wanted.chosen(row):
                for address, link in signed.items():
                    BOOK.add(client.account, address, link)
                kept.add(row, sent, is_signed=row.content in signed)


async def _pause(attempt: int) -> None:
    await asyncio.sleep(http.wait_seconds(attempt, None))
