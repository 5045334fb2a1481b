"""LabelMe (the desktop tool): one JSON file beside each picture, or in folders of their own.

Coordinates are pixels of the upright picture. Shapes of one `group_id` that are all polygons, and agree in label, flags
and description, are the parts of one polygon; other groups stay groups of annotations. A mask is the rectangle between
its two corners, the second one included. Flags of a shape are attributes, and so is its description: those in it where
it is a JSON object, as our own exporter writes it, else `description`. Flags of the picture that are true are classes
of it; the others, which are not, are attributes of the entry.

Classes are the lines of `labels.txt` where there is one, else the labels found, by name. Pictures that are embedded
only are not read: LabelMe keeps the picture beside. Pictures without JSON are not labelled yet: in progress.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, ClassVar, Self

import orjson
from msgspec import Raw
from msgspec.structs import replace

from blocks.layouts.json_file import first_keys, parsed, read_json
from blocks.layouts.labelme_shapes import joined, to_shape
from blocks.layouts.layout import Layout
from blocks.layouts.opened import EMBEDDED, SPLITS, Folder
from blocks.values import identifier, mapping, text
from exporters.errors import RequestError
from exporters.foreign_json import UNREADABLE
from exporters.model import Annotation, Category, Classification, Dataset, Entry
from exporters.shard import MediaChoice

LABELS = "labels.txt"
CROWD = "is_crowd"
_NO_CLASSES = ("__ignore__", "_background_")
"""Lines of `labels.txt` that LabelMe's own scripts ask for."""
_TRIED = 20
"""JSON files; in a folder of LabelMe's, nearly all are."""


class LabelmeLayout(Layout):
    label: ClassVar[str] = "LabelMe"
    sought: ClassVar[str] = "LabelMe JSON beside pictures"

    @classmethod
    def found_in(cls, folder: Folder) -> Self | None:
        if folder.only_file:
            return None
        return cls(folder) if any(_is_labelme(folder, path) for path in islice(_json_files(folder), _TRIED)) else None

    def dataset(self, found: Dataset) -> Dataset:
        path = self.folder.find(LABELS)
        declared = [name for name in self.folder.read_text(path).split("\n") if name.strip()] if path else []
        names = [name for name in declared if name not in _NO_CLASSES] or sorted(self._labels())
        return replace(found, categories=tuple(Category(id=name, name=name) for name in names))

    def list_entries(self, dataset: Dataset) -> Iterator[bytes]:  # noqa: ARG002 - the folder is one dataset
        labelled: set[str] = set()
        for path in self._files():
            labelled.add(self._picture(path, _image(self._document(path))))
            yield orjson.dumps({"file": path})
        for picture in self.folder.pictures_below(""):
            if picture not in labelled:
                yield orjson.dumps({"picture": picture})

    def read(self, dataset: Dataset, listing: Sequence[bytes], media: MediaChoice) -> Iterator[Entry]:
        for line in listing:
            found = orjson.loads(line)
            if "picture" in found:
                yield self._unlabelled(found["picture"], dataset, media)
            else:
                yield self._entry(found["file"], self._document(found["file"]), dataset, media)

    def _unlabelled(self, picture: str, dataset: Dataset, media: MediaChoice) -> Entry:
        split, name = _split(picture)
        return Entry(
            id=picture,
            dataset_id=dataset.id,
            name=name,
            state="in_progress",
            split=split,
            medias=(self.folder.picture(picture, media),),
        )

    def _entry(self, path: str, document: dict[str, Any], dataset: Dataset, media: MediaChoice) -> Entry:
        image = _image(document)
        picture = self._picture(path, image)
        size = _count(document.get("imageWidth")), _count(document.get("imageHeight"))
        width, height = size if all(size) else self.folder.upright_size(picture) or (None, None)
        wanted = picture or posixpath.normpath(posixpath.join(posixpath.dirname(path), image or path))
        split, name = _split(wanted)
        flags = {flag: value for flag, value in mapping(document.get("flags")).items() if isinstance(value, bool)}
        chosen = [flag for flag, value in flags.items() if value]
        original = self.folder.original(picture, media, id_=path, wanted=wanted, width=width, height=height)
        if original.ref and not picture and document.get("imageData"):
            original = replace(original, ref=f"{path}{EMBEDDED}")
        return Entry(
            id=path,
            dataset_id=dataset.id,
            name=name,
            split=split,
            medias=(original,),
            annotations=(
                *self._annotations(path, document, (width or 0, height or 0)),
                *(Annotation(id=f"{path}#{flag}", shape=Classification(), category_id=flag) for flag in chosen),
            ),
            attributes={flag: value for flag, value in flags.items() if not value},
            raw=_record({key: value for key, value in document.items() if key not in ("imageData", "shapes")}),
        )

    def _annotations(self, path: str, document: dict[str, Any], size: tuple[int, int]) -> Iterator[Annotation]:
        shapes = document["shapes"]
        if not all(isinstance(one, dict) for one in shapes):
            raise RequestError(f"{self.folder.shown_file(path)} has a shape that is no object; correct it there.")
        for number, parts in joined(shapes):
            record = parts[0]
            attributes = _attributes(record)
            group_id = identifier(record.get("group_id"))
            yield Annotation(
                id=f"{path}#{number}",
                shape=to_shape(parts, size),
                category_id=identifier(record.get("label")) or None,
                is_crowd=attributes.pop(CROWD, False) is True,
                group_id=group_id if len(parts) == 1 else None,
                attributes=attributes,
                raw=_record(record if len(parts) == 1 else {"shapes": parts}),
            )

    def _document(self, path: str) -> dict[str, Any]:
        document = mapping(read_json(self.folder, path))
        if not isinstance(document.get("shapes"), list):
            raise RequestError(f"{self.folder.shown_file(path)} has no list of shapes; correct it there.")
        return document

    def _files(self) -> Iterator[str]:
        return (path for path in _json_files(self.folder) if _is_labelme(self.folder, path))

    def _labels(self) -> Iterator[str]:
        labels = set()
        for document in map(self._document, self._files()):
            labels |= {label for one in document["shapes"] if (label := identifier(mapping(one).get("label")))}
            labels |= {flag for flag, value in mapping(document.get("flags")).items() if value is True}
        return iter(labels)

    def _picture(self, path: str, image: str) -> str:
        """Where a path in a file leads; where that is nowhere, its last name beside the file, or among `images`."""
        last = posixpath.basename(image)
        above = posixpath.dirname(path)
        tried = (posixpath.join(above, image), posixpath.join(above, last), posixpath.join(above, "../images", last))
        return next(filter(None, map(self.folder.find, tried)), "") if image else ""


def _json_files(folder: Folder) -> Iterator[str]:
    return (path for path in folder.files_below("") if path.endswith(".json"))


def _image(document: dict[str, Any]) -> str:
    """The path of the picture, with slashes also where it was written on Windows."""
    return (text(document.get("imagePath")) or "").replace("\\", "/")


def _is_labelme(folder: Folder, path: str) -> bool:
    return first_keys(folder, path, frozenset({("shapes", "start_array")})) is not None


def _attributes(record: dict[str, Any]) -> dict[str, Any]:
    found = dict(mapping(record.get("flags")))
    description = record.get("description")
    if not description:
        return found
    try:
        others = parsed(description) if isinstance(description, str) else None
    except UNREADABLE:
        others = None
    return found | (others if isinstance(others, dict) else {"description": description})


def _split(picture: str) -> tuple[str | None, str]:
    """The split a picture lies in, and its name there: the folder `images` is not part of it."""
    name = picture.removeprefix("images/")
    first, slash, rest = name.partition("/")
    return (first, rest) if slash and first in SPLITS else (None, name)


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 < value < 1 << 31 else None


def _record(value: dict[str, Any]) -> Raw:
    return Raw(orjson.dumps(value))
