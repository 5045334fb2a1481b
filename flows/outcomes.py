"""What became of each media of a shard: its file in the store, or why there is none."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from blocks.store import Store
from exporters.pictures.upright import MediaFile
from flows.policy import digest
from flows.results import FetchedMedia, FetchedShard, Former, Plan, ShardPlan


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One media of a shard: its file in the store, or why there is none."""

    ref: str
    key: str = ""
    version: str = ""
    file: MediaFile | None = None
    missing: str = ""


_decode_outcome = msgspec.json.Decoder(Outcome).decode


def recall_fetched(plan: Plan, shard: ShardPlan, store: Store) -> FetchedMedia | None:
    """The media of a shard that is what it was, if all of it was had, and the store still has it."""
    known = _noted(plan, shard.formers[0], store) if shard.is_unchanged else None
    if known is None or not all(one.file and store.has_media(one.file) for one in _outcomes(known.path, store)):
        return None
    return known.model_copy(update={"downloaded": 0})


def recall_outcomes(plan: Plan, shard: ShardPlan, store: Store) -> dict[tuple[str, str], Outcome]:
    """What became of the media of those shards that this one was kept from."""
    noted = [_noted(plan, former, store) for former in shard.formers]
    return {(one.ref, one.key): one for known in noted if known for one in _outcomes(known.path, store)}


def note_fetched(plan: Plan, fetched: FetchedShard, media: FetchedMedia, store: Store) -> None:
    if plan.tells_changes:
        store.storage.write(note_path(plan, fetched.sha256), [media.model_dump_json().encode()], durable=False)


def _noted(plan: Plan, former: Former, store: Store) -> FetchedMedia | None:
    note = note_path(plan, former.sha256)
    if not store.storage.exists(note):
        return None
    known = FetchedMedia.model_validate_json(store.storage.read(note))
    return known if store.storage.exists(known.path) else None


def _outcomes(path: str, store: Store) -> Iterator[Outcome]:
    return map(_decode_outcome, store.load_lines(path))


def note_path(plan: Plan, sha256: str) -> str:
    """Where it is noted what became of the media of a shard of this content."""
    return f"outcomes/{digest(plan.source, sha256, plan.request.media)}"


def load_outcomes(path: str, store: Store) -> dict[tuple[str, str], MediaFile | str]:
    """By the media's ref and key: its file, or why there is none."""
    return {(one.ref, one.key): one.file or one.missing for one in _outcomes(path, store)}
