"""Builds an Ango Hub sandbox from plain values, as a command line has them."""

from __future__ import annotations

from collections.abc import Sequence

from blocks.sandbox.ango.sandbox import AngoSandbox
from blocks.sandbox.faults import Chaos
from blocks.sandbox.idah_options import shares_by_kind


def build_sandbox(
    *,
    tasks: int = 24,
    video_tasks: int = 5,
    document_tasks: int = 8,
    row_bytes: int | None = None,
    latency_ms: float = 0.0,
    export_ms: float = 0.0,
    link_seconds: float = 120_000,
    faults: Sequence[str] = (),
    seed: int = 7,
) -> AngoSandbox:
    """``faults`` are ``KIND=SHARE``, such as ``503=0.05`` or ``reset=0.01``: see ``Fault.named``.

    Raises:
        ValueError: with one sentence that says what is wrong, for whoever typed it.

    """
    shares = shares_by_kind(faults)
    sandbox = AngoSandbox(
        tasks,
        seed,
        video_tasks=video_tasks,
        document_tasks=document_tasks,
        row_bytes=row_bytes,
        latency_seconds=latency_ms / 1000,
        export_seconds=export_ms / 1000,
        link_seconds=link_seconds,
    )
    if shares:
        sandbox.chaos = Chaos(seed, sum(shares.values()), shares)
    return sandbox
