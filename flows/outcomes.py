"""What became of each media of a shard: its file in the store, or why there is none."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from blocks.store import Store
from exporters.pictures.upright import MediaFile
from flows.policy import digest
from flows.results import FetchedShard, Plan, ShardPlan


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One media of a shard: its file in the store, or why there is none."""

    ref: str
    key: str = ""
    version: str = ""
    file: MediaFile | None = None
    missing: str = ""


_decode_outcome = msgspec.json.Decoder(Outcome).decode


def recall_outcomes(plan: Plan, shard: ShardPlan, store: Store) -> dict[tuple[str, str], Outcome]:
    """What became of the media of those shards that this one was kept from."""
    found: dict[tuple[str, str], Outcome] = {}
    for former in shard.formers:
        note = note_path(plan, former.sha256)
        if not store.storage.exists(note):
            continue
        path = store.storage.read(note).decode()
        if store.storage.exists(path):
            outcomes = map(_decode_outcome, store.load_lines(path))
            found |= {(one.ref, one.key): one for one in outcomes}
    return found


def note_outcomes(plan: Plan, fetched: FetchedShard, path: str, store: Store) -> None:
    if plan.tells_changes:
        store.storage.write(note_path(plan, fetched.sha256), [path.encode()], durable=False)


def note_path(plan: Plan, sha256: str) -> str:
    """Where it is noted what became of the media of a shard of this content."""
    return f"outcomes/{digest(plan.source, sha256, plan.request.media)}"


def load_outcomes(path: str, store: Store) -> dict[tuple[str, str], MediaFile | str]:
    """By the media's ref and key: its file, or why there is none."""
    outcomes = map(_decode_outcome, store.load_lines(path))
    return {(one.ref, one.key): one.file or one.missing for one in outcomes}
