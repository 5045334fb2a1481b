"""Where a listing is cut into shards: an entry more or less moves the borders near it only."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.cutting import cut


def shards(keys: list[str], entries: int) -> list[list[bytes]]:
    return list(cut((key.encode() for key in keys), entries, bytes.decode))


@given(st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=200), st.integers(1, 20))
def test_nothing_is_lost_or_moved(keys: list[str], entries: int) -> None:
    """All lines come in their order; no shard is empty, or twice as large as asked for; small are last ones only."""
    found = shards(keys, entries)
    assert [line.decode() for shard in found for line in shard] == keys
    assert all(1 <= len(shard) <= max(2 * entries - 1, 1) for shard in found)
    assert all(len(shard) >= entries // 2 for shard in found[:-1])


def test_shards_are_about_as_large_as_asked_for() -> None:
    """On average, over many entries."""
    found = shards([f"key {number}" for number in range(100_000)], 500)
    assert 400 < 100_000 / len(found) < 600


@pytest.mark.parametrize("change", ["insert", "delete"])
def test_borders_stay_where_they_are(change: str) -> None:
    """One entry in front of all others, or one less, leaves almost all shards as they were."""
    keys = [f"key {number}" for number in random.Random(5).sample(range(10**9), 20_000)]
    before = {tuple(shard) for shard in shards(keys, 100)}
    after = {tuple(shard) for shard in shards(["new", *keys] if change == "insert" else keys[1:], 100)}
    assert len(before - after) <= 5
