"""Who works in a workspace: of two runs of one export at once, one works; a clean-up works alone.

Each contender puts a lease of its own into `running/`, and then looks around. Whoever finds no other in its way holds;
whoever finds one withdraws, and waits. Since each announces itself before it looks, of two at least one sees the other:
that is so in every store in which a new file is listed at once, needs no create-only write, and a lease that was left
behind can be removed without the risk of removing its successor.

A lease has been left behind when its process, on this machine, is gone; or when nobody has renewed it for
`LEASE_SECONDS` of our own watching: the clocks of two machines are never compared. What is left behind wrongly does no
harm, because all that runs write is named by what it holds.
"""

from __future__ import annotations

import contextlib
import logging
import platform
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import msgspec
from msgspec import Struct

from blocks import stopping
from blocks.store import Store
from exporters.errors import BusyError, OuthaulError
from exporters.foreign_json import UNREADABLE
from exporters.temporary import Owner, this_process

RENEW_SECONDS = 5.0
LEASE_SECONDS = 60.0
"""Long enough for a machine that stands still for a while, short enough to be waited for when one is lost."""
LOOK_SECONDS = 0.5

FOLDER = "running"
ALONE = "alone"
"""The key of a lease that tolerates no other."""

IfRunning = Literal["wait", "refuse"]

_log = logging.getLogger(__name__)


class Lease(Struct, frozen=True):
    """What a lease says. `since` is the clock of its own machine, for people to read."""

    key: str
    token: str
    host: str
    place: str
    pid: int
    began: int
    since: str = ""
    is_held: bool = False
    """Its owner has looked around, and works."""
    beat: int = 0

    @property
    def name(self) -> str:
        return f"{FOLDER}/{self.key}.{self.token}"

    @property
    def owner(self) -> Owner:
        return Owner(self.place, self.pid, self.began)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"


_decode = msgspec.json.Decoder(Lease).decode


@contextmanager
def holding(
    store: Store, key: str, if_running: IfRunning = "wait", tell: Callable[[str], None] = _log.info
) -> Iterator[None]:
    """Hold the lease of an export, and renew it meanwhile. `tell` hears once whom this waits for.

    Raises:
        BusyError: another run holds it, and is not to be waited for.
        RequestError: the workspace is of a newer Outhaul.
    """
    store.check_layout()
    with _Claim(store, key).granted(if_running, tell):
        yield


@contextmanager
def exclusive(store: Store) -> Iterator[None]:
    """Work in a workspace alone: new exports wait meanwhile.

    Raises:
        BusyError: somebody works there.
        RequestError: the workspace is of a newer Outhaul.
    """
    store.check_layout()
    with _Claim(store, ALONE).granted("refuse", _log.info):
        yield


def leases(store: Store) -> list[Lease]:
    """The leases held in a workspace, but for those that were left behind on this machine."""
    return [lease for lease in _found(store) if lease.is_held and not lease.owner.is_gone]


def _found(store: Store) -> Iterator[Lease]:
    for name in store.storage.files(FOLDER):
        with contextlib.suppress(OuthaulError, *UNREADABLE):  # it was given back, or is being written
            yield _decode(store.storage.read(f"{FOLDER}/{name}"))


@dataclass
class _Watch:
    """What is known of others' leases by watching them: how far each has beaten, and when that was first seen."""

    seen: dict[str, tuple[int, float]] = field(default_factory=dict)
    beaten: set[str] = field(default_factory=set)
    """Those that were renewed before our eyes."""

    def is_left(self, lease: Lease) -> bool:
        """Whether its owner is gone for certain, or has let it run out."""
        beat, at = self.seen.setdefault(lease.token, (lease.beat, time.monotonic()))
        if beat != lease.beat:
            self.seen[lease.token] = (lease.beat, time.monotonic())
            self.beaten.add(lease.token)
            return False
        return bool(lease.owner.is_gone) or time.monotonic() - at > LEASE_SECONDS

    def is_certain(self, lease: Lease) -> bool:
        """Whether its owner is known to be at work, rather than only not known to be gone."""
        return lease.is_held and (lease.owner.is_gone is False or lease.token in self.beaten)


class _Claim:
    """A lease on its way: announced, held, renewed, given back."""

    def __init__(self, store: Store, key: str) -> None:
        owner = this_process()
        self._store = store
        self._lease = Lease(
            key=key,
            token=secrets.token_hex(8),
            host=platform.node() or "an unnamed machine",
            place=owner.place,
            pid=owner.pid,
            began=owner.began,
        )
        self._watch = _Watch()
        self._ended = threading.Event()

    @contextmanager
    def granted(self, if_running: IfRunning, tell: Callable[[str], None]) -> Iterator[None]:
        try:
            self._obtain(if_running, tell)
            renewing = threading.Thread(target=self._renew, name="lease", daemon=True)
            renewing.start()
            try:
                yield
            finally:
                self._ended.set()
                renewing.join()
        finally:
            self._withdraw()

    def _obtain(self, if_running: IfRunning, tell: Callable[[str], None]) -> None:
        has_told = False
        while True:
            stopping.check()
            if not (others := self._others()):
                self._write(self._lease)
                if not self._others():
                    since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
                    self._lease = msgspec.structs.replace(self._lease, is_held=True, since=since)
                    self._write(self._lease)
                    return
                self._withdraw()
                time.sleep(random.uniform(0, LOOK_SECONDS))  # noqa: S311 - so that two do not go on meeting
                continue
            at_work = [one for one in others if self._watch.is_certain(one)]
            if if_running == "refuse" and at_work:
                raise BusyError(self._refusal(at_work[0]))
            if at_work and not has_told:
                has_told = True
                tell(f"Waiting for {self._what(at_work[0])}, at work in {at_work[0]}.")
            time.sleep(LOOK_SECONDS)

    def _others(self) -> list[Lease]:
        """The leases that are in the way of this one; those that were left behind are removed."""
        others = []
        for lease in _found(self._store):
            if lease.token == self._lease.token or not (
                lease.key == self._lease.key or ALONE in (lease.key, self._lease.key)
            ):
                continue
            if self._watch.is_left(lease):
                self._store.storage.remove(lease.name)
            else:
                others.append(lease)
        return others

    def _refusal(self, other: Lease) -> str:
        advice = "run again when it has ended"
        if ALONE not in (self._lease.key, other.key):
            advice += ", or let this run wait for it (--if-running wait)"
        return f"The workspace {self._store.storage.shown} is in use by {self._what(other)}, {other}; {advice}."

    def _renew(self) -> None:
        while not self._ended.wait(RENEW_SECONDS):
            try:
                if not self._store.storage.exists(self._lease.name):
                    _log.warning(
                        "Another run took this one for dead, because it had not been heard of for %g seconds. Both go "
                        "on, and deliver the same.",
                        LEASE_SECONDS,
                    )
                    return
                self._lease = msgspec.structs.replace(self._lease, beat=self._lease.beat + 1)
                self._write(self._lease)
            except OuthaulError as error:
                _log.warning("The lease of this run could not be renewed: %s", error)

    def _write(self, lease: Lease) -> None:
        self._store.storage.write(lease.name, [msgspec.json.encode(lease)], durable=False)

    def _withdraw(self) -> None:
        try:
            self._store.storage.remove(self._lease.name)
        except OuthaulError as error:  # it runs out by itself
            _log.warning("The lease of this run could not be given back: %s", error)

    def _what(self, other: Lease) -> str:
        if other.key == ALONE:
            return "a clean-up"
        return "an export" if self._lease.key == ALONE else "another run of this export"
