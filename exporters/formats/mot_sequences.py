"""The sequences of a MOT package, put together from what shards met of them: no frame of them is two pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import orjson

from exporters.assembly import Assembly
from exporters.errors import RequestError, quoted

SEQUENCE = "sequence:"
"""Of empty parts: `assemble` learns from their names which sequences a shard has frames of, and which frames."""


def runs(frames: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """First and last frames of runs, those that touch joined into one, but not those that overlap."""
    pending: tuple[int, int] | None = None
    for first, last in sorted(frames):
        if pending and first == pending[1] + 1:
            pending = (pending[0], last)
            continue
        if pending:
            yield pending
        pending = (first, last)
    if pending:
        yield pending


def sequences(package: Assembly[Any]) -> list[dict[str, Any]]:
    """The sequences of all shards, in order.

    Raises:
        RequestError: two pictures are the same frame of a sequence, or two sequences differ in case alone.
    """
    found: dict[str, dict[str, Any]] = {}
    for part in (part for shard in package.parts for part in shard if part.startswith(SEQUENCE)):
        one = orjson.loads(part.removeprefix(SEQUENCE))
        known = found.setdefault(one["path"].casefold(), one)
        if known["path"] != one["path"]:
            raise RequestError(
                f"The sequences {quoted(known['path'])} and {quoted(one['path'])} are one folder on some file systems; "
                f"give them names that differ in more than case, with the option sequence_attribute for instance."
            )
        if known is not one:
            known["frames"] += one["frames"]
    for one in found.values():
        runs = sorted(one["frames"])
        for (_, last), (first, _) in pairwise(runs):
            if first <= last:
                raise RequestError(
                    f"Two pictures are frame {first} of the sequence {quoted(one['path'])}; tell them apart with the "
                    f"options frame_from and sequence_attribute, or export their datasets one at a time."
                )
        one["length"] = runs[-1][1]
    return list(found.values())


def seqinfo(sequence: dict[str, Any]) -> bytes:
    width, height = sequence["size"]
    name = sequence["path"].rpartition("/")[2]
    return (
        f"[Sequence]\nname={name}\nimDir=img1\nframeRate={max(1, round(sequence['rate']))}\n"
        f"seqLength={sequence['length']}\nimWidth={width}\nimHeight={height}\nimExt={sequence['extension']}\n"
    ).encode()
