"""What became of each media of a shard: its file in the store, or why there is none."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from blocks.store import Store
from exporters.pictures.upright import MediaFile


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One media of a shard: its file in the store, or why there is none."""

    ref: str
    key: str = ""
    file: MediaFile | None = None
    missing: str = ""


_decode_outcome = msgspec.json.Decoder(Outcome).decode


def load_outcomes(path: str, store: Store) -> dict[tuple[str, str], MediaFile | str]:
    """By the media's ref and key: its file, or why there is none."""
    outcomes = map(_decode_outcome, store.load_lines(path))
    return {(one.ref, one.key): one.file or one.missing for one in outcomes}
