"""`imagefolder` and `imagefolder_metadata`: pictures in folders, as torchvision and Hugging Face datasets read them.

`imagefolder` is for classification, one class a picture:

    splits/<split>/<class>/name.jpg   or images/<class>/name.jpg without splits: the folder to point a reader at
    unlabelled/[split/]name.jpg       pictures that a person looked at and gave no class
    classes.json                      the classes: number, folder, true name
    labels.jsonl                      for each picture with a class: its path, class and number

Readers number classes by sorting the names of their folders, so that is what classes.json says; with folders=numbered
names begin with the class's own number and keep its order. No package holds empty folders: with torchvision, a class
that has no picture in a split moves the numbers behind it there, and labels.jsonl has the right ones. Pictures with
several classes are left out.

`imagefolder_metadata` is for detection and for several classes a picture, read by datasets:

    splits/<split>/metadata.jsonl     or images/metadata.jsonl without splits; the pictures lie beside it
    classes.json                      the classes: number and name

A line has `file_name`, `objects` (lists of `id`, `bbox` as left, top, width, height in pixels, `category` as class
numbers from 0, `is_crowd`, `attributes` as JSON texts) and `labels`, the class numbers of the picture as a whole.
datasets infers types from what it reads first: a split without a single box cannot be told from one without any.

Names of splits are in small letters, as datasets knows them. In all names, characters that folders cannot have are
escaped, as are leading dots and underscores, which datasets takes for hidden files; a picture without an extension that
readers know gets that of its type.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

import orjson
from pydantic import Field, model_validator

from exporters import naming
from exporters.assembly import Assembly
from exporters.base import Exporter
from exporters.classes import ExportClass
from exporters.formats.documents import json_bytes
from exporters.holds import Holds
from exporters.item import Item, Placed
from exporters.model import Box
from exporters.options import ImageOptions
from exporters.shard import Shard

_LINES = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
EXTENSIONS = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""Of the files that both readers take for pictures."""
_OF_TYPES = {
    "image/bmp": ".bmp",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/tiff": ".tif",
    "image/webp": ".webp",
}


class ImageFolderOptions(ImageOptions):
    folders: Literal["named", "numbered"] = Field(
        default="named",
        description="Folders of classes: named as they are, or with the class's number in front, which keeps the "
        "numbers of class_map: readers sort the names.",
    )

    @model_validator(mode="after")
    def _keeps_given_numbers(self) -> ImageFolderOptions:
        if self.class_map and self.folders == "named":
            raise ValueError("class_map needs folders=numbered: readers number classes by sorting the folders' names")
        return self


class ImageFolderExporter(Exporter[ImageFolderOptions]):
    name = "imagefolder"
    description = "Pictures in a folder for each class, for classification."
    version = 2
    is_entrywise = True
    holds = Holds(
        modalities=frozenset({"image"}),
        shapes=frozenset({"classification"}),
        class_numbers="from_0",
        needs_category=True,
        needs_media=True,
        has_folders=False,
    )
    options = ImageFolderOptions

    def media_path(self, item: Item, shard: Shard[ImageFolderOptions]) -> str:
        classes = _classes_of(item.annotations)
        if not classes:
            return "/".join(filter(None, ["unlabelled", _split(item), _file_name(item)]))
        return f"{_root(item)}/{_known_folders(shard)[classes[0].number]}/{_file_name(item)}"

    def convert(self, item: Item, shard: Shard[ImageFolderOptions]) -> None:
        classes = _classes_of(item.annotations)
        if len(classes) > 1:
            shard.leave_out("imagefolder has room for one class a picture; imagefolder_metadata takes several")
            return
        for one in item.annotations:
            if one.annotation.attributes:
                shard.change("attributes are not held")
        for category in classes:
            number = _known_numbers(shard)[category.number]
            row = {"file_name": self.media_path(item, shard), "class": category.name, "number": number}
            shard.append("labels", orjson.dumps(row) + b"\n")
        shard.keep(item.annotations)

    def assemble(self, package: Assembly[ImageFolderOptions]) -> None:
        classes = package.classes.classes
        folders = _folders(classes, package.options)
        numbers = _reader_numbers(folders)
        ordered = sorted(classes, key=lambda one: numbers[one.number])
        rows = [{"number": numbers[one.number], "folder": folders[one.number], "name": one.name} for one in ordered]
        package.file("classes.json", [orjson.dumps(rows, option=_LINES)])
        package.file("labels.jsonl", package.pieces("labels"))


class ImageFolderMetadataExporter(Exporter[ImageOptions]):
    name = "imagefolder_metadata"
    description = "Pictures with a metadata.jsonl beside them: boxes, and any number of classes a picture."
    version = 2
    is_entrywise = True
    holds = Holds(
        modalities=frozenset({"image"}),
        shapes=frozenset({"box", "classification"}),
        class_numbers="from_0",
        needs_category=True,
        needs_media=True,
        has_folders=False,
    )
    options = ImageOptions

    def media_path(self, item: Item, shard: Shard[ImageOptions]) -> str:  # noqa: ARG002
        return f"{_root(item)}/{_file_name(item)}"

    def convert(self, item: Item, shard: Shard[ImageOptions]) -> None:
        boxes = [(one, one.shape) for one in item.annotations if isinstance(one.shape, Box)]
        objects = {
            "id": [one.annotation.id for one, _ in boxes],
            "bbox": [tuple(map(float, (box.left, box.top, box.width, box.height))) for _, box in boxes],
            "category": [one.category.number for one, _ in boxes if one.category],
            "is_crowd": [one.annotation.is_crowd for one, _ in boxes],
            "attributes": [_text(one) for one, _ in boxes],
        }
        for one in item.annotations:
            if one.annotation.attributes and not isinstance(one.shape, Box):
                shard.change("attributes are held for boxes only")
        labels = [one.number for one in _classes_of(item.annotations, without_boxes=True)]
        row = {"file_name": _file_name(item), "objects": objects, "labels": labels}
        shard.append(f"{_root(item)}/metadata.jsonl", orjson.dumps(row) + b"\n")
        shard.keep(item.annotations)

    def assemble(self, package: Assembly[ImageOptions]) -> None:
        for path in package.names():
            package.file(path, package.pieces(path))
        rows = [{"number": one.number, "name": one.name} for one in package.classes.classes]
        package.file("classes.json", [orjson.dumps(rows, option=_LINES)])


def _classes_of(annotations: Sequence[Placed], *, without_boxes: bool = False) -> list[ExportClass]:
    """The different classes of a picture in the order of its annotations."""
    found = {
        one.category.number: one.category
        for one in annotations
        if one.category and not (without_boxes and isinstance(one.shape, Box))
    }
    return list(found.values())


def _text(one: Placed) -> str:
    return json_bytes(one.annotation.attributes, sorts_keys=True).decode()


# -- places -----------------------------------------------------------------------------------------------------------


def _split(item: Item) -> str:
    """The folder of an entry's split; datasets knows splits by their names in small letters."""
    small = unicodedata.normalize("NFC", (item.entry.split or "").casefold())
    return _visible(naming.safe_component(small)) if small else ""


def _root(item: Item) -> str:
    """Apart from each other: in one tree, a class without a split could be taken for a split."""
    split = _split(item)
    return f"splits/{split}" if split else "images"


def _visible(name: str) -> str:
    """A name that is not taken for one of hidden files; the escape is that of `exporters.naming`."""
    return f"~{ord(name[0]):02x}{name[1:]}" if name.startswith((".", "__")) else name


def _file_name(item: Item) -> str:
    """The picture's name, with an extension by which readers know it for one where its type is known."""
    name = _visible(item.file_name)
    media = item.entry.original
    extension = _OF_TYPES.get(media.mime_type or "") if media else None
    if extension is None or name.lower().endswith(EXTENSIONS):
        return name
    return name.replace(".", "~2e") + extension


def _folders(classes: Sequence[ExportClass], options: ImageFolderOptions) -> dict[int, str]:
    """For each class number the name of its folder; names that differ in case alone are told apart."""
    names = {one.number: _visible(naming.safe_component(one.name)) for one in classes}
    met = Counter(naming.meeting_key(name) for name in names.values())
    ids = {one.number: one.id for one in classes}
    digits = len(str(max(names, default=0)))
    folders = {}
    for number, name in names.items():
        unique = name if met[naming.meeting_key(name)] == 1 else naming.told_apart(name, ids[number])
        folders[number] = f"{number:0{digits}}_{unique}" if options.folders == "numbered" else unique
    return folders


def _reader_numbers(folders: Mapping[int, str]) -> dict[int, int]:
    """For each class number the one that readers give it: its place among the sorted names."""
    return {number: place for place, number in enumerate(sorted(folders, key=folders.__getitem__))}


def _known_folders(shard: Shard[ImageFolderOptions]) -> dict[int, str]:
    if "folders" not in shard.memory:
        shard.memory["folders"] = _folders(shard.classes.classes, shard.options)
    folders: dict[int, str] = shard.memory["folders"]
    return folders


def _known_numbers(shard: Shard[ImageFolderOptions]) -> dict[int, int]:
    if "numbers" not in shard.memory:
        shard.memory["numbers"] = _reader_numbers(_known_folders(shard))
    numbers: dict[int, int] = shard.memory["numbers"]
    return numbers
