"""KITTI object labels: `training/label_2/000000.txt` beside `training/image_2/000000.png`, a row an object.

Edges are pixels from 0. Whatever a row says besides (truncation, occlusion, angles, size and place in space, a score)
becomes attributes, unless it has the value that stands for "not known". `DontCare` regions are crowds of that class.
Splits are those of `ImageSets/*.txt`; without these, `testing` is the split test, and folders that are called neither
`training` nor `testing` are splits of their name. `names.jsonl`, which our own exporter
writes, has the true names.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self

import orjson
from msgspec import Raw
from msgspec.structs import replace

from blocks.layouts.json_file import parsed
from blocks.layouts.layout import Layout
from blocks.layouts.opened import Folder
from blocks.values import finite, mapping
from exporters.errors import RequestError
from exporters.foreign_json import UNREADABLE
from exporters.model import Annotation, Category, Dataset, Entry
from exporters.shapes import geometry
from exporters.shard import MediaChoice

PARTS = {"training": None, "testing": "test"}
"""The folders of the benchmark, and the split of each where no list says otherwise; others are named like theirs."""
SETS, NAMES = "ImageSets", "names.jsonl"
IGNORED = "DontCare"
_UNKNOWN = {"alpha": -10.0, "dimensions": [-1.0] * 3, "location": [-1000.0] * 3, "rotation_y": -10.0}


class KittiLayout(Layout):
    label: ClassVar[str] = "KITTI"
    sought: ClassVar[str] = "training/label_2/*.txt (KITTI)"

    def __init__(self, folder: Folder, parts: Sequence[str]) -> None:
        super().__init__(folder)
        self._parts = parts

    @classmethod
    def found_in(cls, folder: Folder) -> Self | None:
        listed = [] if folder.only_file else [path for path, is_file in folder.listed("") if not is_file]
        parts = sorted(listed, key=lambda part: (part not in PARTS, part == "testing", part))
        labels = [path for part in parts for path, _ in folder.listed(f"{part}/label_2") if path.endswith(".txt")]
        known = [part for part in parts if any(True for _ in folder.listed(f"{part}/image_2"))]
        with_labels = {path.partition("/")[0] for path in labels}
        return cls(folder, [part for part in parts if part in known or part in with_labels]) if labels else None

    def dataset(self, found: Dataset) -> Dataset:
        names = {row.split(maxsplit=1)[0] for path in self._all_labels() for row in self._rows(path)}
        return replace(found, categories=tuple(Category(id=name, name=name, shapes=("box",)) for name in sorted(names)))

    def list_entries(self, dataset: Dataset) -> Iterator[bytes]:  # noqa: ARG002 - the folder is one dataset
        names, splits = self._names(), self._splits()
        for part in self._parts:
            usual = PARTS.get(part, part)
            for number, picture in sorted(self._numbers(part).items()):
                known = names.get(number, {})
                split = known.get("split") if known else splits.get(number, usual)
                yield orjson.dumps({"part": part, "number": number, "picture": picture, "split": split, "named": known})

    def read(self, dataset: Dataset, listing: Sequence[bytes], media: MediaChoice) -> Iterator[Entry]:
        for line in listing:
            document = orjson.loads(line)
            part, number, picture, named = (document[key] for key in ("part", "number", "picture", "named"))
            path = self.folder.find(f"{part}/label_2/{number}.txt")
            id_ = str(named.get("id") or f"{part}/{number}")
            wanted = picture or f"{part}/image_2/{number}.png"
            width, height = self.folder.upright_size(picture) or (None, None)
            rows = self._rows(path) if path else []
            yield Entry(
                id=id_,
                dataset_id=dataset.id,
                name=str(named.get("name") or posixpath.basename(wanted)),
                split=document["split"],
                state="completed" if path else "in_progress",
                medias=(self.folder.original(picture, media, id_=id_, wanted=wanted, width=width, height=height),),
                annotations=tuple(self._annotation(row, f"{part}/{number}#{n}", path) for n, row in enumerate(rows, 1)),
            )

    def _annotation(self, row: str, id_: str, path: str) -> Annotation:
        name, *fields = row.split()
        try:
            truncated, occluded, alpha, *numbers = map(finite, fields)
            box = geometry.ltrb_to_ltwh(*numbers[:4])
        except (ValueError, TypeError):
            raise RequestError(
                f"{self.folder.shown_file(path)} has the row {row[:80]!r}; a row has a type and 14 numbers."
            ) from None
        space = numbers[4:]
        known: dict[str, Any] = {"alpha": alpha}
        if len(space) >= 7:
            known |= {"dimensions": space[:3], "location": space[3:6], "rotation_y": space[6]}
        attributes = {key: value for key, value in known.items() if value != _UNKNOWN[key]}
        if truncated > 0:
            attributes["truncated"] = truncated
        if occluded > 0:
            attributes["occluded"] = int(occluded)
        if len(space) > 7:
            attributes["score"] = space[7]
        return Annotation(
            id=id_,
            shape=box,
            category_id=name,
            is_crowd=name == IGNORED,
            attributes={} if name == IGNORED else attributes,
            raw=Raw(orjson.dumps({"row": row})),
        )

    def _numbers(self, part: str) -> dict[str, str]:
        """The picture of each number; empty where there are only labels."""
        pictures = self.folder.pictures_below(f"{part}/image_2")
        found = dict.fromkeys((_stem(path) for path in self._labels(part)), "")
        return found | {_stem(path): path for path in pictures}

    def _all_labels(self) -> Iterator[str]:
        return (path for part in self._parts for path in self._labels(part))

    def _labels(self, part: str) -> Iterator[str]:
        return (path for path, is_file in self.folder.listed(f"{part}/label_2") if is_file and path.endswith(".txt"))

    def _rows(self, path: str) -> list[str]:
        return [line.strip() for line in self.folder.read_text(path).splitlines() if line.strip()]

    def _splits(self) -> dict[str, str]:
        """The split of each number that is in a list of `ImageSets`; `trainval` is no split but two of them."""
        found: dict[str, str] = {}
        for path, is_file in self.folder.listed(SETS):
            if is_file and path.endswith(".txt") and _stem(path) != "trainval":
                found |= dict.fromkeys(self._rows(path), _stem(path))
        return found

    def _names(self) -> dict[str, dict[str, Any]]:
        path = self.folder.find(NAMES)
        try:
            lines = [mapping(parsed(line)) for line in self._rows(path)] if path else []
        except UNREADABLE as error:
            raise RequestError(
                f"{self.folder.shown_file(path)} is no sound JSON ({error}); correct it there."
            ) from None
        return {str(line.get("number")): line for line in lines}


def _stem(path: str) -> str:
    return posixpath.splitext(posixpath.basename(path))[0]
