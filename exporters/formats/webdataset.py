"""`webdataset`: tar files of samples that are read from front to back (https://github.com/webdataset/webdataset).

    train-000000.tar, train-000001.tar, ...   the samples of a split, or `data-...` of entries without one
    train-index.json                          its tar files with their sizes and counts of samples, as `wids` reads it
    classes.json                              the classes: number from 0, name, parent, keypoints and their edges

A sample is two or three members that follow each other and share a key: `key.json`, the media file as it was fetched
(`key.jpg`, or whatever its extension says), and on demand `key.cls`. The key is the split and the entry's name without
its extension. No key has a dot, which would end it for readers, nor a folder or name that begins with `__`, which they
skip: a dot becomes `~_`, and `~-` stands before `__`. `name` in the JSON is the entry's own.

    {"id", "dataset", "name", "split", "width", "height", "attributes", "annotations": [
        {"id", "category", "category_id", "bbox", "area", "iscrowd", "group_id", "shape", "attributes"}]}

`bbox` is `[left, top, width, height]` in pixels of the upright picture from its top-left corner, null for what has no
place on it; `shape` is all of the shape, in the words of `exporters.model`. `category_id` is the class's number.
Media keep their bytes, EXIF orientation included.

An entry's place in the export decides about its tar file, so a file has fewer samples than `samples_per_file` where
entries are left out or lie in another split. `datasets` takes the columns from the first five samples: when media have
different extensions, or none of the five has an annotation, give it the features, or `media_field` for all of them.
"""

from __future__ import annotations

import tarfile
from typing import Any

from pydantic import Field, field_validator

from exporters.assembly import Assembly
from exporters.base import Exporter
from exporters.formats.numbered import files_of, parts_of, series_names
from exporters.holds import Holds
from exporters.item import Item, Placed
from exporters.model import SHAPES, Classification, encode
from exporters.naming import safe_component
from exporters.options import ImageOptions
from exporters.shard import Shard

BLOCK = 512
END = bytes(2 * BLOCK)
RESERVED = ("json", "cls")


class WebdatasetOptions(ImageOptions):
    samples_per_file: int = Field(default=1000, ge=1, description="The most samples that a tar file has.")
    media_field: str = Field(
        default="",
        pattern="^[a-z0-9]*$",
        description="The extension of every media file, such as jpg: readers decode by content, but some want one "
        "extension for all; empty: each has its own.",
    )
    cls: bool = Field(
        default=False,
        description="Add the member cls, the number of an entry's class; entries that have not exactly one "
        "classification are left out.",
    )

    @field_validator("media_field")
    @classmethod
    def _is_free(cls, field: str) -> str:
        if field in RESERVED:
            raise ValueError(f"samples have a member {field} of their own")
        return field


class WebdatasetExporter(Exporter[WebdatasetOptions]):
    name = "webdataset"
    description = "WebDataset: tar files of samples, each a JSON with all annotations beside its media file."
    version = 1
    holds = Holds(
        shapes=frozenset(SHAPES) - {"unknown"},
        class_numbers="from_0",
        needs_media=True,
        embeds_media=True,
        pairs_by_stem=True,
    )
    options = WebdatasetOptions

    def convert(self, item: Item, shard: Shard[WebdatasetOptions]) -> None:
        media, options = item.entry.original, shard.options
        if media is None:
            shard.leave_out("it has no media")
            return
        fields = {"json": encode(_sample(item))}
        if options.cls:
            classes = [one.category for one in item.annotations if isinstance(one.shape, Classification)]
            if len(classes) != 1 or classes[0] is None:
                shard.leave_out("it has not exactly one class")
                return
            fields["cls"] = b"%d" % classes[0].number
        data = shard.read_media(media)
        if data is not None:
            fields[options.media_field or _extension(item.file_name)] = data
        key = sample_key(item)
        contents, count = parts_of(item, options.samples_per_file)
        shard.append(contents, b"".join(_member(f"{key}.{field}", fields[field]) for field in sorted(fields)))
        shard.append(count, b".")
        shard.keep(item.annotations)

    def assemble(self, package: Assembly[WebdatasetOptions]) -> None:
        series = files_of(package)
        for split, name in series_names(series, "data").items():
            index = []
            for number, file in enumerate(series[split]):
                path = f"{name}-{number:06}.tar"
                package.file(path, [*file.pieces, END])
                index.append({"url": path, "nsamples": file.entries_count, "filesize": file.size + len(END)})
            document = {"wids_version": 1, "name": package.name, "shardlist": index}
            package.file(f"{name}-index.json", [encode(document) + b"\n"])
        classes = [
            {
                "number": one.number,
                "name": one.name,
                "parent": one.parent,
                "keypoints": one.keypoints,
                "skeleton": one.skeleton,
            }
            for one in package.classes.classes
        ]
        package.file("classes.json", [encode(classes) + b"\n"])


def sample_key(item: Item) -> str:
    """The key of an entry's sample: unlike those of all others, without dots, skipped by no reader."""
    place = f"{safe_component(item.entry.split)}/{item.stem}" if item.entry.split else item.stem
    folders = place.replace(".", "~_").split("/")
    return "/".join(f"~-{one}" if one.startswith("__") else one for one in folders)


def _extension(file_name: str) -> str:
    extension = file_name.rpartition("/")[2].rpartition(".")[2].lower() if "." in file_name else ""
    return extension if extension.isascii() and extension.isalnum() and extension not in RESERVED else "bin"


def _sample(item: Item) -> dict[str, Any]:
    entry = item.entry
    width, height = item.size or (None, None)
    return {
        "id": entry.id,
        "dataset": entry.dataset_id,
        "name": entry.name,
        "split": entry.split,
        "width": width,
        "height": height,
        "attributes": entry.attributes,
        "annotations": list(map(_annotation, item.annotations)),
    }


def _annotation(one: Placed) -> dict[str, Any]:
    annotation, box, category = one.annotation, one.box, one.category
    return {
        "id": annotation.id,
        "category": category.name if category else None,
        "category_id": category.number if category else None,
        "bbox": (box.left, box.top, box.width, box.height) if box else None,
        "area": one.area if box else None,
        "iscrowd": int(annotation.is_crowd),
        "group_id": annotation.group_id,
        "shape": annotation.shape,
        "attributes": annotation.attributes,
    }


def _member(name: str, data: bytes) -> bytes:
    """A file in a tar: header, bytes, filling. Its time, owner and mode are always the same."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    try:
        header = info.tobuf(tarfile.USTAR_FORMAT, "utf-8")
    except ValueError:  # the name is too long for a plain header
        header = info.tobuf(tarfile.PAX_FORMAT, "utf-8")
    return header + data + bytes(-len(data) % BLOCK)
