"""Which export an API was sent last, in whole or in part: only of that one can the books say what the API has.

A folder keeps every export it was ever given; an API has one state. When another export has been begun since, what an
earlier one had accepted may have been overwritten, so that one is sent anew when it comes round again, under other
keys. And what a delta that was never ended has changed is not known: the next one brings all of its entries.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from itertools import chain

import msgspec

from blocks.chunks import lines_of
from blocks.storage import Storage
from exporters.foreign_json import UNREADABLE
from flows.contents import Line, decode_line
from flows.diff import delivered_lines
from flows.planned import Plan
from flows.policy import lasting_digest

REMEMBERED = 1000
"""Exports whose rounds are."""
UNCERTAIN = "uncertain"
"""Has a file for each delta that was begun, until it or a later one has ended."""


class _Begun(msgspec.Struct):
    """The export that was begun last, and how often each was begun anew, the last one last."""

    export_id: str = ""
    rounds: dict[str, int] = {}


_decode = msgspec.json.Decoder(_Begun).decode


def is_last(storage: Storage, plan: Plan, export_id: str) -> bool:
    """Whether no other export of this kind has been begun since this one."""
    return _begun(storage, plan).export_id == export_id


def begin(storage: Storage, plan: Plan, export_id: str) -> int:
    """Make this export the last one begun; returns how often it was begun anew.

    That is part of its keys: when it comes round again, an API would take the same ones for a repeat.
    """
    begun = _begun(storage, plan)
    if begun.export_id == export_id:
        return begun.rounds.get(export_id, 1)
    round_ = begun.rounds.pop(export_id, 0) + 1
    rounds = dict([*list(begun.rounds.items())[1 - REMEMBERED :], (export_id, round_)])
    storage.write(_path(plan), [msgspec.json.encode(_Begun(export_id, rounds))])
    return round_


def note_uncertain(storage: Storage, plan: Plan, export_id: str, entries: Iterable[tuple[str, str]]) -> None:
    """Put down the entries, by dataset and id, that an API may have of a delta from now on, or may not."""
    lines = (msgspec.json.encode(Line(dataset, entry, "", {})) + b"\n" for dataset, entry in entries)
    storage.write(f"{plan.name}/{UNCERTAIN}/{export_id}", lines)


def settle(storage: Storage, name: str) -> None:
    """Forget what was uncertain: a delta has ended that brought all of it."""
    for path in _uncertain(storage, name):
        storage.remove(path)


def known_lines(storage: Storage, name: str, since: str) -> Iterator[Line] | None:
    """What a target has as of an export; an entry of which that is not certain comes again, with no digest.

    None when an older version delivered it, and does not say; also when there is nothing.
    """
    paths = _uncertain(storage, name)
    uncertain = (decode_line(line) for path in paths for line in lines_of(storage.stream(path)))
    known = delivered_lines(storage, f"{name}/{since}/") if since else None
    if known is None:
        return uncertain if paths and not since else None
    return chain(known, uncertain)


def _uncertain(storage: Storage, name: str) -> list[str]:
    folder = f"{name}/{UNCERTAIN}"
    return [f"{folder}/{path}" for path in storage.files(folder)]


def _begun(storage: Storage, plan: Plan) -> _Begun:
    path = _path(plan)
    with contextlib.suppress(*UNREADABLE):  # what cannot be read says nothing: all is sent again
        return _decode(storage.read(path)) if storage.exists(path) else _Begun()
    return _Begun()


def _path(plan: Plan) -> str:
    kind = [plan.source, plan.dataset_ids, plan.where, *plan.exporter_facts, plan.since is not None]
    return f"{plan.name}/begun-{lasting_digest(*kind)[:16]}"
