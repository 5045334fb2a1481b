"""The contract of a layout: one way in which datasets lie in a folder, with their annotations and pictures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, Self

from blocks.layouts.opened import Folder
from exporters.model import Dataset, Entry
from exporters.shard import MediaChoice


class Layout(ABC):
    """A folder in which a layout was recognised. Reading is as lazy as the format allows."""

    label: ClassVar[str]
    """What people call it, for the form and the documentation."""
    sought: ClassVar[str]
    """What it is recognised by, for the message when nothing is: "data.yaml (YOLO)"."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder

    @classmethod
    @abstractmethod
    def found_in(cls, folder: Folder) -> Self | None:
        """The layout, where the folder has it: told by a few names and first lines, without reading much."""

    def catalog(self) -> list[Dataset]:
        """The datasets in the folder, in a stable order; their categories may be missing. Most folders are one."""
        return [Dataset(id=self.folder.name, name=self.folder.name, modality="image")]

    @abstractmethod
    def dataset(self, found: Dataset) -> Dataset:
        """A dataset of the catalog with its categories.

        Raises:
            RequestError: its files cannot be read; says which, and what is wrong with them.
        """

    @abstractmethod
    def list_entries(self, dataset: Dataset) -> Iterator[bytes]:
        """One compact JSON document an entry, in a stable order; all that `read` needs to find it again."""

    @abstractmethod
    def read(self, dataset: Dataset, listing: Sequence[bytes], media: MediaChoice) -> Iterator[Entry]:
        """The entries of a piece of the listing, in its order.

        Raises:
            RequestError: an entry's files cannot be read; says which, and what is wrong with them.
        """
