"""CVAT XML 1.1, for images and for video: `annotations.xml`, or a file for each video in `annotations/`.

A file of images is a dataset, its images the entries; their split is the subset, or a split that the file is called
after. Pictures lie in `images/`, in the folder of their subset, or where their name says. Files with tracks are one
dataset of videos, an entry each, which lie in `videos/` or beside. Files are read element by element: nothing grows
with the number of images.

Coordinates are pixels from 0; `cvat_shapes` says what elements become.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self
from xml.etree import ElementTree as ET

import orjson
from msgspec.structs import replace

from blocks.layouts.cvat_labels import Labels, read_labels
from blocks.layouts.cvat_shapes import to_annotation, to_track
from blocks.layouts.layout import Layout
from blocks.layouts.opened import SPLITS, Folder, video_type
from blocks.layouts.xml_file import as_record, root_tag, stream_xml, text_at
from exporters.model import Annotation, Category, Dataset, Entry
from exporters.shard import MediaChoice

ANNOTATIONS = "annotations"
_ITEMS = ("image", "track")


class CvatLayout(Layout):
    label: ClassVar[str] = "CVAT for images and video"
    sought: ClassVar[str] = "annotations.xml (CVAT)"

    def __init__(self, folder: Folder, files: Sequence[str]) -> None:
        super().__init__(folder)
        self._videos = [path for path in files if self._is_video(path)]
        self._pictures = [path for path in files if path not in self._videos]
        self._known: dict[str, Labels] = {}

    @classmethod
    def found_in(cls, folder: Folder) -> Self | None:
        if folder.only_file:
            names = [folder.only_file] if folder.only_file.endswith(".xml") else []
        else:
            top = [path for path, is_file in folder.listed("") if is_file]
            names = [path for path in (*top, *folder.files_below(ANNOTATIONS)) if path.endswith(".xml")]
        found = [path for path in names if root_tag(folder, path) == ANNOTATIONS]
        return cls(folder, found) if found else None

    def catalog(self) -> list[Dataset]:
        name = self.folder.name
        is_alone = len(self._pictures) == 1 and not self._videos
        images = [name if is_alone else path.removesuffix(".xml") for path in self._pictures]
        videos = [Dataset(id=name, name=name, modality="video")] if self._videos else []
        splits = [stem if stem in SPLITS else None for stem in map(_stem, self._pictures)]
        found = zip(images, splits, strict=True)
        return videos + [Dataset(id=one, name=one, modality="image", split=split) for one, split in found]

    def dataset(self, found: Dataset) -> Dataset:
        """Labels in the order in which they are declared; of several videos, each that its file has first."""
        categories: dict[str, Category] = {}
        for path in self._files(found):
            for one in self._labels(path).categories:
                categories.setdefault(one.id, one)
        return replace(found, categories=tuple(categories.values()))

    def list_entries(self, dataset: Dataset) -> Iterator[bytes]:
        for path in self._files(dataset):
            if path in self._videos:
                yield orjson.dumps({"file": path})
                continue
            for one in stream_xml(self.folder, path):
                if one.tag == "image":
                    yield orjson.dumps({"file": path, "image": ET.tostring(one, encoding="unicode").strip()})

    def read(self, dataset: Dataset, listing: Sequence[bytes], media: MediaChoice) -> Iterator[Entry]:
        for line in listing:
            document = orjson.loads(line)
            path = document["file"]
            if "image" in document:
                image = ET.fromstring(document["image"])  # noqa: S314 - `stream_xml` has read it before
                yield self._image_entry(path, image, dataset, media)
            else:
                yield self._video_entry(path, dataset, media)

    def _image_entry(self, path: str, image: ET.Element, dataset: Dataset, media: MediaChoice) -> Entry:
        name, subset = image.get("name", ""), image.get("subset", "")
        task, number = image.get("task_id", ""), image.get("id", "")
        id_ = f"{task}-{number}" if task else number or name
        split = subset if subset and subset.lower() != "default" else dataset.split
        places = (posixpath.join("images", subset or dataset.split or ""), "images", "")
        tried = (posixpath.join(place, name) for place in places)
        found = next(filter(None, map(self.folder.find, tried)), "") if name else ""
        size = _count(image.get("width")), _count(image.get("height"))
        width, height = size if all(size) else self.folder.upright_size(found) or (None, None)
        labels = self._labels(path)
        return Entry(
            id=id_,
            dataset_id=dataset.id,
            name=name,
            split=split,
            medias=(
                self.folder.original(found, media, id_=id_, wanted=name or f"image {id_}", width=width, height=height),
            ),
            annotations=tuple(
                to_annotation(one, f"{id_}#{place}", labels, (width or 0, height or 0))
                for place, one in enumerate(image, 1)
            ),
            raw=as_record(ET.Element(image.tag, image.attrib)),
        )

    def _video_entry(self, path: str, dataset: Dataset, media: MediaChoice) -> Entry:
        meta: dict[str, Any] = {}
        annotations: list[Annotation] = []
        stem = path.removeprefix(f"{ANNOTATIONS}/").removesuffix(".xml")
        labels = self._labels(path)
        for one in stream_xml(self.folder, path):
            if one.tag == "meta":
                meta = _described(one)
            elif one.tag not in ("version", "image"):
                place = f"{stem}#{len(annotations) + 1}"
                annotations.append(to_track(one, place, labels, (meta.get("width") or 0, meta.get("height") or 0)))
        name = posixpath.basename(meta.pop("source", "") or stem)
        split = posixpath.dirname(stem) or None
        tried = (posixpath.join("videos", split or "", name), posixpath.join(posixpath.dirname(path), name), name)
        found = next(filter(None, map(self.folder.find, tried)), "")
        video = self.folder.original(
            found, media, id_=stem, wanted=name, mime_type=video_type(name) or "video/mp4", **meta
        )
        return Entry(
            id=stem, dataset_id=dataset.id, name=name, split=split, medias=(video,), annotations=tuple(annotations)
        )

    def _files(self, dataset: Dataset) -> Sequence[str]:
        if dataset.modality == "video":
            return self._videos
        if len(self._pictures) == 1:
            return self._pictures
        return [path for path in self._pictures if path.removesuffix(".xml") == dataset.id]

    def _labels(self, path: str) -> Labels:
        if path not in self._known:
            meta = next((one for one in stream_xml(self.folder, path) if one.tag in ("meta", *_ITEMS)), None)
            is_declared = meta is not None and meta.tag == "meta"
            self._known[path] = read_labels(meta if meta is not None and is_declared else ET.Element("meta"))
        return self._known[path]

    def _is_video(self, path: str) -> bool:
        """Told by the first item; a file without any is of the kind that its task has."""
        mode = ""
        for one in stream_xml(self.folder, path):
            if one.tag in _ITEMS:
                return one.tag == "track"
            mode = mode or (text_at(one, ".//mode") if one.tag == "meta" else "")
        return mode == "interpolation"


def _stem(path: str) -> str:
    return posixpath.basename(path).removesuffix(".xml")


def _described(meta: ET.Element) -> dict[str, Any]:
    """What a file says of its video."""
    size, extent = ".//original_size", _count(text_at(meta, "task/size") or text_at(meta, "job/size"))
    return {
        "source": text_at(meta, "source") or text_at(meta, ".//source") or text_at(meta, "task/name"),
        "width": _count(text_at(meta, f"{size}/width")),
        "height": _count(text_at(meta, f"{size}/height")),
        "frames_count": extent,
    }


def _count(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 and int(text) else None
