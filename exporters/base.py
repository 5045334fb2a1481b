"""The contract of an exporter, the sharded way: one entry at a time to parts and files, then parts to files.

A format is one module: its options, its exporter. `convert` is called for each entry of a shard, on any machine; it
appends bytes to named *parts*, or writes small files of the package whole. `assemble` is called once and says of which
parts, in which order, the other files are made. Bytes of parts are never read back by `assemble`: files are described,
not written, so nothing grows with the dataset.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Generic

from exporters.assembly import Assembly
from exporters.holds import Holds
from exporters.item import Item, default_media_path
from exporters.options import Options

if TYPE_CHECKING:
    from exporters.shard import Shard


class BaseExporter(ABC, Generic[Options]):
    """What every exporter declares, whichever way it is written. Instances hold no state."""

    name: ClassVar[str]
    description: ClassVar[str]
    version: ClassVar[int]
    """Raised whenever the same entries would give other bytes."""
    holds: ClassVar[Holds]
    options: type[Options]
    records: ClassVar[str] = ""
    """The file of its package that has a record with `id` and `dataset_id` a line for each entry; empty: none has."""

    def check_installed(self) -> None:
        """Raise RequestError, saying what to install, when a package that this format needs is missing."""


class Exporter(BaseExporter[Options]):
    """A sharded exporter: one instance serves all shards, in any order, in several processes."""

    def media_path(self, item: Item, shard: Shard[Options]) -> str:  # noqa: ARG002
        """Where in the package the original media of this entry lies; `item.files` is still empty."""
        return default_media_path(item)

    @abstractmethod
    def convert(self, item: Item, shard: Shard[Options]) -> None:
        """Write one entry: append to parts, write files, then `shard.keep` it, or leave it or annotations of it out.

        Raises:
            SkippableError: this entry cannot be exported; the policy of the run decides what that means.
        """

    def finish(self, shard: Shard[Options]) -> None:
        """After the last entry of a shard: for what can only be written then, out of `shard.memory`."""

    @abstractmethod
    def assemble(self, package: Assembly[Options]) -> None:
        """Say what files the package has besides the media."""
