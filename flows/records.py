"""The records of a package as an API is sent them: one after the other, cut into requests that are always the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import msgspec

from blocks.chunks import lines_of
from blocks.http_sender import Outgoing
from blocks.http_target import HttpTarget
from blocks.storage import Storage
from exporters import FatalError
from flows.index import Member
from flows.planned import Plan
from flows.results import Package

CONTENT_TYPES = {"record": "application/json", "json array": "application/json", "ndjson": "application/x-ndjson"}


class _Named(msgspec.Struct):
    """What is read of a line: whose it is."""

    id: str
    dataset_id: str


_decode = msgspec.json.Decoder(_Named).decode


class Record(NamedTuple):
    """What there is to say of an entry; `number` is its place in the export, from 0."""

    number: int
    dataset: str
    entry: str
    line: bytes
    is_removal: bool = False


@dataclass(frozen=True)
class Order:
    """The records that go into one request."""

    records: tuple[Record, ...]

    @property
    def size(self) -> int:
        return sum(len(record.line) for record in self.records)

    def request(self, target: HttpTarget, plan: Plan, export_id: str, round_: int) -> Outgoing:
        """It, with a key that is made of all it says, and of how often the export was begun from the start.

        Raises:
            ValueError: the name of an entry or dataset cannot be a part of a URL.
        """
        first = self.records[0]
        names = {"dataset": first.dataset, "entry": first.entry, "export": export_id, "name": plan.name}
        address = target.address(names)
        if first.is_removal and target.removed == "delete":
            method, body = "DELETE", b""
        else:
            method, body = target.method, _body(target, [record.line for record in self.records])
        said = b"\0".join([f"{export_id} {round_} {method} {address}".encode(), body])
        return Outgoing(method, address, body, CONTENT_TYPES[target.body], hashlib.sha256(said).hexdigest()[:40])

    def halves(self) -> tuple[Order, Order]:
        middle = len(self.records) // 2
        return Order(self.records[:middle]), Order(self.records[middle:])


def records_of(package: Package, member: Member, storage: Storage) -> Iterator[Record]:
    """One for each entry of the package, as the format wrote it, then one for each entry that is gone.

    Raises:
        FatalError: there are not as many as went out.
    """
    number = 0
    for line in lines_of(member.read(storage)):
        named = _decode(line)
        yield Record(number, named.dataset_id, named.id, line)
        number += 1
    expected = package.tally.went_out.get("entries", 0)
    if number != expected:
        raise FatalError(f"{member.path} has {number} records of {expected} entries; please report this as a fault.")
    for number, gone in enumerate(package.removed, start=number):  # noqa: B020 - it counts on
        dataset, entry = gone["dataset"], gone["entry"]
        line = msgspec.json.encode({"dataset_id": dataset, "id": entry, "removed": True})
        yield Record(number, dataset, entry, line, is_removal=True)


def orders_of(records: Iterable[Record], target: HttpTarget) -> Iterator[Order]:
    """The records cut into requests; where the cuts are depends on the records and the block alone."""
    if target.is_one_by_one:
        yield from (Order((record,)) for record in records)
        return
    by_dataset = "dataset" in target.names()
    for _, alike in groupby(records, lambda record: record.dataset if by_dataset else ""):
        yield from _cut(alike, target)


def _cut(records: Iterable[Record], target: HttpTarget) -> Iterator[Order]:
    waiting: list[Record] = []
    size = 0
    for record in records:
        more = len(record.line) + 1  # the comma or the end of the line
        if waiting and (len(waiting) == target.records_per_request or size + more > target.bytes_per_request):
            yield Order(tuple(waiting))
            waiting, size = [], 0
        waiting.append(record)
        size += more
    if waiting:
        yield Order(tuple(waiting))


def _body(target: HttpTarget, lines: list[bytes]) -> bytes:
    if target.is_one_by_one:
        return lines[0]
    if target.body == "ndjson":
        return b"".join(line + b"\n" for line in lines)
    return b"[" + b",".join(lines) + b"]"
