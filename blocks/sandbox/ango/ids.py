"""Ids as Ango Hub makes them, the same for the same seed: opaque texts, of one form or another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import blake2b

FIRST_DAY = datetime(2026, 2, 11, 9, 0, tzinfo=UTC)


def long_id(*parts: object) -> str:
    """24 hex digits: projects, tasks, assets, batches, users."""
    return _digest(parts)[:24]


def short_id(*parts: object) -> str:
    """23 hex digits: objects and classes."""
    return _digest(parts)[:23]


def uuid(*parts: object) -> str:
    """Stages that somebody made, and keys."""
    text = _digest(parts)[:32]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-9{text[17:20]}-{text[20:]}"


def moment(index: int, seconds: float = 0.0) -> str:
    """A time in the life of a task: ISO 8601, UTC, milliseconds."""
    at = FIRST_DAY + timedelta(minutes=index, seconds=seconds)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _digest(parts: tuple[object, ...]) -> str:
    return blake2b("\0".join(map(str, parts)).encode(), digest_size=20).hexdigest()
