"""COCO files with their pictures: at the top, in `annotations/`, or one in the folder of each split (Roboflow)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self

import orjson

from blocks.documents import LATEST, MANIFEST, RECEIPT
from blocks.layouts import coco_file
from blocks.layouts.coco_records import to_entry
from blocks.layouts.layout import Layout
from blocks.layouts.opened import Folder
from exporters.errors import RequestError
from exporters.model import Dataset, Entry
from exporters.shard import MediaChoice

_NOT_DATASETS = {MANIFEST, RECEIPT, LATEST}
_FOLDERS = ("", "annotations", "train", "val", "valid", "test")
"""Where datasets keep their annotations; folders of pictures are not searched."""
_GENERIC = re.compile(r"(_?annotations(\.coco)?|instances|instances_default|coco|labels|result|data)", re.IGNORECASE)
_SPLIT = re.compile(
    r"(?:.*[_. -])??(?P<token>(?:train|val|valid|validation|test)(?:-dev)?\d*)"
    r"|(?:instances|person_keypoints|captions|annotations?|coco)_(?P<after>.+)"
)
_VALIDATION = ("val", "valid", "validation")
_GUESSED = ("train", *_VALIDATION, "test")
"""Folders of pictures that may be a split's, where nothing says of which split a file is."""


class CocoLayout(Layout):
    label: ClassVar[str] = "COCO"
    sought: ClassVar[str] = "a COCO JSON file"

    def __init__(self, folder: Folder, files: Sequence[str]) -> None:
        super().__init__(folder)
        self._files = files

    @classmethod
    def found_in(cls, folder: Folder) -> Self | None:
        names = [folder.only_file] if folder.only_file else sorted(_json_files(folder))
        found = [name for name in names if coco_file.is_coco(folder.opener(name), folder.shown_file(name))]
        return cls(folder, found) if found else None

    def catalog(self) -> list[Dataset]:
        return [self._dataset(file) for file in self._files]

    def dataset(self, found: Dataset) -> Dataset:
        return self._dataset(_file(found), with_categories=True)

    def list_entries(self, dataset: Dataset) -> Iterator[bytes]:
        file = _file(dataset)
        return coco_file.list_images(self.folder.opener(file), self.folder.shown_file(file))

    def read(self, dataset: Dataset, listing: Sequence[bytes], media: MediaChoice) -> Iterator[Entry]:
        finder = _PictureFinder(self.folder, _file(dataset), dataset.split)
        for line in listing:
            document = orjson.loads(line)
            image = document["image"]
            name = str(image.get("file_name") or "")
            picture = self.folder.media(
                finder.find(name) if media != "none" else "",
                id_=str(image["id"]),
                wanted=(name or f"image {image['id']} of {dataset.id}") if media != "none" else "",
                width=_extent(image.get("width")),
                height=_extent(image.get("height")),
            )
            yield to_entry(document, dataset.id, dataset.split, picture)

    def _dataset(self, file: str, *, with_categories: bool = False) -> Dataset:
        stem = posixpath.basename(file).removesuffix(".json")
        folder = posixpath.basename(posixpath.dirname(file))
        is_roboflow = stem == "_annotations.coco" and folder
        split_match = _SPLIT.fullmatch(stem)
        split = folder if is_roboflow else (split_match and (split_match["token"] or split_match["after"])) or None
        opener, shown = self.folder.opener(file), self.folder.shown_file(file)
        return Dataset(
            id=file.removesuffix(".json"),
            name=(folder if is_roboflow else "") or (self.folder.name if _GENERIC.fullmatch(stem) else stem),
            modality="image",
            split=None if split == "default" else split,
            categories=coco_file.read_categories(opener, shown) if with_categories else (),
            attributes={"licenses": coco_file.read_licenses(opener, shown)} if with_categories else {},
        )


class _PictureFinder:
    """Where the pictures of a COCO file lie: the usual places, the one that served last tried first.

    Splits often have pictures of the same names: of another split, none is ever taken.
    """

    def __init__(self, folder: Folder, file: str, split: str | None) -> None:
        self._folder = folder
        self._file = file
        beside = posixpath.dirname(file)
        last = posixpath.basename(beside)
        own = _names_of(split or (last if last in _GUESSED else ""))
        inside = (f"images/{one}" for one in (*own, "default"))
        self._places = list(dict.fromkeys((*own, "images", "", beside, *inside, "data")))
        self._guessed = () if own else _GUESSED

    def find(self, file_name: str) -> str:
        """The picture's path in the folder; empty when it is nowhere, or would lie outside the folder.

        Raises:
            RequestError: two splits have a picture of this name, and nothing says which is meant.
        """
        if not file_name:
            return ""
        for place in self._places:
            path = self._folder.find(posixpath.join(place, file_name))
            if path:
                self._places.remove(place)
                self._places.insert(0, place)
                return path
        found = [place for place in self._guessed if self._folder.find(posixpath.join(place, file_name))]
        if len(found) > 1:
            raise RequestError(
                f"{self._folder.shown_file(self._file)} has the picture {file_name!r}, which lies in "
                f"{' and in '.join(found)}; put the folder before the name in file_name, or call the file after its "
                f"split, such as instances_{found[0]}.json."
            )
        return posixpath.normpath(posixpath.join(found[0], file_name)) if found else ""


def _names_of(split: str) -> tuple[str, ...]:
    """What the folder of a split may be called: `val2017` also `val`, which is also `valid`."""
    plain = split.rstrip("0123456789")
    names = _VALIDATION if plain in _VALIDATION else (plain,)
    return tuple(one for one in dict.fromkeys((split, *names)) if one)


def _file(dataset: Dataset) -> str:
    return f"{dataset.id}.json"


def _json_files(folder: Folder) -> Iterator[str]:
    for place in _FOLDERS:
        for name, is_file in folder.listed(place):
            if is_file and name.endswith(".json") and name not in _NOT_DATASETS:
                yield name


def _extent(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and 0 < value < 1 << 63 else None
