"""Where the bytes of a shard go to, as its exporter sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, Protocol

from exporters.pictures.upright import MediaFile


@dataclass(frozen=True, slots=True)
class MediaMember:
    """A media file's place in the package."""

    path: str
    file: MediaFile


class Output(Protocol):
    """Where a shard's bytes go to and a media file's come from."""

    def append(self, part: str, data: bytes, separator: bytes) -> None:
        """Add to a part, behind `separator` unless it is the part's first."""

    def write(self, path: str, data: bytes) -> None:
        """Write a small file of the package whole."""

    def put_media(self, member: MediaMember) -> None:
        """Say that a fetched file is a file of the package."""

    def open_media(self, file: MediaFile) -> IO[bytes]:
        """The bytes of a fetched file."""
