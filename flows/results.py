"""What tasks hand to each other: references into the workspace with counts, never data.

Small, frozen, JSON: they persist in any result storage, and a worker on another machine can go on with them. Paths are
relative to the workspace. Results that are remembered name their class by this module: they stay here.
"""

from __future__ import annotations

from typing import Any

from exporters.tally import Tally
from flows.planned import Former, ShardPlan
from flows.request import Frozen


class FetchedShard(Frozen):
    shard: ShardPlan
    path: str
    """Where its records are kept, or, of `pieces`, which of their lines they are."""
    sha256: str
    index: str
    """Where its `ShardIndex` is kept."""
    ledger: str
    entries: int
    annotations: int
    medias: int
    pieces: tuple[str, ...] = ()
    """Where its records lie, if it was not written whole; the last one has those that were read, if any was."""
    kept: str = ""
    """Where it is kept which of its entries were taken from which former shard; empty where none was, or all were."""
    withdrawn: Tally = Tally()
    """Of the entries that were listed, but had gone when they were to be read."""

    def as_former(self) -> Former:
        return Former(
            listing=self.shard.listing, path=self.path, sha256=self.sha256, ledger=self.ledger,
            entries=self.entries, annotations=self.annotations, medias=self.medias, pieces=self.pieces,
        )  # fmt: skip


class FetchedMedia(Frozen):
    """The media of one shard, all in the store; `path` says which file is whose."""

    path: str
    sha256: str
    bytes: int = 0
    downloaded: int = 0


class Part(Frozen):
    """A run of bytes of a file in the workspace."""

    path: str
    offset: int = 0
    size: int
    sha256: str


class ConvertedShard(Frozen):
    """What became of a shard's content. Knows nothing of the request, so that another request can use it too."""

    parts: dict[str, Part]
    members: str
    """Where the list of files that it brings into the package is kept, media among them: a `Member` a line."""
    contents: str
    """Where its entries are described, as in `flows.contents`."""
    tally: Tally
    remembered: tuple[str, ...] = ()
    """Where it is kept what became of its entries one by one, as in `flows.converted`."""


class Package(Frozen):
    """What a package consists of: an index of its files, whose bytes lie in the workspace."""

    export_id: str
    index: str
    contents: str
    files: int
    bytes: int
    tally: Tally
    classes: tuple[dict[str, Any], ...]
    ids: dict[str, str]
    removed: tuple[dict[str, str], ...] = ()
    """Of a delta: the entries that are gone."""


class Preview(Frozen):
    """What a person sees of a package: a page to lie beside it, and a sheet of samples, a JPEG; both in the workspace.

    `sheet` is empty where there is nothing to be seen; `kept` is where it is kept what was counted and drawn for it.
    """

    path: str
    size: int
    sha256: str
    sheet: str = ""
    kept: tuple[str, ...] = ()
