"""What a run and the process of its exporter say to each other: a job there, events back, a line of JSON each."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from exporters.shard import MediaChoice
from flows.child_messages import Began, Broke, Moved, Said


class FetchedEntries(Struct, frozen=True, kw_only=True):
    """A fetched shard, and what became of its media where any was asked for. Paths are those of the workspace."""

    dataset_index: int
    path: str
    pieces: tuple[str, ...] = ()
    outcomes: str | None
    entries: int
    annotations: int
    medias: int


class Job(Struct, frozen=True, kw_only=True):
    """All that the process has to know. Goes over its standard input: the storage's options may hold secrets."""

    exporter: str
    code_digest: str
    """Of its plug-in: the process loads it anew, and it may have been edited meanwhile."""
    written_as: tuple[str, str]
    """Module and name of its class, for exporters that the program has registered itself."""
    options: dict[str, Any]
    workspace_url: str
    workspace_options: dict[str, Any]
    datasets: str
    shards: tuple[FetchedEntries, ...]
    media: MediaChoice
    origin: dict[str, str] = {}
    """Who the entries come from, as the manifest names it."""
    secrets: dict[str, str] = {}
    """What the exporter is given beside its options."""
    skips_faults: bool
    folder: str
    """Everything that the exporter writes lies in here; whoever made it removes it."""

    def __repr__(self) -> str:
        return f"Job({self.exporter!r})"  # the rest may hold secrets


class Done(Struct, frozen=True, tag="done"):
    """It has finished. `written`: the file or directory it wrote, if any; `tally`: its books."""

    written: str | None
    tally: dict[str, Any]


class Delayed(Struct, frozen=True, tag="delayed"):
    """It asks to be run again after so many seconds."""

    after: float


Event = Began | Moved | Said | Done | Delayed | Broke
End = Done | Delayed | Broke

decode_job = msgspec.json.Decoder(Job).decode
decode_event = msgspec.json.Decoder(Event).decode
