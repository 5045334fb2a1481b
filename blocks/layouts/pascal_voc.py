"""Pascal VOC: `Annotations/<stem>.xml`, `JPEGImages/<stem>.jpg`, splits in `ImageSets/Main/`; or all side by side.

The folders lie at the top or, as in the original, in `VOCdevkit/VOC2012/`: each year is a dataset. Roboflow and
LabelImg put the XML beside the picture, in the folder of each split or at the top.

XML of the old LabelMe on the web, which has an `imagesize`, is another format with folders of these names.

Corners are 1-based and inclusive: the least ones shift by one, the largest do not. An object whose pixels are in
`SegmentationObject/<stem>.png` is a mask, one with a `polygon` (Roboflow's) is that. What else an object says
(`difficult`, `truncated`, `occluded`, `pose`, `attributes`) becomes its attributes; `difficult` makes it no crowd.

Pictures without XML, and names in the lists without either, are not labelled yet: in progress.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import ClassVar, Self
from xml.etree import ElementTree as ET

import orjson
from msgspec.structs import replace

from blocks.layouts.layout import Layout
from blocks.layouts.opened import PICTURES as KNOWN
from blocks.layouts.opened import SPLITS, Folder
from blocks.layouts.pascal_voc_masks import read_masks
from blocks.layouts.pascal_voc_objects import to_annotation
from blocks.layouts.xml_file import as_record, read_xml, root_tag, text_at
from exporters.errors import RequestError
from exporters.model import Annotation, Category, Dataset, Entry, Mask, Unknown
from exporters.shard import MediaChoice

ANNOTATIONS, PICTURES, SETS, OBJECTS = "Annotations", "JPEGImages", "ImageSets/Main", "SegmentationObject"
_EXTENSIONS = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG", ".bmp", ".webp")


class PascalVocLayout(Layout):
    label: ClassVar[str] = "Pascal VOC"
    sought: ClassVar[str] = f"{ANNOTATIONS}/*.xml (Pascal VOC)"

    def __init__(self, folder: Folder, places: Sequence[str]) -> None:
        """`places` have the folders of VOC in them; none where XML and pictures lie side by side."""
        super().__init__(folder)
        self._places = places

    @classmethod
    def found_in(cls, folder: Folder) -> Self | None:
        if folder.only_file:
            return None
        top = [path for path, is_file in folder.listed("") if not is_file]
        years = [path for path, is_file in folder.listed("VOCdevkit") if not is_file]
        places = [place for place in ("", *top, *years) if _has_annotations(folder, posixpath.join(place, ANNOTATIONS))]
        if places:
            first = next(path for path in folder.files_below(posixpath.join(places[0], ANNOTATIONS)) if _is_xml(path))
            is_other = root_tag(folder, first) == "annotation" and read_xml(folder, first).find("imagesize") is not None
            return None if is_other else cls(folder, places[:1] if places[0] == "" else places)
        beside = next((path for place in ("", *SPLITS) for path in _xml_files(folder, place)), "")
        return cls(folder, []) if beside and root_tag(folder, beside) == "annotation" else None

    def catalog(self) -> list[Dataset]:
        names = [posixpath.basename(place) or self.folder.name for place in self._places or [""]]
        return [Dataset(id=name, name=name, modality="image") for name in names]

    def dataset(self, found: Dataset) -> Dataset:
        """Classes in the order of `labelmap.txt` where there is one, else by name: VOC itself has no order."""
        place = self._place(found)
        names = self._declared(place) or sorted({name for path in self._files(place) for name in self._names(path)})
        return replace(found, categories=tuple(Category(id=name, name=name) for name in names))

    def list_entries(self, dataset: Dataset) -> Iterator[bytes]:
        place = self._place(dataset)
        splits = self._splits(place)
        labelled: set[str] = set()
        for path in self._files(place):
            stem = _stem(path, place)
            labelled.add(stem)
            yield orjson.dumps({"file": path, "stem": stem, "split": splits.get(stem) or self._split_beside(path)})
        pictures = {stem: path for path in self._pictures(place) if (stem := self._stem(path, place)) not in labelled}
        for stem in sorted(pictures.keys() | splits.keys() - labelled):
            path = pictures.get(stem, "")
            split = splits.get(stem) or self._split_beside(path)
            yield orjson.dumps({"picture": path, "stem": stem, "split": split})

    def read(self, dataset: Dataset, listing: Sequence[bytes], media: MediaChoice) -> Iterator[Entry]:
        place = self._place(dataset)
        for line in listing:
            document = orjson.loads(line)
            stem, split = document["stem"], document["split"]
            if "file" in document:
                yield self._entry(place, document["file"], stem, split, dataset, media)
            else:
                yield self._unlabelled(document["picture"], stem, split, dataset, media)

    def _unlabelled(self, path: str, stem: str, split: str | None, dataset: Dataset, media: MediaChoice) -> Entry:
        width, height = self.folder.upright_size(path) or (None, None)
        wanted = path or f"{stem}{_EXTENSIONS[0]}"
        extension = posixpath.splitext(wanted)[1]
        return Entry(
            id=stem,
            dataset_id=dataset.id,
            name=f"{stem}{extension}".removeprefix(f"{split}/"),
            state="in_progress",
            split=split,
            medias=(self.folder.original(path, media, id_=stem, wanted=wanted, width=width, height=height),),
        )

    def _entry(
        self, place: str, path: str, stem: str, split: str | None, dataset: Dataset, media: MediaChoice
    ) -> Entry:
        root = read_xml(self.folder, path)
        file_name = posixpath.join(posixpath.dirname(stem), posixpath.basename(text_at(root, "filename")) or stem)
        width, height = _count(text_at(root, "size/width")), _count(text_at(root, "size/height"))
        picture = self._picture(place, file_name, stem)
        if not (width and height):
            width, height = self.folder.upright_size(picture) or (None, None)
        objects = root.findall("object")
        painted = self._masks(place, stem, (width, height)) if width and height else {}
        annotations = [
            to_annotation(one, f"{path}#{number}", painted.pop(number, None)) for number, one in enumerate(objects, 1)
        ]
        annotations += [
            Annotation(id=f"{path}#part{number}", shape=Unknown("part of an object"), raw=as_record(one))
            for number, one in enumerate(root.findall("object/part"), 1)
        ]
        annotations += [Annotation(id=f"{path}#mask{number}", shape=Unknown("mask of no object")) for number in painted]
        return Entry(
            id=stem,
            dataset_id=dataset.id,
            name=_true_name(root) or file_name.removeprefix(f"{split}/"),
            split=split,
            medias=(self.folder.original(picture, media, id_=path, wanted=file_name, width=width, height=height),),
            annotations=tuple(annotations),
        )

    def _masks(self, place: str, stem: str, size: tuple[int, int]) -> dict[int, Mask]:
        path = self.folder.find(posixpath.join(place, OBJECTS, f"{stem}.png")) if self._places else ""
        return read_masks(self.folder, path, size) if path else {}

    def _picture(self, place: str, name: str, stem: str) -> str:
        above = posixpath.join(place, PICTURES) if self._places else ""
        tried = (name, *(stem + extension for extension in _EXTENSIONS))
        return next(filter(None, (self.folder.find(posixpath.join(above, one)) for one in tried)), "")

    def _pictures(self, place: str) -> Iterator[str]:
        if self._places:
            return self.folder.pictures_below(posixpath.join(place, PICTURES))
        listed = (one for part in ("", *SPLITS) for one in self.folder.listed(part))
        return (path for path, is_file in listed if is_file and posixpath.splitext(path)[1].lower() in KNOWN)

    def _stem(self, picture: str, place: str) -> str:
        """What the XML of a picture would be called."""
        above = f"{posixpath.join(place, PICTURES)}/" if self._places else ""
        return posixpath.splitext(picture.removeprefix(above))[0]

    def _split_beside(self, path: str) -> str | None:
        """The split of what lies in the folder of one."""
        return path.partition("/")[0] if not self._places and "/" in path else None

    def _place(self, dataset: Dataset) -> str:
        return next((place for place in self._places if posixpath.basename(place) == dataset.id), "")

    def _files(self, place: str) -> Iterator[str]:
        if not self._places:
            return (path for part in ("", *SPLITS) for path in _xml_files(self.folder, part))
        below = self.folder.files_below(posixpath.join(place, ANNOTATIONS))
        return filter(_is_xml, below)

    def _names(self, path: str) -> Iterator[str]:
        return (text_at(one, "name") for one in read_xml(self.folder, path).findall("object"))

    def _declared(self, place: str) -> list[str]:
        """The names in `labelmap.txt`, a line `name:r,g,b:parts:actions` each, without the background."""
        path = self.folder.find(posixpath.join(place, "labelmap.txt"))
        lines = self.folder.read_text(path).splitlines() if path else []
        names = [line.split(":", maxsplit=1)[0].strip() for line in lines if line.strip() and not line.startswith("#")]
        return [name for name in names if name != "background"]

    def _splits(self, place: str) -> dict[str, str | None]:
        """The split of each stem: the lists that are named like splits; `trainval` is no split but two of them."""
        found: dict[str, str | None] = {}
        undivided: list[str] = []
        for path, is_file in self.folder.listed(posixpath.join(place, SETS)):
            split = posixpath.basename(path).removesuffix(".txt")
            if not is_file or "_" in split:
                continue
            if split == "trainval":
                undivided = self._listed_stems(path)
                continue
            for stem in self._listed_stems(path):
                if found.setdefault(stem, split) != split:
                    raise RequestError(
                        f"{self.folder.shown_file(path)} lists {stem!r}, which {found[stem]}.txt has too; "
                        f"remove it from one of them."
                    )
        return dict.fromkeys(undivided) | found

    def _listed_stems(self, path: str) -> list[str]:
        """The names in a list; some tools put them into quotes, or leave the extension."""
        names = (line.strip().strip('"') for line in self.folder.read_text(path).splitlines())
        parts = map(posixpath.splitext, filter(None, names))
        return [stem if extension.lower() in KNOWN else stem + extension for stem, extension in parts]


def _has_annotations(folder: Folder, place: str) -> bool:
    return any(map(_is_xml, folder.files_below(place)))


def _is_xml(path: str) -> bool:
    return path.endswith(".xml")


def _xml_files(folder: Folder, place: str) -> Iterator[str]:
    return (path for path, is_file in folder.listed(place) if is_file and _is_xml(path))


def _stem(path: str, place: str) -> str:
    """A file's path below the folder of annotations, without extension."""
    return path.removeprefix(f"{posixpath.join(place, ANNOTATIONS)}/").removesuffix(".xml")


def _true_name(root: ET.Element) -> str:
    """Our own exporter has flat names, and says what they were."""
    return text_at(root, "source/image") if text_at(root, "source/annotation") == "Outhaul" else ""


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 and int(text) else None
