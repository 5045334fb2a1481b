"""Who a soak talks to, in a process of their own: an IDAH platform where people work, and an API that takes records."""

from __future__ import annotations

import hashlib
import multiprocessing
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from blocks.sandbox.faults import BRIDGED
from blocks.sandbox.idah import Chaos, Fault, IdahSandbox
from blocks.sandbox.idah_store import IdahStore
from tests.fakes.receiver import Receiver, Trouble, receiving

ENTRIES = 48
STALL_SECONDS = 20.0
"""Longer than the source waits."""


class Known(NamedTuple):
    """What the platform knows of an entry; `sha256` is its picture's."""

    status: str
    annotations: int
    sha256: str


@dataclass
class FarEnds:
    """The process, told what to do. Nobody talks to it from two threads."""

    pid: int
    platform_url: str
    api_url: str
    _wire: Connection

    def ask(self, what: str, *details: Any) -> Any:
        self._wire.send((what, details))
        return self._wire.recv()

    def truth(self) -> Mapping[str, Known]:
        """Every entry of the platform, by its id."""
        return self.ask("truth")

    def told(self) -> Mapping[str, int]:
        """What the API has been told so far: the entries that there are, with how many annotations."""
        return self.ask("told")


@contextmanager
def far_ends(seed: int) -> Iterator[FarEnds]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, seed), daemon=True)
    process.start()
    theirs.close()
    try:
        platform_url, api_url = ours.recv()
        assert process.pid
        yield FarEnds(process.pid, platform_url, api_url, ours)
    finally:
        process.kill()
        process.join()


def _serve(wire: Connection, seed: int) -> None:
    sandbox = IdahSandbox(entries=ENTRIES, seed=seed)
    with sandbox.serve() as platform_url, receiving() as receiver:
        wire.send((platform_url, receiver.url))
        world = _World(sandbox, receiver)
        while True:
            what, details = wire.recv()
            wire.send(getattr(world, what)(*details))


@dataclass
class _World:
    sandbox: IdahSandbox
    receiver: Receiver
    has: dict[str, int] = field(default_factory=dict)

    def calm(self) -> None:
        """Nothing goes wrong from here on."""
        self.sandbox.faults.clear()
        self.sandbox.chaos = None
        self.receiver.troubles.clear()
        self.receiver.asked.clear()
        self._take()

    def shake(self, seed: int, slow: bool) -> None:
        """Much goes wrong that can be got over; `slow`: and takes long enough that somebody can end it."""
        chance = random.Random(seed)
        self.sandbox.chaos = Chaos(seed, 0.15, [*BRIDGED, "503:1", "stall"], stall_seconds=STALL_SECONDS)
        if slow:
            self.sandbox.faults.append(Fault("dataset/", kind="slow", times=6, drip_bytes=4096, drip_seconds=0.05))
        for kind in chance.sample(["status", "reset", "truncate", "stall"], 2):
            takes = kind == "truncate" and chance.random() < 0.5
            self.receiver.troubles.append(Trouble(kind, after=chance.randrange(3), times=2, takes=takes))

    def break_down(self, seed: int) -> None:
        """The platform is of no use to anybody."""
        word = random.Random(seed).choice(("403", "503", "garbage", "reset"))
        self.sandbox.faults.append(Fault.named(word, "dataset/(entries|annotations)", times=None))

    def work(self, seed: int) -> None:
        """What people do between two exports. The dataset stays about as large as it was."""
        chance, store = random.Random(seed), self.sandbox.store
        for _ in range(chance.randrange(3)):
            store.add_entry()
        for entry in chance.sample(list(store.entries_of(store.datasets[0].id)), 6):
            _work_on(store, entry.id, chance)
        entries = list(store.entries_of(store.datasets[0].id))
        for entry in chance.sample(entries, max(0, len(entries) - ENTRIES)):
            store.delete_entry(entry.id)

    def truth(self) -> dict[str, Known]:
        store = self.sandbox.store
        return {
            entry.id: Known(
                entry.status,
                len(store.annotations_of(entry.id)),
                _picture(store, entry.resource) if entry.resource else "",
            )
            for entry in store.entries_of(store.datasets[0].id)
        }

    def told(self) -> dict[str, int]:
        self._take()
        return self.has

    def _take(self) -> None:
        for record in self.receiver.records():
            if record.get("removed"):
                self.has.pop(record["id"], None)
            else:
                self.has[record["id"]] = len(record.get("annotations", ()))
        self.receiver.taken.clear()


def _work_on(store: IdahStore, entry_id: str, chance: random.Random) -> None:
    """One of the things that people do to an entry."""
    first = [annotation.id for annotation in store.annotations_of(entry_id)][:1]
    what = chance.choice(("draw", "fail", "complete", "delete", "move"))
    if what == "draw":
        store.add_annotation(entry_id, _box(chance), {"category": "vehicles/car"})
    elif what == "fail":
        store.fail_entry(entry_id)
    elif what == "complete":
        store.complete_entry(entry_id)
    for annotation_id in first if what == "delete" else ():
        store.delete_annotation(annotation_id)
    for annotation_id in first if what == "move" else ():
        store.change_annotation(annotation_id, dimensions=_box(chance))


def _box(chance: random.Random) -> dict[str, Any]:
    left, top = chance.uniform(0.0, 0.6), chance.uniform(0.0, 0.6)
    right, bottom = left + 0.3, top + 0.2
    corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
    return {"type": "idah-image:bounding-box", "points": corners, "angle": 0}


@cache
def _picture(store: IdahStore, resource: str) -> str:
    media = store.media(resource)
    return hashlib.sha256(media.content).hexdigest() if media else ""
