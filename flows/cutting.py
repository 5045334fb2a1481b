"""How a listing is cut into shards: so that one entry more or less moves the borders near it, not all that follow.

A border lies in front of entries whose own key says so, by a hash; which ones, no other entry has a say in. Shards have
about as many entries as asked for: half as many at least, but for the last one, and twice as many at most.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator


def cut(listing: Iterable[bytes], entries: int, key_of: Callable[[bytes], str]) -> Iterator[list[bytes]]:
    """The lines of a listing in shards of about so many `entries`."""
    least, most = max(entries // 2, 1), max(2 * entries - 1, 1)
    shard: list[bytes] = []
    for line in listing:
        if len(shard) >= most or (len(shard) >= least and _begins_shard(key_of(line), entries - least + 1)):
            yield shard
            shard = []
        shard.append(line)
    if shard:
        yield shard


def _begins_shard(key: str, one_in: int) -> bool:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest()) % one_in == 0
