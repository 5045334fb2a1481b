"""push: the records of a package to an API, request after request, and the books of what became of each.

Beside an export's other documents, the workspace keeps which records were accepted, and in `refused.jsonl` those that
were not, with the answer. A run that was killed, or that met an API which was down, goes on with what is missing; what
was under way then is sent again with the same key. What was refused is tried again by the next run, which the receipt
tells how much is missing.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from blocks import stopping
from blocks.chunks import chunks_of
from blocks.http_sender import Refusal, Sender
from blocks.http_target import HttpTarget
from blocks.storage import Storage
from blocks.store import Store
from exporters import FatalError
from exporters.errors import OuthaulError, quoted
from flows import progress
from flows.accepted import Accepted
from flows.begun import begin, is_last, note_uncertain
from flows.contents import Line, decode_line
from flows.delivered import Records
from flows.index import Member
from flows.planned import Plan
from flows.put import index_of
from flows.records import Order, Record, orders_of, records_of
from flows.results import Package

REFUSED = "refused.jsonl"
READ_AHEAD_ORDERS, READ_AHEAD_BYTES = 64, 4 << 20
FAREWELL_SECONDS = 3.0
"""How long the requests under way are waited for when another one has failed."""
TOO_LARGE = 413

Under = set["asyncio.Task[list[Answer]]"]


class Answer(NamedTuple):
    """What became of a request; `refusal` is None when it was accepted."""

    order: Order
    refusal: Refusal | None
    key: str


class Push:
    """One export on its way to one API; `folder` is where the workspace, by `storage`, keeps the books of it."""

    def __init__(
        self, package: Package, plan: Plan, target: HttpTarget, storage: Storage, folder: str, store: Store
    ) -> None:
        self._package, self._plan, self._target = package, plan, target
        self._storage, self._folder, self._store = storage, folder, store
        self._member = _records_file(package, plan, store)
        self._records = records_of(package, self._member, store.storage)
        self._accepted = Accepted(storage, folder)
        self._round = 1
        self._had = self._refused_count = 0
        self._seen = self.sent_bytes = 0
        self._refused: dict[tuple[str, str], bool] = {}
        """By dataset and entry; true for those that are gone, which the API may still have."""
        self._spool = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the push

    def run(self) -> Records:
        """Send what was not accepted yet; returns what has become of all records.

        Raises:
            RetriableError: the API cannot be reached. FatalError: it refused a record, or more than are to be borne.
        """
        progress.expect("deliver", self._member.size)
        with self._spool:
            self._begin()
            try:
                with asyncio.Runner() as runner:
                    runner.run(stopping.watched(self._push()))
            except OuthaulError:
                if self._refused_count:
                    self._keep_refused()
                raise
            self._keep_refused()
        if self._seen != self._had + self._refused_count:
            raise FatalError(
                f"The records do not add up: of {self._seen} there were {self._had} accepted and "
                f"{self._refused_count} refused. Please report this."
            )
        return Records(
            to=self._target.shown,
            records=self._seen,
            accepted=self._had,
            refused=self._refused_count,
            refused_file=self._storage.shown_path(f"{self._folder}/{REFUSED}") if self._refused_count else "",
        )

    @property
    def member(self) -> Member:
        """The file of the package that was sent."""
        return self._member

    def described(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """The lines that say what the API has: of an entry that it refused nothing is known, so that the next delta
        brings it, or its removal, again.
        """
        for line in lines:
            entry = decode_line(line)
            unknown = (entry.dataset, entry.entry) in self._refused
            yield msgspec.json.encode(Line(entry.dataset, entry.entry, "", {})) if unknown else line
        for (dataset, entry_id), is_removal in self._refused.items():
            if is_removal:
                yield msgspec.json.encode(Line(dataset, entry_id, "", {}))

    def _begin(self) -> None:
        storage, plan, export_id = self._storage, self._plan, self._package.export_id
        if not is_last(storage, plan, export_id):
            self._accepted.forget()
            if plan.since is not None:
                records = records_of(self._package, self._member, self._store.storage)
                note_uncertain(storage, plan, export_id, ((record.dataset, record.entry) for record in records))
        self._round = begin(storage, plan, export_id)

    async def _push(self) -> None:
        orders = orders_of(self._counted(), self._target)
        slots = 1 if self._target.order == "kept" else self._target.connections
        under_way: Under = set()
        async with Sender(self._target) as sender:
            try:
                while ahead := await asyncio.to_thread(self._read_ahead, orders):
                    for order in ahead:
                        while len(under_way) >= slots:
                            under_way = await self._settle(under_way)
                        under_way.add(asyncio.create_task(self._send(sender, order)))
                while under_way:
                    under_way = await self._settle(under_way)
            except OuthaulError:
                done, _ = await asyncio.wait(under_way, timeout=FAREWELL_SECONDS) if under_way else (set(), set())
                await asyncio.to_thread(self._note_accepted, _answers(done))
                raise
            finally:
                for task in under_way:
                    task.cancel()
                await asyncio.gather(*under_way, return_exceptions=True)

    async def _send(self, sender: Sender, order: Order) -> list[Answer]:
        try:
            request = order.request(self._target, self._plan, self._package.export_id, self._round)
        except ValueError as error:
            return [Answer(order, Refusal(0, str(error)), "")]
        refusal = await sender.send(request)
        if refusal and refusal.status == TOO_LARGE and len(order.records) > 1:
            first, second = order.halves()
            return [*await self._send(sender, first), *await self._send(sender, second)]
        return [Answer(order, refusal, request.key)]

    async def _settle(self, under_way: Under) -> Under:
        """Wait for an answer, and put down what it says before another request takes its place."""
        done, rest = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        under_way.difference_update(done)  # the caller's own set: what has failed is not waited for again
        await asyncio.to_thread(self._note, _answers(done))
        for task in done:
            if error := task.exception():
                raise error
        return rest

    def _counted(self) -> Iterator[Record]:
        for record in self._records:
            self._seen += 1
            yield record

    def _read_ahead(self, orders: Iterator[Order]) -> list[Order]:
        """The next requests, without the records that were accepted by an earlier one; empty at the end."""
        ahead: list[Order] = []
        size = 0
        for order in orders:
            stopping.check()
            waiting = Order(tuple(record for record in order.records if record.number not in self._accepted))
            self._had += len(order.records) - len(waiting.records)
            progress.advance("deliver", order.size - waiting.size)
            if waiting.records:
                ahead.append(waiting)
                size += waiting.size
            if len(ahead) >= READ_AHEAD_ORDERS or size >= READ_AHEAD_BYTES:
                break
        return ahead

    def _note(self, answers: Sequence[Answer]) -> None:
        self._note_accepted(answers)
        for answer in answers:
            if answer.refusal:
                self._set_aside(answer, answer.refusal)
            progress.advance("deliver", answer.order.size, answer.order.size)

    def _note_accepted(self, answers: Sequence[Answer]) -> None:
        taken = [answer.order for answer in answers if not answer.refusal]
        if taken:
            self._accepted.add(record.number for order in taken for record in order.records)
            self._accepted.save()
            self._had += sum(len(order.records) for order in taken)
            self.sent_bytes += sum(order.size for order in taken)

    def _set_aside(self, answer: Answer, refusal: Refusal) -> None:
        """Put the records of a refused request down with its answer.

        Raises:
            FatalError: no record may be refused, or not so many.
        """
        target, first = self._target, answer.order.records[0]
        for record in answer.order.records:
            self._refused[record.dataset, record.entry] = record.is_removal
            said = {"dataset": record.dataset, "entry": record.entry, "status": refusal.status}
            kept = {"answer": refusal.answer, "idempotency_key": answer.key, "record": msgspec.Raw(record.line)}
            self._spool.write(msgspec.json.encode({**said, **kept}) + b"\n")
        self._refused_count += len(answer.order.records)
        which = f"entry {quoted(first.entry)}"
        if len(answer.order.records) > 1:
            which += f" and the {len(answer.order.records) - 1:,} sent with it"
        advice = "mend the cause and run again: what was accepted is not sent again."
        if target.refused == "fail":
            raise FatalError(f"{target.host} refused {which} ({refusal}); {advice}")
        if self._refused_count > target.refused_limit:
            raise FatalError(
                f"{target.host} refused more than {target.refused_limit:,} records, at last {which} ({refusal}); "
                f"{self._storage.shown_path(f'{self._folder}/{REFUSED}')} has them; {advice}"
            )

    def _keep_refused(self) -> None:
        path = f"{self._folder}/{REFUSED}"
        if self._refused_count:
            self._spool.seek(0)
            self._storage.write(path, chunks_of(self._spool))
        elif self._storage.exists(path):
            self._storage.remove(path)


def _answers(done: Iterable[asyncio.Task[list[Answer]]]) -> list[Answer]:
    return [answer for task in done if not task.exception() for answer in task.result()]


def _records_file(package: Package, plan: Plan, store: Store) -> Member:
    wanted = plan.exporter().records
    member = next((one for one in index_of(package, store) if one.path == wanted), None)
    if not wanted or member is None:
        raise FatalError(f"The format {plan.request.exporter} wrote no records to send; ask for --as jsonl.")
    return member
