"""How far a batch has come, kept where other processes find it: a worker that is lost costs the shard that it was at.

What is done of a batch lies in the workspace shard by shard, for the length of the run. Whoever is given the batch
anew, because its worker or the machine that held its outcome is gone, takes it from there. The names say which process
runs the flow, so what a killed run leaves is swept like all that is not whole. One file says that the run goes on;
without it, its tasks end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

from prefect.runtime import task_run
from pydantic import TypeAdapter, ValidationError

from blocks.store import INCOMING, Store
from blocks.workspace import Workspace
from exporters.errors import FatalError, OuthaulError
from exporters.temporary import owned_name
from exporters.version import version_of
from flows.planned import Plan


class Headway:
    """What is done of the batch of one task."""

    def __init__(self, run: str, task_run_id: UUID, store: Store, kind: Any) -> None:
        """`run` is how the plan names it; `kind` the type of what is made of a shard."""
        self._run, self._store = f"{INCOMING}/.{run}", store
        self._prefix = f"{self._run}_{task_run_id.hex}"
        self._kind: TypeAdapter[Any] = TypeAdapter(kind)

    @classmethod
    def of(cls, plan: Plan, store: Store, kind: Any) -> Headway | None:
        """That of the task in which this is called; None where its run is all in one process."""
        return cls(plan.headway, UUID(task_run.id), store, kind) if plan.headway else None

    def done(self) -> Iterator[Any]:
        """What was made of the first shards by whoever had the batch before."""
        number = 0
        while self._store.storage.exists(name := self._name(number)):
            try:
                yield self._kind.validate_json(self._store.storage.read(name))
            except ValidationError:  # of another version; it is made again
                return
            number += 1

    def note(self, number: int, made: Any) -> None:
        """This shard is done."""
        self._store.storage.write(self._name(number), [self._kind.dump_json(made)], durable=False)

    def check(self) -> None:
        """Raise when the run is over: its flow was stopped, or is gone."""
        if not self._store.storage.exists(self._run):
            raise FatalError("The run was stopped; run it again, and it goes on from what is done.")

    def _name(self, number: int) -> str:
        return f"{self._prefix}_{number}"


@contextmanager
def kept_for_others(store: Store) -> Iterator[str]:
    """Meanwhile tasks of other processes keep what they have done under this name; nothing of it stays."""
    name = owned_name()
    store.storage.write(f"{INCOMING}/.{name}", [version_of("outhaul").encode()], durable=False)
    try:
        yield name
    finally:
        with suppress(OuthaulError):  # the next run sweeps it
            store.storage.remove(f"{INCOMING}/.{name}")
            for path, _, _ in store.storage.dated_files(INCOMING, f".{name}"):
                if path.startswith(f".{name}"):
                    store.storage.remove(f"{INCOMING}/{path}")


def open_shared(workspace: Workspace, plan: Plan) -> Store:
    """The workspace, as the task of a plan finds it.

    Raises:
        FatalError: this process has another one under that name, or is of another version than the run.
    """
    store = workspace.open()
    if not plan.headway:
        return store
    run, ours = f"{INCOMING}/.{plan.headway}", version_of("outhaul")
    if not store.storage.exists(run):
        raise FatalError(
            f"A worker does not find the run in the workspace {store.storage.shown}: it has been stopped, or the "
            f"worker has another folder of that name; choose one that all workers reach, such as s3://bucket/workspace."
        )
    if (theirs := store.storage.read(run).decode()) != ours:
        raise FatalError(f"A worker has outhaul {ours}, but the run {theirs}; install the same everywhere.")
    return store
