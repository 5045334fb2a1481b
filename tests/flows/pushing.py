"""Packages of records to push, made without a platform or a run; also in a process of their own, to be killed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from blocks.http_target import HttpTarget
from blocks.storage import Storage
from blocks.store import Store
from blocks.workspace import Workspace
from exporters.tally import Tally
from flows.contents import Line
from flows.delivered import Records
from flows.index import Member, Run
from flows.planned import Plan
from flows.push import Push
from flows.request import Request
from flows.results import Package
from flows.targets import place_of

EXPORT_ID = "0123456789abcdef0123"
FOLDER = f"street/{EXPORT_ID}"


@dataclass
class Bench:
    """A package in a workspace."""

    package: Package
    plan: Plan
    workspace: Workspace

    @property
    def store(self) -> Store:
        return self.workspace.open()

    def place(self, target: HttpTarget) -> Storage:
        return place_of(target, self.workspace)

    def push(self, target: HttpTarget) -> Records:
        return Push(
            self.package, self.plan, target, self.place(target), f"street/{self.package.export_id}", self.store
        ).run()

    def refused(self, target: HttpTarget) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.place(target).read(f"{FOLDER}/refused.jsonl").splitlines()]


def line_of(number: int, padding: int = 0, dataset: str = "d1") -> bytes:
    return msgspec.json.encode({"id": f"e{number:06}", "dataset_id": dataset, "note": "x" * padding})


def bench_of(
    folder: Path,
    lines: Iterable[bytes],
    removed: Sequence[str] = (),
    entries: int | None = None,
    url: str = "",
    export_id: str = EXPORT_ID,
) -> Bench:
    """`lines` are written as they come: they may be more than fit into memory."""
    workspace = Workspace(url=url or str(folder / "workspace"))
    store = workspace.open()
    count = 0

    def counted() -> Iterator[bytes]:
        nonlocal count
        for line in lines:
            count += 1
            yield line + b"\n"

    size, sha256 = store.storage.write(f"parts/{export_id}", counted())
    member = Member("entries.jsonl", size, sha256, 0, (Run(f"parts/{export_id}"),))
    index, _ = store.save_lines([msgspec.json.encode(member)])
    described = (Line("d1", f"e{number:06}", "ab", {}) for number in range(min(count, 100)))
    contents, _ = store.save_lines(map(msgspec.json.encode, described))
    package = Package(
        export_id=export_id,
        index=index,
        contents=contents,
        files=1,
        bytes=size,
        tally=Tally(came_in={"entries": count}, went_out={"entries": count if entries is None else entries}),
        classes=(),
        ids={},
        removed=tuple({"dataset": "d1", "entry": one} for one in removed),
    )
    datasets, _ = store.save_lines([])
    request = Request(exporter="jsonl", media="none")
    plan = Plan(request=request, name="street", source={}, datasets=datasets, options={}, where={}, shards=())
    return Bench(package, plan, workspace)


def push_here(bench: Bench, target: HttpTarget) -> None:
    """The process to be killed."""
    bench.push(target)
