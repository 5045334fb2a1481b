"""Pictures in a folder for each class, with or without a folder for each split around them.

    [splits/]<split>/<class>/a.jpg    or [images/]<class>/a.jpg without splits
    unlabelled/[<split>/]a.jpg        pictures without a class, and
    classes.json                      the true names of the folders, as our own exporter writes them

Pictures that lie beside the folders of classes are not labelled yet: in progress.

Tried last, for any folder of pictures looks a little like this: where other files lie beside the pictures, which may be
annotations of a kind that is not known, it is refused.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple, Self

import orjson
from msgspec.structs import replace

from blocks.documents import LATEST, MANIFEST, RECEIPT
from blocks.layouts.json_file import read_json
from blocks.layouts.layout import Layout
from blocks.layouts.opened import PICTURES, SPLITS, Folder
from exporters.errors import RequestError
from exporters.model import Annotation, Category, Classification, Dataset, Entry
from exporters.shard import MediaChoice

CLASSES, UNLABELLED = "classes.json", "unlabelled"
_HARMLESS = {CLASSES, "labels.jsonl", MANIFEST, RECEIPT, LATEST, "Thumbs.db"}
_HARMLESS_STEMS = ("readme", "license", "licence")


class _Place(NamedTuple):
    """A folder of pictures; those without a class are in one whose `name` is empty."""

    folder: str
    split: str
    name: str


class ImageFolderLayout(Layout):
    label: ClassVar[str] = "folders of classes"
    sought: ClassVar[str] = "pictures in a folder for each class"

    def __init__(self, folder: Folder, places: Sequence[_Place]) -> None:
        super().__init__(folder)
        self._places = places

    @classmethod
    def found_in(cls, folder: Folder) -> Self | None:
        """Raises RequestError where other files lie beside the pictures."""
        places = [] if folder.only_file else list(_places(folder))
        if not any(place.name for place in places):
            return None
        above_them = {posixpath.dirname(place.folder) for place in places}
        beside = [path for above in sorted(above_them) for path, is_file in folder.listed(above) if not is_file]
        for above in dict.fromkeys(("", *sorted(above_them), *beside)):
            for path, is_file in folder.listed(above):
                if posixpath.basename(path) == "classes.txt" and is_file:
                    raise RequestError(
                        f"{folder.shown} has folders of pictures, but also {path}, as YOLO has; add the label files, "
                        f"or move the list elsewhere if the folders are the classes."
                    )
                if is_file and not _is_picture(path) and not _is_harmless(posixpath.basename(path)):
                    raise RequestError(
                        f"{folder.shown} has folders of pictures, which could be classes, but also {path}, which is "
                        f"not known here; if it is no annotation, remove it."
                    )
        return cls(folder, places)

    def dataset(self, found: Dataset) -> Dataset:
        """Classes in the order of their folders' sorted names, as readers number them."""
        names = self._true_names()
        folders = sorted({place.name for place in self._places if place.name} | names.keys())
        categories = (Category(id=name, name=names.get(name, name), shapes=("classification",)) for name in folders)
        return replace(found, categories=tuple(categories))

    def list_entries(self, dataset: Dataset) -> Iterator[bytes]:  # noqa: ARG002 - the folder is one dataset
        for place in self._places:
            for path in self._pictures(place):
                name = posixpath.relpath(path, place.folder or ".")
                yield orjson.dumps({"picture": path, "name": name, "split": place.split, "class": place.name})

    def read(self, dataset: Dataset, listing: Sequence[bytes], media: MediaChoice) -> Iterator[Entry]:
        for line in listing:
            document = orjson.loads(line)
            picture, class_name = document["picture"], document["class"]
            annotation = Annotation(id=f"{picture}#class", shape=Classification(), category_id=class_name)
            yield Entry(
                id=picture,
                dataset_id=dataset.id,
                name=document["name"],
                state="completed" if class_name or picture.startswith(f"{UNLABELLED}/") else "in_progress",
                split=document["split"] or None,
                medias=(self.folder.picture(picture, media),),
                annotations=(annotation,) if class_name else (),
            )

    def _pictures(self, place: _Place) -> Iterator[str]:
        """Those of a class may lie deeper down; below those without a class lie the folders of splits."""
        if place.name:
            return self.folder.pictures_below(place.folder)
        return (path for path, is_file in self.folder.listed(place.folder) if is_file and _is_picture(path))

    def _true_names(self) -> dict[str, str]:
        """The name of the class of each folder."""
        path = self.folder.find(CLASSES)
        try:
            return {str(one["folder"]): str(one["name"]) for one in read_json(self.folder, path)} if path else {}
        except (TypeError, KeyError):
            raise RequestError(
                f"{self.folder.shown_file(path)} should be a list of objects with folder and name; correct it."
            ) from None


def _places(folder: Folder) -> Iterator[_Place]:
    """The folders that hold pictures directly, and what of."""
    top = {posixpath.basename(path) for path, is_file in folder.listed("") if not is_file}
    if top and top <= {"images", "splits", UNLABELLED}:
        for above in sorted(top - {UNLABELLED}):
            yield from _in_splits(folder, above) if above == "splits" else _classes_and_rest(folder, above, "")
        yield from (_Place(place.folder, place.name, "") for place in _classes(folder, UNLABELLED, ""))
        if _has_pictures(folder, UNLABELLED):
            yield _Place(UNLABELLED, "", "")
    elif top and top <= set(SPLITS):
        yield from _in_splits(folder, "")
    else:
        yield from _classes_and_rest(folder, "", "")


def _in_splits(folder: Folder, above: str) -> Iterator[_Place]:
    for path, is_file in folder.listed(above):
        if not is_file:
            yield from _classes_and_rest(folder, path, posixpath.basename(path))


def _classes_and_rest(folder: Folder, above: str, split: str) -> Iterator[_Place]:
    yield from _classes(folder, above, split)
    if _has_pictures(folder, above):
        yield _Place(above, split, "")


def _classes(folder: Folder, above: str, split: str) -> Iterator[_Place]:
    for path, is_file in folder.listed(above):
        if not is_file and _has_pictures(folder, path):
            yield _Place(path, split, posixpath.basename(path))


def _has_pictures(folder: Folder, place: str) -> bool:
    return any(is_file and _is_picture(path) for path, is_file in folder.listed(place))


def _is_picture(path: str) -> bool:
    return posixpath.splitext(path)[1].lower() in PICTURES


def _is_harmless(name: str) -> bool:
    return name in _HARMLESS or name.startswith(".") or name.lower().startswith(_HARMLESS_STEMS)
