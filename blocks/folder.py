"""A folder as a source: COCO with its pictures, or a `jsonl` export of our own, at any URL, packed as a zip or not."""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import IO, Any, ClassVar

import msgspec
import orjson
from prefect.blocks.fields import SecretDict
from pydantic import Field, PrivateAttr

from blocks import coco_file
from blocks.source import MediaReader, Source, Where, find_dataset
from blocks.storage import CHUNK_BYTES, Storage, refuse_credentials, without_credentials
from blocks.storage_errors import translated
from exporters.errors import RequestError, SkippableError
from exporters.jsonl import DATASETS, ENTRIES
from exporters.model import Dataset, Entry, Media, decode_dataset, decode_entry
from exporters.shard import MediaChoice

_NOT_DATASETS = {"manifest.json", "receipt.json", "latest.json"}
_GENERIC = re.compile(r"(_?annotations(\.coco)?|instances|instances_default|coco|labels|result|data)", re.IGNORECASE)
_SPLIT = re.compile(
    r"(?:instances|person_keypoints|annotations?|coco)_(?P<after>.+)|(?P<bare>(?:train|val|valid|test)\d*)"
)


class _Line(msgspec.Struct):
    id: str
    dataset_id: str
    files: dict[str, str] = {}


_decode_line = msgspec.json.Decoder(_Line).decode


class FolderSource(Source):
    """A folder of annotated pictures: COCO files with their images, or a `jsonl` export read back.

    Example:
        ```python
        FolderSource(url="s3://datasets/coco").save("coco")
        ```
    """

    _block_type_name = "Outhaul Folder"
    _block_type_slug = "folder"
    _description = "A folder with a COCO dataset or a jsonl export, at any URL."
    takes_all_datasets: ClassVar[bool] = True

    url: str = Field(
        default=..., title="URL", description="A path or URL of a folder, of a zip, or of one COCO JSON file."
    )
    options: SecretDict = Field(
        default_factory=lambda: SecretDict({}), description="Options of the fsspec backend, as JSON."
    )
    connections: int = Field(default=16, ge=1, le=64, description="Files read at once.")

    _opened: tuple[Storage, list[str]] | None = PrivateAttr(default=None)

    def identity(self) -> dict[str, str]:
        return {"platform": "folder", "name": self._name}

    def catalog(self) -> list[Dataset]:
        storage, files = self._open()
        if files == [DATASETS]:
            return [_read_back(line, self._shown) for line in storage.read(DATASETS).splitlines()]
        return [self._coco_dataset(file, with_categories=False) for file in files]

    def dataset(self, dataset_id: str) -> Dataset:
        found = find_dataset(self.catalog(), dataset_id, self._shown)
        _, files = self._open()
        return found if files == [DATASETS] else self._coco_dataset(f"{found.id}.json", with_categories=True)

    def choose(self, wanted: Sequence[str]) -> list[Dataset]:
        return super().choose(wanted or [dataset.id for dataset in self.catalog()])

    def list_entries(self, dataset: Dataset, where: Where) -> Iterator[bytes]:  # noqa: ARG002 - has no filters
        storage, files = self._open()
        if files == [DATASETS]:
            return self._listed_lines(storage, dataset)
        return coco_file.list_images(self._opener(f"{dataset.id}.json"), self._shown_file(f"{dataset.id}.json"))

    def read(self, dataset: Dataset, listing: Sequence[bytes], media: MediaChoice) -> Iterator[Entry]:
        storage, files = self._open()
        if files == [DATASETS]:
            yield from (self._entry_back(storage, line, media) for line in listing)
            return
        documents = [orjson.loads(line) for line in listing]
        finder = _ImageFinder(storage, f"{dataset.id}.json", dataset.split)
        for document in documents:
            image = document["image"]
            name = str(image.get("file_name") or "")
            found = finder.find(name) if media != "none" else ""
            wanted = (name or f"image {image['id']} of {dataset.id}") if media != "none" else ""
            yield coco_file.to_entry(
                document,
                dataset.id,
                dataset.split,
                Media(
                    id=str(image["id"]),
                    name=posixpath.basename(name),
                    ref=found or wanted,
                    version=_version(storage, found),
                    width=_extent(image.get("width")),
                    height=_extent(image.get("height")),
                ),
            )

    @asynccontextmanager
    async def open_media(self) -> AsyncIterator[MediaReader]:
        storage, _ = self._open()
        yield _MediaReader(storage)

    @property
    def _shown(self) -> str:
        return f"folder:{without_credentials(self.url)}"

    @property
    def _name(self) -> str:
        """The folder's own name: its place on this machine is nobody's business."""
        last = posixpath.basename(without_credentials(self.url).rstrip("/"))
        return re.sub(r"\.(zip|json)$", "", last) or "folder"

    def _shown_file(self, name: str) -> str:
        shown = without_credentials(self.url)
        return f"{shown.rstrip('/')}/{name}" if not shown.endswith(".json") else shown

    def _open(self) -> tuple[Storage, list[str]]:
        """The storage, and the files in it that describe datasets."""
        if self._opened is None:
            refuse_credentials(self.url)
            options = self.options.get_secret_value()
            self._opened = self._open_file(options) if self.url.endswith(".json") else self._open_folder(options)
        return self._opened

    def _open_file(self, options: dict[str, Any]) -> tuple[Storage, list[str]]:
        folder, _, name = self.url.rpartition("/")
        storage = Storage(folder or ".", options)
        if storage.size(name) is None:
            raise RequestError(f"{self._shown} does not exist; check the path.")
        if not coco_file.is_coco(lambda: storage.open(name)):
            raise RequestError(f"{self._shown} is no COCO file: none of images, annotations and categories is in it.")
        if posixpath.basename(folder) == "annotations":  # its pictures lie beside that folder
            return Storage(folder.rpartition("/")[0] or ".", options), [f"annotations/{name}"]
        return storage, [name]

    def _open_folder(self, options: dict[str, Any]) -> tuple[Storage, list[str]]:
        storage = Storage(f"zip://::{self.url}" if self.url.endswith(".zip") else self.url, options)
        if not self.url.endswith(".zip") and not storage.exists(""):
            raise RequestError(f"{self._shown} does not exist; check the path.")
        if storage.exists(DATASETS) and storage.exists(ENTRIES):
            return storage, [DATASETS]
        found = [name for name in _json_files(storage) if coco_file.is_coco(lambda name=name: storage.open(name))]
        if not found:
            raise RequestError(
                f"{self._shown} holds no dataset: neither a COCO JSON file (at the top or in annotations/), nor "
                f"{DATASETS} and {ENTRIES} of a jsonl export."
            )
        return storage, found

    def _opener(self, name: str) -> Callable[[], IO[bytes]]:
        storage, _ = self._open()
        return lambda: storage.open(name)

    def _coco_dataset(self, file: str, *, with_categories: bool) -> Dataset:
        stem = posixpath.basename(file).removesuffix(".json")
        folder = posixpath.basename(posixpath.dirname(file))
        is_roboflow = stem == "_annotations.coco" and folder
        split_match = _SPLIT.fullmatch(stem)
        split = folder if is_roboflow else (split_match and (split_match["after"] or split_match["bare"])) or None
        opener, shown = self._opener(file), self._shown_file(file)
        return Dataset(
            id=file.removesuffix(".json"),
            name=(folder if is_roboflow else "") or (self._name if _GENERIC.fullmatch(stem) else stem),
            modality="image",
            split=None if split == "default" else split,
            categories=coco_file.read_categories(opener, shown) if with_categories else (),
            attributes={"licenses": coco_file.read_licenses(opener, shown)} if with_categories else {},
        )

    def _listed_lines(self, storage: Storage, dataset: Dataset) -> Iterator[bytes]:
        with translated(self._shown), storage.open(ENTRIES) as handle:
            for line in handle:
                if _line(line, self._shown).dataset_id == dataset.id:
                    yield line.rstrip(b"\n")

    def _entry_back(self, storage: Storage, line: bytes, media: MediaChoice) -> Entry:
        files = _line(line, self._shown).files
        try:
            entry = decode_entry(line)
        except msgspec.MsgspecError as error:
            raise RequestError(f"{self._shown}: a line of {ENTRIES} is not an entry ({error}).") from None

        def found(one: Media) -> Media:
            if media == "none":
                return msgspec.structs.replace(one, ref="", version="")
            path = files.get(one.id, "")
            there = _found(storage, path)
            wanted = path or f"media {one.id} of {entry.id}"
            return msgspec.structs.replace(one, ref=there or wanted, version=_version(storage, there))

        return msgspec.structs.replace(entry, medias=tuple(map(found, entry.medias)))


class _ImageFinder:
    """Where the pictures of a COCO file lie: the usual places, the one that served last tried first."""

    def __init__(self, storage: Storage, file: str, split: str | None) -> None:
        self._storage = storage
        beside = posixpath.dirname(file)
        splits = [split] if split else []
        inside = (f"images/{one}" for one in (*splits, "default"))
        places = ["images", "", beside, *splits, *inside, "data", "train", "val", "test"]
        self._places = list(dict.fromkeys(places))

    def find(self, file_name: str) -> str:
        """The picture's path in the folder; empty when it is nowhere, or would lie outside the folder."""
        for place in self._places:
            path = _found(self._storage, posixpath.join(place, file_name) if file_name else "")
            if path:
                self._places.remove(place)
                self._places.insert(0, place)
                return path
        return ""


class _MediaReader:
    """Reads what was found in the folder; a media that was not has no version, and a `ref` that only names it."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def read(self, media: Media) -> AsyncIterator[bytes]:
        if not media.version or not _tidy(media.ref):
            raise SkippableError(media.id, "its picture is not in the folder")
        try:
            handle = await asyncio.to_thread(self._storage.open, media.ref)
        except RequestError:
            if await asyncio.to_thread(self._storage.size, media.ref) is not None:
                raise
            raise SkippableError(media.id, "its picture is not in the folder any more") from None
        with translated(self._storage.shown_path(media.ref)), handle:
            while chunk := await asyncio.to_thread(handle.read, CHUNK_BYTES):
                yield chunk


def _json_files(storage: Storage) -> list[str]:
    """JSON files where datasets keep their annotations: at the top and in its folders, without searching images."""
    found = []
    for folder in ("", "annotations", "train", "val", "valid", "test"):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for info in storage.fs.ls(storage.path(folder), detail=True):  # no glob: a folder may be called data[1]
                last = posixpath.basename(info["name"])
                name = f"{folder}/{last}" if folder else last
                if last.endswith(".json") and info["type"] == "file" and name not in _NOT_DATASETS:
                    found.append(name)
    return sorted(found)


def _version(storage: Storage, ref: str) -> str:
    """Changes when the file may have: size and time, or the store's own tag."""
    if not ref:
        return ""
    with translated(storage.shown_path(ref)):
        info = storage.fs.info(storage.path(ref))
        if "CRC" in info:  # in a zip; what it calls unique differs each time it is opened
            return f"{info['CRC']:08x}-{info['size']}"
        if not str(info["name"]).startswith(("http://", "https://")):
            return str(storage.fs.ukey(storage.path(ref)))
    marks = [str(info[name]) for name in ("ETag", "Last-Modified", "Content-MD5", "Digest") if info.get(name)]
    if marks:
        return " ".join([*marks, str(info.get("size"))])
    return secrets.token_hex(16)  # nothing tells whether the file is the one of last time


def _found(storage: Storage, path: str) -> str:
    """The path of a file in the folder, tidied; empty when there is none, or when it leads outside."""
    tidy = _tidy(path)
    return tidy if tidy and storage.size(tidy) is not None else ""


def _tidy(path: str) -> str:
    """A path in the folder without detours; empty when it leads outside, or can be no file."""
    tidy = posixpath.normpath(path) if path else ""
    parts = tidy.split("/")
    if not tidy or tidy.startswith("/") or parts[0] in ("..", ".") or "\0" in tidy:
        return ""
    if any(len(part.encode(errors="replace")) > 255 for part in parts):
        return ""
    return tidy


def _read_back(line: bytes, shown: str) -> Dataset:
    try:
        return decode_dataset(line)
    except msgspec.MsgspecError as error:
        raise RequestError(f"{shown}: a line of {DATASETS} is not a dataset ({error}).") from None


def _line(line: bytes, shown: str) -> _Line:
    try:
        return _decode_line(line)
    except msgspec.MsgspecError as error:
        raise RequestError(f"{shown}: a line of {ENTRIES} is not an entry ({error}).") from None


def _extent(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and 0 < value < 1 << 63 else None
