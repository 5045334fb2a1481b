"""Pictures with a `metadata.jsonl` beside them, as Hugging Face datasets reads them: a line a picture.

    [splits/]<split>/metadata.jsonl    or metadata.jsonl at the top or in `images/`
    classes.json                       number and name of each class, as our own exporter writes it

A line has `file_name`, and may have `objects`, lists of which each place is a box: `bbox` as left, top, width, height
in pixels, `category` or `categories`, and, of our own exporter's, `id`, `is_crowd` and `attributes`. `label` or
`labels` are classes of the picture. All other columns are attributes of the entry. A picture without a line is not
labelled yet: in progress.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self

import orjson
from msgspec import Raw
from msgspec.structs import replace

from blocks.layouts.json_file import parsed, read_json
from blocks.layouts.layout import Layout
from blocks.layouts.opened import SPLITS, Folder
from blocks.storage_errors import translated
from blocks.values import finite, identifier, mapping
from exporters.errors import RequestError
from exporters.foreign_json import UNREADABLE
from exporters.model import Annotation, Box, Category, Classification, Dataset, Entry, Shape, Unknown
from exporters.shard import MediaChoice

METADATA, CLASSES = "metadata.jsonl", "classes.json"
_OWN = {"file_name", "objects", "label", "labels"}


class MetadataFolderLayout(Layout):
    label: ClassVar[str] = "pictures with metadata.jsonl"
    sought: ClassVar[str] = "metadata.jsonl beside pictures"

    def __init__(self, folder: Folder, places: Sequence[str]) -> None:
        super().__init__(folder)
        self._places = places

    @classmethod
    def found_in(cls, folder: Folder) -> Self | None:
        if folder.only_file:
            return None
        inside = [path for path, is_file in folder.listed("splits") if not is_file]
        places = [one for one in ("", "images", *SPLITS, *inside) if folder.find(posixpath.join(one, METADATA))]
        return cls(folder, places) if places else None

    def dataset(self, found: Dataset) -> Dataset:
        """Classes as `classes.json` numbers them; without it, those found are named like their numbers."""
        path = self.folder.find(CLASSES)
        try:
            rows = read_json(self.folder, path) if path else []
            names = {str(row["number"]): str(row["name"]) for row in rows} or {one: one for one in self._classes()}
        except (TypeError, KeyError):
            raise RequestError(
                f"{self.folder.shown_file(path)} should be a list of objects with number and name; correct it."
            ) from None
        return replace(found, categories=tuple(Category(id=number, name=name) for number, name in names.items()))

    def list_entries(self, dataset: Dataset) -> Iterator[bytes]:  # noqa: ARG002 - the folder is one dataset
        for place in self._places:
            lined: set[str] = set()
            for row in self._rows(place):
                lined.add(self.folder.find(posixpath.join(place, row["file_name"])))
                yield orjson.dumps({"place": place, "row": row})
            for path in self.folder.pictures_below(place):
                if path not in lined and self._place_of(path) == place:
                    row = {"file_name": posixpath.relpath(path, place or ".")}
                    yield orjson.dumps({"place": place, "row": row, "state": "in_progress"})

    def read(self, dataset: Dataset, listing: Sequence[bytes], media: MediaChoice) -> Iterator[Entry]:
        for line in listing:
            document = orjson.loads(line)
            place, row = document["place"], document["row"]
            wanted = posixpath.join(place, row["file_name"])
            found = self.folder.find(wanted)
            width, height = self.folder.upright_size(found) or (None, None)
            last = posixpath.basename(place)
            yield Entry(
                id=wanted,
                dataset_id=dataset.id,
                name=row["file_name"],
                state=document.get("state", "completed"),
                split=last if last not in ("", "images") else None,
                medias=(self.folder.original(found, media, id_=wanted, wanted=wanted, width=width, height=height),),
                annotations=(*_boxes(row, wanted), *_labels(row, wanted)),
                attributes={name: value for name, value in row.items() if name not in _OWN},
                raw=Raw(orjson.dumps(row)),
            )

    def _place_of(self, path: str) -> str:
        """The innermost place that a picture is in."""
        return max((one for one in self._places if path.startswith(f"{one}/" if one else "")), key=len)

    def _rows(self, place: str) -> Iterator[dict[str, Any]]:
        path = posixpath.join(place, METADATA)
        shown = self.folder.shown_file(path)
        with translated(shown), self.folder.storage.open(path) as handle:
            for number, line in enumerate(handle, 1):
                if not line.strip():
                    continue
                try:
                    row = mapping(parsed(line))
                except UNREADABLE as error:
                    raise RequestError(f"{shown}, line {number} is no sound JSON ({error}); correct it.") from None
                if not isinstance(row.get("file_name"), str):
                    raise RequestError(f"{shown}, line {number} has no file_name; every line needs one.")
                yield row

    def _classes(self) -> list[str]:
        found = {
            one.category_id
            for place in self._places
            for row in self._rows(place)
            for one in (*_boxes(row, ""), *_labels(row, ""))
            if one.category_id is not None
        }
        return sorted(found, key=lambda one: (len(one), one) if one.isdecimal() else (0, one))


def _boxes(row: dict[str, Any], id_: str) -> Iterator[Annotation]:
    objects = mapping(row.get("objects"))
    boxes = objects.get("bbox")
    for number, box in enumerate(boxes if isinstance(boxes, list) else ()):
        one = {
            name: values[number]
            for name, values in objects.items()
            if isinstance(values, list) and number < len(values)
        }
        category = one.get("category", one.get("categories"))
        yield Annotation(
            id=identifier(one.get("id")) or f"{id_}#{number + 1}",
            shape=_box(box),
            category_id=identifier(category),
            is_crowd=one.get("is_crowd") is True,
            attributes=_attributes(one.get("attributes")),
            raw=Raw(orjson.dumps(one)),
        )


def _labels(row: dict[str, Any], id_: str) -> Iterator[Annotation]:
    found = row.get("labels", row.get("label"))
    for label in found if isinstance(found, list) else [found]:
        if (category_id := identifier(label)) is not None:
            yield Annotation(id=f"{id_}#label {category_id}", shape=Classification(), category_id=category_id)


def _box(value: Any) -> Shape:
    try:
        left, top, width, height = map(finite, value)
    except (TypeError, ValueError, OverflowError):
        return Unknown("bbox that cannot be read")
    return Box(left, top, width, height)


def _attributes(value: Any) -> dict[str, Any]:
    """Our own exporter has them as a JSON text: columns of datasets have one type."""
    try:
        return mapping(parsed(value)) if isinstance(value, str) else mapping(value)
    except UNREADABLE:
        return {"attributes": value}
