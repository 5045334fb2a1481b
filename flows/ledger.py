"""The ledger of a shard: a line for each entry, as it was listed, and how much was read of it."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import msgspec

from exporters.model import Entry


class Booked(NamedTuple):
    """A line of a ledger."""

    key: str
    line: str
    """A digest of the line that listed it."""
    entry: str
    annotations: int
    medias: int


decode_ledger = msgspec.json.Decoder(Booked).decode


def booked(key: str, line: bytes, entry: Entry) -> Booked:
    return Booked(key, digest_of(line), entry.id, len(entry.annotations), len(entry.medias))


def digest_of(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:32]
