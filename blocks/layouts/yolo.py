"""YOLO datasets as Ultralytics reads them: `data.yaml`, pictures, and a text file of rows for each picture.

The older form of darknet, CVAT's "YOLO 1.1", has `obj.data` instead, and the rows beside the pictures; LabelImg and
Label Studio write `classes.txt` only, with the rows in `labels/` or beside the pictures.

What a row is follows from how many fields it has: 5 a box; 5 and three or two for each point of `kpt_shape` a skeleton;
an odd number from 7 on a polygon. Rows of four corners are polygons too: nothing tells rotated boxes from them, unless
`data.yaml` says `task: obb`. A skeleton without a labelled point is its box alone. Coordinates are shares of the
picture's size, which is read from the picture itself. Pictures without a label file are negatives, as they are for
trainers; label files without a picture are entries whose picture is missing. Where `train` and `val` are there, a
`test` that is not is passed over, as Ultralytics does.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self

import orjson
from msgspec import Raw
from msgspec.structs import replace

from blocks.layouts import yolo_shapes as shapes
from blocks.layouts.layout import Layout
from blocks.layouts.opened import Folder
from blocks.layouts.yolo_paths import CLASSES, has_only_classes, label_of, labels_for, name_of, picture_of
from blocks.layouts.yolo_settings import DARKNET, NO_SPLIT, SPLITS, Settings
from blocks.values import finite, mapping
from exporters.errors import RequestError
from exporters.model import Annotation, Category, Dataset, Entry, Part, Polygon, Shape, Skeleton, Unknown
from exporters.shard import MediaChoice


class YoloLayout(Layout):
    label: ClassVar[str] = "YOLO"
    sought: ClassVar[str] = f"data.yaml, obj.data or {CLASSES} with labels/ (YOLO)"

    def __init__(self, folder: Folder, file: str) -> None:
        super().__init__(folder)
        self._file = file
        self._settings = Settings(folder, file)

    @classmethod
    def found_in(cls, folder: Folder) -> Self | None:
        if folder.only_file:
            return None
        files = [path for path, is_file in folder.listed("") if is_file and path.endswith((".yaml", ".yml", DARKNET))]
        found = next((path for path in ("data.yaml", "data.yml", "dataset.yaml", DARKNET) if path in files), None)
        if found or len(files) == 1:
            return cls(folder, found or files[0])
        return cls(folder, CLASSES) if has_only_classes(folder) else None

    def dataset(self, found: Dataset) -> Dataset:
        keypoints = tuple(f"point {number}" for number in range(1, self._settings.keypoints[0] + 1))
        names: dict[Any, list[Any]] = mapping(self._settings.values.get("kpt_names"))
        categories = [
            Category(
                id=str(number),
                name=name,
                keypoints=tuple(map(self._settings.text, names.get(number, keypoints))) if keypoints else (),
            )
            for number, name in sorted(self._settings.names.items())
        ]
        return replace(found, categories=tuple(categories))

    def list_entries(self, dataset: Dataset) -> Iterator[bytes]:  # noqa: ARG002 - the folder is one dataset
        met: set[str] = set()  # many name one folder for training and for validation
        for split in (*SPLITS, NO_SPLIT):
            places = self._settings.places(split)
            for picture in (one for place in places for one in self._settings.pictures(place)):
                if picture not in met:
                    met |= {picture, label_of(picture)}
                    yield orjson.dumps({"picture": picture, "split": split})
            folders = [place for place in places if not self._settings.is_list(place)]
            for label in (one for folder in folders for one in labels_for(self.folder, folder)):
                if label not in met:
                    met.add(label)
                    yield orjson.dumps({"label": label, "split": split})

    def read(self, dataset: Dataset, listing: Sequence[bytes], media: MediaChoice) -> Iterator[Entry]:
        for line in listing:
            document = orjson.loads(line)
            if "label" in document:
                yield self._without_picture(document["label"], document["split"], dataset, media)
            else:
                yield self._entry(document["picture"], document["split"], dataset, media)

    def _without_picture(self, label: str, split: str, dataset: Dataset, media: MediaChoice) -> Entry:
        picture = picture_of(label)
        rows = enumerate(self.folder.read_text(label).splitlines(), 1)
        return Entry(
            id=label,
            dataset_id=dataset.id,
            name=name_of(picture, split),
            split=split or None,
            medias=(self.folder.original("", media, id_=label, wanted=picture),),
            annotations=tuple(
                Annotation(
                    id=f"{label}#{number}",
                    shape=Unknown("row of a picture that is missing"),
                    raw=Raw(orjson.dumps({"row": row.strip()})),
                )
                for number, row in rows
                if row.strip()
            ),
        )

    def _entry(self, picture: str, split: str, dataset: Dataset, media: MediaChoice) -> Entry:
        stem = posixpath.splitext(picture)[0]
        original = self.folder.picture(picture, media)
        size = (original.width, original.height) if original.width and original.height else None
        label = self.folder.find(label_of(picture))
        rows = self.folder.read_text(label).splitlines() if label else []
        annotations = [
            self._annotation(row.strip(), size, f"{stem}#{number}", f"{self.folder.shown_file(label)}, line {number}")
            for number, row in enumerate(rows, 1)
            if row.strip()
        ]
        return Entry(
            id=picture,
            dataset_id=dataset.id,
            name=name_of(picture, split),
            split=split or None,
            medias=(original,),
            annotations=tuple(annotations),
        )

    def _annotation(self, row: str, size: tuple[int, int] | None, id_: str, where: str) -> Annotation:
        if size is None:
            raise RequestError(
                f"{where}: its picture cannot be read, so nobody knows where its objects lie; put a whole one there."
            )
        fields = row.split()
        try:
            number, values = _whole(fields[0]), [finite(value) for value in fields[1:]]
        except ValueError:
            raise RequestError(f"{where} is no row of numbers; a row is a class and coordinates.") from None
        if number not in self._settings.names:
            raise RequestError(f"{where} has the class {number}, which {self._file} does not name; add its name there.")
        shape = self._shape(values, size)
        if shape is None:
            is_scored = self._shape(values[:-1], size) is not None
            advice = "if the last one is a confidence, remove it from all rows" if is_scored else "correct it there"
            raise RequestError(
                f"{where} has {len(fields)} fields, which is neither a box, nor an outline, nor points; {advice}."
            )
        return Annotation(
            id=id_,
            shape=shape,
            box=shapes.box(values[:4], size) if isinstance(shape, Skeleton) else None,
            category_id=str(number),
            raw=Raw(orjson.dumps({"row": row})),
        )

    def _shape(self, values: list[float], size: tuple[int, int]) -> Shape | None:
        count, dimensions = self._settings.keypoints
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
        return (
            shapes.rotated(ring)
            if self._settings.values.get("task") == "obb" and len(ring) == 4
            else Polygon((Part(ring),))
        )


def _whole(text: str) -> int:
    """A class's number; some tools write `0.0`."""
    if not finite(text).is_integer():
        raise ValueError(text)
    return int(float(text))
