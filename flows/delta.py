"""delta: only what has changed since an earlier export, for those who keep a copy of their own in step.

The earlier export is the newest one of the same name at the target. It says in its `contents.jsonl` what all entries
were like, also those that it did not bring itself, so each delta follows the one before.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from blocks.storage import Storage
from blocks.store import Store
from exporters import RequestError
from flows.begun import known_lines
from flows.diff import earlier
from flows.ledger import decode_ledger
from flows.planned import Plan
from flows.results import FetchedShard

_decode = msgspec.json.Decoder(tuple[str, str]).decode

Removed = tuple[dict[str, str], ...]


def split_baseline(
    plan: Plan, fetched: Sequence[FetchedShard], storage: Storage, store: Store
) -> tuple[tuple[str, ...], Removed]:
    """For each shard, where it is kept what its entries were like; and the entries that are in no shard any more."""
    if plan.since is None:
        return ("",) * len(fetched), ()
    lines = known_lines(storage, plan.name, plan.since)
    if lines is None and not plan.since:
        return ("",) * len(fetched), ()
    if lines is None:
        raise RequestError(
            f"The export {plan.since} does not say what it is of, so nobody can say what has changed since; "
            f"give the deltas another --name."
        )
    baselines = []
    with earlier(lines) as known:
        for shard in fetched:
            dataset_id = plan.dataset_ids[shard.shard.dataset_index]
            entries = (decode_ledger(line).entry for line in store.load_lines(shard.ledger))
            found = ((entry, known.take(dataset_id, entry)) for entry in entries)
            baselines.append(store.save_lines(msgspec.json.encode(pair) for pair in found if pair[1])[0])
        return tuple(baselines), tuple({"dataset": dataset, "entry": entry} for dataset, entry in known.left())


def load_baseline(path: str, store: Store) -> dict[str, str]:
    """The digests of entries by their ids."""
    return dict(map(_decode, store.load_lines(path))) if path else {}
