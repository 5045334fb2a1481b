"""Builds an IDAH sandbox from plain values, as a command line has them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from blocks.sandbox.faults import Chaos, Fault
from blocks.sandbox.idah import IdahSandbox


def build_sandbox(
    *,
    entries: int = 24,
    datasets: int = 1,
    video_datasets: int = 0,
    video_entries: int = 6,
    latency_ms: float = 0.0,
    media_bytes: int | None = None,
    annotations_per_entry: int | None = None,
    large_media_bytes: int | None = None,
    faults: Sequence[str] = (),
    seed: int = 7,
) -> IdahSandbox:
    """``faults`` are ``KIND=SHARE``, such as ``503=0.05``, ``429:2=0.1`` or ``reset=0.01``: see ``Fault.named``.

    Each says which share of all requests meets it; a request meets none more than twice in a row.

    Raises:
        ValueError: with one sentence that says what is wrong, for whoever typed it.

    """
    shares = shares_by_kind(faults)
    sandbox = IdahSandbox(
        entries,
        seed,
        datasets,
        latency_ms / 1000,
        video_datasets=video_datasets,
        video_entries=video_entries,
        media_bytes=media_bytes,
        annotations_per_entry=annotations_per_entry,
        large_media_bytes=large_media_bytes,
    )
    if shares:
        sandbox.chaos = Chaos(seed, sum(shares.values()), shares)
    return sandbox


def shares_by_kind(faults: Sequence[str], others: Collection[str] = ()) -> dict[str, float]:
    """Reads ``KIND=SHARE`` and checks both; the shares may be 1 together. ``others`` are kinds of the caller's own.

    Raises:
        ValueError: with one sentence.

    """
    shares: dict[str, float] = {}
    for fault in faults:
        kind, equals, text = fault.partition("=")
        share = _number(text)
        if not equals or share is None or not 0 < share <= 1:
            raise ValueError(
                f"The fault {fault!r} is no KIND=SHARE: give a share of the requests, such as {kind}=0.05."
            )
        if kind not in others:
            Fault.named(kind)
        shares[kind] = shares.get(kind, 0.0) + share
    if sum(shares.values()) > 1:
        total = sum(shares.values())
        raise ValueError(f"The shares of the faults come to {total:g}: no more than 1, all requests, can meet one.")
    return shares


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
