"""YOLO datasets as Ultralytics reads them: `data.yaml`, pictures, and a text file of rows for each picture.

The older form of darknet, CVAT's "YOLO 1.1", has `obj.data` instead, and the rows beside the pictures.

What a row is follows from how many fields it has: 5 a box; 5 and three or two for each point of `kpt_shape` a skeleton;
an odd number from 7 on a polygon. Rows of four corners are polygons too: nothing tells rotated boxes from them, unless
`data.yaml` says `task: obb`. A skeleton without a labelled point is its box alone. Coordinates are shares of the
picture's size, which is read from the picture itself. Pictures without a label file are negatives, as they are for
trainers.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

import orjson
import yaml
from msgspec import Raw
from msgspec.structs import replace

from blocks.layouts import yolo_shapes as shapes
from blocks.layouts.layout import Layout
from blocks.layouts.opened import PICTURES, Folder
from blocks.values import finite, mapping
from exporters.errors import RequestError
from exporters.model import Annotation, Category, Dataset, Entry, Part, Polygon, Shape, Skeleton
from exporters.shard import MediaChoice

SPLITS = ("train", "val", "test")
DARKNET = "obj.data"
_NO_FOLDERS = re.compile(r"images|valid|obj_\w+_data")
"""In which all pictures of a split lie; they are no part of a name."""
_MOST = 100_000
"""Classes, and points of an object."""


class YoloLayout(Layout):
    label: ClassVar[str] = "YOLO"
    sought: ClassVar[str] = "data.yaml or obj.data (YOLO)"

    def __init__(self, folder: Folder, file: str) -> None:
        super().__init__(folder)
        self._file = file
        self._root = ""
        self._yaml = self._read_darknet() if file == DARKNET else self._read_yaml()
        self._root = self._text(self._yaml.get("path") or "")

    @classmethod
    def found_in(cls, folder: Folder) -> Self | None:
        if folder.only_file:
            return None
        files = [path for path, is_file in folder.listed("") if is_file and path.endswith((".yaml", ".yml", DARKNET))]
        found = next((path for path in ("data.yaml", "data.yml", "dataset.yaml", DARKNET) if path in files), None)
        return cls(folder, found or files[0]) if found or len(files) == 1 else None

    def catalog(self) -> list[Dataset]:
        return [Dataset(id=self.folder.name, name=self.folder.name, modality="image")]

    def dataset(self, found: Dataset) -> Dataset:
        keypoints = tuple(f"point {number}" for number in range(1, self._keypoints[0] + 1))
        names: dict[Any, list[Any]] = mapping(self._yaml.get("kpt_names"))
        categories = [
            Category(
                id=str(number),
                name=name,
                keypoints=tuple(map(self._text, names.get(number, keypoints))) if keypoints else (),
            )
            for number, name in sorted(self._names.items())
        ]
        return replace(found, categories=tuple(categories))

    def list_entries(self, dataset: Dataset) -> Iterator[bytes]:  # noqa: ARG002 - the folder is one dataset
        met: set[str] = set()  # many name one folder for training and for validation
        for split in SPLITS:
            for picture in self._pictures(split):
                if picture not in met:
                    met.add(picture)
                    yield orjson.dumps({"picture": picture, "split": split})

    def read(self, dataset: Dataset, listing: Sequence[bytes], media: MediaChoice) -> Iterator[Entry]:
        for line in listing:
            document = orjson.loads(line)
            yield self._entry(document["picture"], document["split"], dataset, media)

    def _entry(self, picture: str, split: str, dataset: Dataset, media: MediaChoice) -> Entry:
        stem = posixpath.splitext(picture)[0]
        original = self.folder.picture(picture, media)
        size = (original.width, original.height) if original.width and original.height else None
        label = self.folder.find(_label(picture))
        rows = self.folder.read_text(label).splitlines() if label else []
        annotations = [
            self._annotation(row.strip(), size, f"{stem}#{number}", f"{self.folder.shown_file(label)}, line {number}")
            for number, row in enumerate(rows, 1)
            if row.strip()
        ]
        return Entry(
            id=picture,
            dataset_id=dataset.id,
            name=_name(picture, split),
            split=split,
            medias=(original,),
            annotations=tuple(annotations),
        )

    def _annotation(self, row: str, size: tuple[int, int] | None, id_: str, where: str) -> Annotation:
        if size is None:
            raise RequestError(f"{where}: its picture cannot be read, so nobody knows where its objects lie.")
        fields = row.split()
        try:
            number, values = int(fields[0]), [finite(value) for value in fields[1:]]
        except ValueError:
            raise RequestError(f"{where} is no row of numbers; a row is a class and coordinates.") from None
        if number not in self._names:
            raise RequestError(f"{where} has the class {number}, which {self._file} does not name.")
        shape = self._shape(values, size)
        if shape is None:
            raise RequestError(f"{where} has {len(fields)} fields, which is neither a box, nor an outline, nor points.")
        return Annotation(
            id=id_,
            shape=shape,
            box=shapes.box(values[:4], size) if isinstance(shape, Skeleton) else None,
            category_id=str(number),
            raw=Raw(orjson.dumps({"row": row})),
        )

    def _shape(self, values: list[float], size: tuple[int, int]) -> Shape | None:
        count, dimensions = self._keypoints
        if len(values) == 4:
            return shapes.box(values, size)
        if count and len(values) == 4 + count * dimensions:
            groups = [values[at : at + dimensions] for at in range(4, len(values), dimensions)]
            points = tuple(shapes.point(group[0], group[1], size) for group in groups)
            seen = tuple(map(shapes.visibility, groups))
            return Skeleton(points, seen) if any(seen) else shapes.box(values[:4], size)
        if len(values) < 6 or len(values) % 2:
            return None
        ring = tuple(shapes.point(x, y, size) for x, y in zip(values[0::2], values[1::2], strict=True))
        return shapes.rotated(ring) if self._yaml.get("task") == "obb" and len(ring) == 4 else Polygon((Part(ring),))

    @cached_property
    def _keypoints(self) -> tuple[int, int]:
        """How many points an object has, and how many numbers a point."""
        match self._yaml.get("kpt_shape"):
            case None:
                return 0, 0
            case [int(count), 2 | 3 as dimensions] if 0 < count <= _MOST:
                return count, dimensions
        raise RequestError(
            f"{self.folder.shown_file(self._file)}: kpt_shape should be how many points there are, and 2 or 3."
        )

    @cached_property
    def _names(self) -> dict[int, str]:
        names, count = self._yaml.get("names"), self._yaml.get("nc")
        if isinstance(names, list):
            return {number: self._text(name) for number, name in enumerate(names)}
        if isinstance(names, dict) and all(isinstance(number, int) for number in names):
            return {number: self._text(name) for number, name in names.items()}
        if isinstance(count, int) and count <= _MOST:
            return {number: str(number) for number in range(count)}
        raise RequestError(f"{self.folder.shown_file(self._file)} names no classes; it needs names, a list or a map.")

    def _text(self, value: Any) -> str:
        """A scalar as text; lists are refused, for one that refers to another ten times, ten times over, never ends."""
        if isinstance(value, list | dict):
            raise RequestError(f"{self.folder.shown_file(self._file)} has a list where one value belongs; correct it.")
        return str(value)

    def _pictures(self, split: str) -> Iterator[str]:
        """The pictures of a split: those of a folder, of a list in a text file, or of several of these."""
        given = self._yaml.get(split, self._yaml.get("valid") if split == "val" else None)
        for one in given if isinstance(given, list) else [given] if given else []:
            place = self._place(self._text(one))
            if place.endswith(".txt") and self.folder.find(place):
                yield from self._listed(place)
            else:
                yield from self.folder.pictures_below(place)

    def _place(self, path: str) -> str:
        """A path of data.yaml in the folder. Many begin with detours out of it, which readers overlook too."""
        tried_first = (posixpath.join(self._root, path), path)
        for tried in (*tried_first, path.removeprefix("../"), path.removeprefix("data/")):
            tidy = posixpath.normpath(tried)
            if not tidy.startswith(("/", "..")) and any(True for _ in self.folder.listed(tidy)):
                return tidy
            if self.folder.find(tidy):
                return tidy
        raise RequestError(
            f"{self.folder.shown_file(self._file)} names {path!r}, which is not in the folder; correct it there."
        )

    def _listed(self, path: str) -> Iterator[str]:
        for line in self.folder.read_text(path).splitlines():
            named = line.strip()
            if not named:
                continue
            tried = (posixpath.join(posixpath.dirname(path), named), named, named.removeprefix("data/"))
            found = next(filter(None, map(self.folder.find, tried)), "")
            if not found:
                raise RequestError(f"{self.folder.shown_file(path)} lists {named!r}, which is not in the folder.")
            if posixpath.splitext(found)[1].lower() in PICTURES:
                yield found

    def _read_darknet(self) -> dict[str, Any]:
        """What `data.yaml` would say, from lines of `name = value`; the classes are in a file, one a line."""
        pairs = (line.partition("=") for line in self.folder.read_text(DARKNET).splitlines())
        values = {name.strip(): value.strip() for name, _, value in pairs if value.strip()}
        names = self._place(values.get("names", "obj.names"))
        classes = [line for line in self.folder.read_text(names).splitlines() if line.strip()]
        return {**{name: values[name] for name in (*SPLITS, "valid") if name in values}, "names": classes}

    def _read_yaml(self) -> dict[str, Any]:
        try:
            return mapping(yaml.safe_load(self.folder.read_text(self._file)))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            said = str(error).replace("\n", " ")[:120]
            raise RequestError(f"{self.folder.shown_file(self._file)} is no sound YAML ({said}).") from None


def _label(picture: str) -> str:
    """The label file of a picture: its last folder `images` becomes `labels`, its extension `.txt`."""
    folders = picture.split("/")
    for place in range(len(folders) - 2, -1, -1):
        if folders[place] == "images":
            folders[place] = "labels"
            break
    return posixpath.splitext("/".join(folders))[0] + ".txt"


def _name(picture: str, split: str) -> str:
    """The picture's name in its split, without the folders that every picture lies in."""
    folders = picture.split("/")
    return "/".join([*(one for one in folders[:-1] if not _NO_FOLDERS.fullmatch(one) and one != split), folders[-1]])
