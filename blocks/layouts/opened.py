"""A folder that a source has opened: its files found without leaving it, and told apart from what they were before."""

from __future__ import annotations

import asyncio
import copy
import mimetypes
import os
import posixpath
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from blocks.chunks import CHUNK_BYTES
from blocks.pictures import Header
from blocks.source import MediaReader
from blocks.storage import Storage
from blocks.storage_errors import translated
from exporters.errors import RequestError, SkippableError
from exporters.model import Media
from exporters.shapes.geometry import upright_size
from exporters.shard import MediaChoice

HEADER_BYTES = 1 << 16
PICTURES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif"))
"""Extensions of pictures, in small letters."""
EMBEDDED = "#imageData"
"""Ends the `ref` of a picture that is only inside of the JSON file before it."""
SPLITS = ("train", "val", "valid", "validation", "test")
"""Folders that are splits, not classes or projects, wherever a layout does not say so itself."""


@dataclass(frozen=True)
class Folder(MediaReader):
    """`name` is the folder's own: its place on this machine is nobody's business. `shown` stands for it in messages.

    `only_file` is the one file that was asked for, where it was one.
    """

    storage: Storage
    name: str
    shown: str
    only_file: str = ""

    def shown_file(self, path: str) -> str:
        return self.shown if self.only_file else f"{self.shown.rstrip('/')}/{path}"

    def opener(self, path: str) -> Callable[[], IO[bytes]]:
        return lambda: self.storage.open(path)

    def read_text(self, path: str) -> str:
        """A small text file, a byte-order mark at its beginning or not.

        Raises:
            RequestError: it is not UTF-8.
        """
        try:
            return self.storage.read(path).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise RequestError(f"{self.shown_file(path)} is no UTF-8 text; convert it.") from None

    def find(self, path: str) -> str:
        """The path of a file in the folder, tidied; empty when there is none, or when it leads outside."""
        tidy = _tidy(path)
        return tidy if tidy and self.storage.size(tidy) is not None else ""

    def listed(self, folder: str) -> Iterator[tuple[str, bool]]:
        """What lies in a folder: each path, sorted, and whether it is a file; nothing when there is no such folder.

        Links are what they lead to; one that leads nowhere is a file that is missing. A link back to a folder that it
        lies in is passed over: what is there is listed without it.
        """
        tidy = _tidy(folder)
        if not tidy and folder not in ("", "."):
            return
        folder = tidy
        try:
            found = self.storage.fs.ls(self.storage.path(folder), detail=True)  # no glob: a folder may be called a[1]
        except (FileNotFoundError, NotADirectoryError):
            return
        for info in sorted(found, key=lambda info: str(info["name"])):
            last = posixpath.basename(info["name"].rstrip("/"))
            if not last or last == _MAC_FOLDER:
                continue
            path = f"{folder}/{last}" if folder else last
            is_link = info["type"] not in ("file", "directory")
            is_file = not self.storage.fs.isdir(info["name"]) if is_link else info["type"] == "file"
            if is_file or not is_link or not self._leads_back(path):
                yield path, is_file

    def files_below(self, folder: str) -> Iterator[str]:
        """All files in a folder and in the folders of it, sorted, folder by folder; links to folders are followed."""
        for path, is_file in self.listed(folder):
            if is_file:
                yield path
            else:
                yield from self.files_below(path)

    def only_folder(self) -> Folder | None:
        """The only thing in this folder, as archives have it; None where there is a file or another folder."""
        if self.only_file:
            return None
        listed = [one for one in self.listed("") if not one[0].startswith(".")]
        if len(listed) != 1 or listed[0][1]:
            return None
        name = listed[0][0]
        below = copy.copy(self.storage)
        below.url, below.root = self.storage.shown_path(name), self.storage.path(name)
        return replace(self, storage=below, shown=self.shown_file(name))

    def media(self, path: str, *, id_: str, wanted: str = "", **values: Any) -> Media:
        """The media that lies at `path`, as `find` gave it; what was `wanted` is named where it lies nowhere."""
        name = posixpath.basename(path or wanted)
        return Media(id=id_, name=name, ref=path or wanted, version=self.version(path), **values)

    def original(
        self, path: str, choice: MediaChoice, *, id_: str, wanted: str, mime_type: str | None = None, **values: Any
    ) -> Media:
        """An entry's own file, named by nothing where no media was asked for.

        Args:
            path: where it lies, as `find` gave it; empty where it lies nowhere.
            choice: which media was asked for.
            id_: of the media.
            wanted: what is missing where it lies nowhere.
            mime_type: of a video or sound; a picture's shows in its bytes.
            values: other fields of the media.
        """
        if choice == "none":
            return Media(id=id_, name=posixpath.basename(wanted), ref="", mime_type=mime_type, **values)
        return self.media(path, id_=id_, wanted=wanted, mime_type=mime_type, **values)

    def picture(self, path: str, choice: MediaChoice, size: tuple[int, int] | None = None) -> Media:
        """The picture that lies at `path`, of the upright `size` that it is known to have, or that its header says."""
        width, height = size or self.upright_size(path) or (None, None)
        return self.original(path, choice, id_=path, wanted=path, width=width, height=height)

    def version(self, path: str) -> str:
        """Changes when the file may have: size and time, or the store's own tag; empty when there is no file."""
        if not path or self._is_missing(path):
            return ""
        with translated(self.storage.shown_path(path)):
            info = self.storage.fs.info(self.storage.path(path))
            if "CRC" in info:  # in a zip; what it calls unique differs each time it is opened
                return f"{info['CRC']:08x}-{info['size']}"
            if not str(info["name"]).startswith(("http://", "https://")):
                return str(self.storage.fs.ukey(self.storage.path(path)))
        marks = [str(info[name]) for name in ("ETag", "Last-Modified", "Content-MD5", "Digest") if info.get(name)]
        if marks:
            return " ".join([*marks, str(info.get("size"))])
        return secrets.token_hex(16)  # nothing tells whether the file is the one of last time

    def upright_size(self, path: str) -> tuple[int, int] | None:
        """Width and height of a picture as it is shown, from its header; None for what is no picture."""
        if not path or self._is_missing(path):
            return None
        header = Header()
        with translated(self.storage.shown_path(path)), self.storage.open(path) as handle:
            while (chunk := handle.read(HEADER_BYTES)) and not header.feed(chunk):
                pass
        found = header.result
        return upright_size(found.width, found.height, found.orientation) if found else None

    def pictures_below(self, folder: str) -> Iterator[str]:
        """All pictures in a folder and in the folders of it, by extension, sorted."""
        return (path for path in self.files_below(folder) if posixpath.splitext(path)[1].lower() in PICTURES)

    async def read(self, media: Media) -> AsyncIterator[bytes]:
        """The bytes of a media; one that was not found has no version, and a `ref` that only names it."""
        if not media.version or not _tidy(media.ref):
            raise SkippableError(media.id, _absence(media))
        try:
            handle = await asyncio.to_thread(self.storage.open, media.ref)
        except RequestError:
            if await asyncio.to_thread(self.storage.size, media.ref) is not None:
                raise
            raise SkippableError(media.id, "its picture is not in the folder any more") from None
        with translated(self.storage.shown_path(media.ref)), handle:
            while chunk := await asyncio.to_thread(handle.read, CHUNK_BYTES):
                yield chunk

    def _is_missing(self, path: str) -> bool:
        """Whether a listed file is a link to nothing, as those of git-annex are until their contents are fetched."""
        place = Path(self.storage.path(path))
        return self.storage.is_local and place.is_symlink() and not place.exists()

    def _leads_back(self, link: str) -> bool:
        """Whether a link to a folder leads to one of those on the way to it."""
        if not self.storage.is_local:
            return False
        parts = link.split("/")
        above = {os.path.realpath(self.storage.path("/".join(parts[:count]))) for count in range(len(parts))}
        return os.path.realpath(self.storage.path(link)) in above


def _absence(media: Media) -> str:
    """Why there is no file of a media that was not found."""
    if media.ref.endswith(EMBEDDED):
        return "its picture is embedded in its JSON, which is not read"
    if (media.mime_type or "").startswith("video/"):
        return "its video file is not in the folder, and frames of it are not read instead"
    return "its picture is not in the folder"


_TYPES = mimetypes.MimeTypes()
"""The library's own, without what a machine adds to them: types are part of what is exported."""


def media_kind(path: str) -> str | None:
    """The type of a file of which the extension says it, `video/mp4`; None where it does not."""
    return _TYPES.guess_type(path)[0]


def video_type(path: str) -> str | None:
    """The type of a video by its extension; None for what is none."""
    found = media_kind(path)
    return found if found and found.startswith("video/") else None


_MAC_FOLDER = "__MACOSX"
"""What macOS adds to archives: of each file a hidden one of the same name."""


def _tidy(path: str) -> str:
    """A path in the folder without detours; empty when it leads outside, or can be no file."""
    tidy = posixpath.normpath(path) if path else ""
    parts = tidy.split("/")
    if not tidy or tidy.startswith("/") or parts[0] in ("..", ".") or "\0" in tidy:
        return ""
    if any(len(part.encode(errors="replace")) > 255 for part in parts):
        return ""
    return tidy
