"""Builds an Ango Hub sandbox from plain values, as a command line has them."""

from __future__ import annotations

import re
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
    rest_plugin: str = "",
    seed: int = 7,
) -> AngoSandbox:
    """``faults`` are ``KIND=SHARE``, such as ``503=0.05`` or ``reset=0.01``: see ``Fault.named``.

    ``drop`` is one more: such a share of what plug-ins say ends their connection, and is lost. ``rest_plugin``: the
    address at which a plug-in in REST mode is called.

    Raises:
        ValueError: with one sentence that says what is wrong, for whoever typed it.

    """
    shares = shares_by_kind(faults, others=["drop"])
    dropped = shares.pop("drop", 0.0)
    if rest_plugin and not re.match(r"https?://[\w.-]+(:\d+)?/?$", rest_plugin):
        raise ValueError(f"{rest_plugin!r} is no address to call a plug-in at; give one such as http://127.0.0.1:8080.")
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
    sandbox.hub.rest_url = rest_plugin.rstrip("/")
    sandbox.hub.drop_by_chance(dropped)
    if shares:
        sandbox.chaos = Chaos(seed, sum(shares.values()), shares)
    return sandbox
