"""What tells that an entry of IDAH has changed since an earlier run, and what does not.

Whatever happens to an entry and its annotations moves the entry's `updated_at`, with two exceptions. A deleted
annotation moves nothing: annotations are counted, which takes one request for a dataset, or one for each hundred
entries where something is amiss. And times are cut to seconds, and set when a transaction begins, not when others see
it: so an entry that changed shortly before it was listed may change once more without looking any different. Its line
in the listing says when it was listed; no later line is equal to that, and the next run reads the entry again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from blocks import http
from blocks.idah_client import IdahClient, Query, Resource, batches
from blocks.idah_filters import query_of, read_filters
from blocks.source import Where
from exporters.model import Dataset

SETTLES_AFTER = timedelta(seconds=60)
"""Longer than any transaction of the platform."""
CLOCKS_DIFFER_BY = timedelta(hours=1)
"""At most, where the platform does not say what time it is."""

_PATH = "dataset/annotations"
_SMALL: Query = [("fields[dataset:annotations][]", "entry_id")]


class _Identified(msgspec.Struct):
    id: str


class _Recent(msgspec.Struct):
    """The line of an entry that may change without looking different."""

    listed_at: str
    entry: msgspec.Raw


_decode_identified = msgspec.json.Decoder(_Identified).decode


def settled_before(clock: datetime | None) -> datetime:
    """Entries that changed before this moment look different once they change again."""
    return clock - SETTLES_AFTER if clock else datetime.now(UTC) - SETTLES_AFTER - CLOCKS_DIFFER_BY


def to_line(entry: Resource, settled: datetime) -> bytes:
    changed = _time(entry.attributes.get("updated_at"))
    if changed and changed < settled:
        return bytes(entry.raw)
    return msgspec.json.encode(_Recent(datetime.now(UTC).isoformat(), entry.raw))


def key_of(line: bytes) -> str:
    """The id of the entry; the rest of it is not parsed."""
    return _decode_identified(_entry(line)).id


def from_line(line: bytes) -> Resource:
    line = _entry(line)
    record = msgspec.json.decode(line)
    return Resource(record["id"], record.get("attributes", {}), msgspec.Raw(line))


def _entry(line: bytes) -> bytes:
    return bytes(msgspec.json.decode(line, type=_Recent).entry) if line.startswith(b'{"listed_at"') else line


async def has_annotations(client: IdahClient, dataset: Dataset, count: int, where: Where) -> bool:
    if read_filters(where, "entry"):  # which say nothing about annotations
        return False
    query = [("filter[dataset_id]", dataset.id), *query_of(read_filters(where, "annotation")), *_SMALL]
    return await client.count(_PATH, query, beyond=max(count - 1, 0)) == count


async def count_annotations(client: IdahClient, groups: Sequence[Sequence[bytes]], where: Where) -> list[int]:
    """How many annotations the entries of each group have."""
    further = [*query_of(read_filters(where, "annotation")), *_SMALL]

    async def count(group: Sequence[bytes]) -> int:
        ids = [from_line(line).id for line in group]
        lists = batches("filter[entry_id]", ids, len(ids))
        counts = await http.together(*(client.count(_PATH, [*one, *further]) for one in lists))
        return sum(one or 0 for one in counts)

    return await http.together(*map(count, groups))


def _time(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value).replace(" +", "+").replace(" -", "-"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
