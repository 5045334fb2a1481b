"""`parquet`: pictures and annotations as tables that `datasets` of Hugging Face and its hub read. Extra: `parquet`.

    data/train-00000-of-00003.parquet   the rows of a split, one a picture; `train` too where no entry has a split,
                                        `unsplit` where some have
    README.md                           which files belong to which split, and how many rows they have

    id, dataset, name       the entry's ids and name
    image                   the file as it was fetched, and its name; null in an export without media
    width, height           of the upright picture, null where unknown
    label                   the class of a picture that has exactly one classification, otherwise -1
    attributes              of the entry, as JSON
    objects                 lists of one length: id, category, group_id, attributes, bbox, area, iscrowd, shape
    tags                    the classifications, lists of one length: id, category, group_id, attributes

`bbox` is left, top, width, height in pixels of the upright picture from its top-left corner; `shape` all of the shape,
and `attributes`, as JSON, in the words of `exporters.model`. A category is a class label, counted from 0, -1 for none.
The columns are the same in every file, and their types in each file's own description. The EXIF orientation of a
picture stays in it; `datasets` turns pictures by it when it decodes them.

A shard makes at least one file of each split it has entries of, and another when that grows over half a gigabyte. The
files name the version of the library that wrote them: another version of pyarrow may give other bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from exporters import splits
from exporters.assembly import Assembly, Piece
from exporters.base import Exporter
from exporters.errors import quoted
from exporters.formats.parquet_files import ParquetFiles, empty_file, pyarrow
from exporters.holds import Holds
from exporters.item import Item, Placed
from exporters.model import Classification, encode
from exporters.options import ImageOptions
from exporters.shard import Shard

ROWS = "rows"
FILE = "file"

NO_LABEL = -1


class ParquetExporter(Exporter[ImageOptions]):
    name = "parquet"
    description = "Parquet with the pictures in it and typed columns, as Hugging Face datasets and its hub read it."
    version = 1
    holds = Holds(
        modalities=frozenset({"image"}),
        shapes=frozenset(
            {"box", "rotated_box", "ellipse", "polygon", "polyline", "mask", "skeleton", "classification"}
        ),
        class_numbers="from_0",
        embeds_media=True,
    )
    options = ImageOptions

    def check_installed(self) -> None:
        pyarrow()

    def convert(self, item: Item, shard: Shard[ImageOptions]) -> None:
        split = item.entry.split or ""
        files = _files(shard)
        media = item.entry.original
        data = shard.read_media(media) if media else None
        files.offer(split, _row(item, data), len(data or b""))
        _append(files, shard)
        shard.append(f"{ROWS}:{split}", b".")  # the size of this part counts the rows
        shard.keep(item.annotations)

    def finish(self, shard: Shard[ImageOptions]) -> None:
        files = _files(shard)
        files.close()
        _append(files, shard)

    def assemble(self, package: Assembly[ImageOptions]) -> None:
        found: dict[str, list[Piece]] = {}
        for shard in package.parts:
            for part in sorted(part for part in shard if part.startswith(f"{FILE}:")):
                found.setdefault(part.split(":", 2)[2], []).append(shard[part])
        names = split_names(found)
        for split, name in names.items():
            for number, file in enumerate(found[split]):
                package.file(f"data/{name}-{number:05}-of-{len(found[split]):05}.parquet", [file])
        if not found:
            names = {"": "train"}
            columns = features([one.name for one in package.classes.classes])
            package.file("data/train-00000-of-00001.parquet", [empty_file(columns)])
        described = [
            {
                "name": name,
                "num_bytes": sum(file.size for file in found.get(split, ())),
                "num_examples": sum(piece.size for piece in package.pieces(f"{ROWS}:{split}")),
            }
            for split, name in names.items()
        ]
        package.file("README.md", ["".join(_readme(package.name, names, described)).encode()])


def _files(shard: Shard[ImageOptions]) -> ParquetFiles:
    """The shard's files; what became of the last row is seen to."""
    if FILE not in shard.memory:
        shard.memory[FILE] = ParquetFiles(features([one.name for one in shard.classes.classes]))
    files: ParquetFiles = shard.memory[FILE]
    files.settle(shard.counters.went_out["entries"])
    return files


def _append(files: ParquetFiles, shard: Shard[ImageOptions]) -> None:
    for split, number, data in files.outbox():
        shard.append(f"{FILE}:{number:05}:{split}", data)


def features(classes: list[str]) -> dict[str, Any]:
    """The columns, in the words of `datasets`."""
    text, whole, number = ({"dtype": dtype, "_type": "Value"} for dtype in ("string", "int64", "float64"))
    label = {"names": classes, "_type": "ClassLabel"}

    def several(feature: Any, **values: int) -> dict[str, Any]:
        return {"feature": feature, **values, "_type": "List"}

    tags = {
        "id": several(text),
        "category": several(label),
        "group_id": several(text),
        "attributes": several(text),
    }
    objects = tags | {
        "bbox": several(several(number, length=4)),
        "area": several(number),
        "iscrowd": several(whole),
        "shape": several(text),
    }
    return {
        "id": text,
        "dataset": text,
        "name": text,
        "image": {"_type": "Image"},
        "width": whole,
        "height": whole,
        "label": label,
        "attributes": text,
        "objects": objects,
        "tags": tags,
    }


def _row(item: Item, data: bytes | None) -> dict[str, Any]:
    entry = item.entry
    width, height = item.size or (None, None)
    tags = [one for one in item.annotations if isinstance(one.shape, Classification)]
    objects = [(one, one.box) for one in item.annotations if one.box]
    return {
        "id": entry.id,
        "dataset": entry.dataset_id,
        "name": entry.name,
        "image": None if data is None else {"bytes": data, "path": item.file_name.rpartition("/")[2]},
        "width": width,
        "height": height,
        "label": _label(tags[0]) if len(tags) == 1 else NO_LABEL,
        "attributes": _json(entry.attributes),
        "objects": _columns([one for one, _ in objects])
        | {
            "bbox": [(box.left, box.top, box.width, box.height) for _, box in objects],
            "area": [one.area for one, _ in objects],
            "iscrowd": [int(one.annotation.is_crowd) for one, _ in objects],
            "shape": [_json(one.shape) for one, _ in objects],
        },
        "tags": _columns(tags),
    }


def _columns(annotations: Iterable[Placed]) -> dict[str, list[Any]]:
    """What objects and tags have in common."""
    rows = [
        (one.annotation.id, _label(one), one.annotation.group_id, _json(one.annotation.attributes))
        for one in annotations
    ]
    names = ("id", "category", "group_id", "attributes")
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _label(one: Placed) -> int:
    return one.category.number if one.category else NO_LABEL


def _json(value: object) -> str:
    return encode(value).decode()


def split_names(found: Iterable[str]) -> dict[str, str]:
    """For each split a name that `datasets` allows: letters, digits and `_`, no two alike but for case."""
    found = set(found)
    named = splits.file_names(found)
    if "" in found:
        named = {"": "unsplit" if named else "train"} | named
    taken = {"all"}  # means all splits together
    for split, name in named.items():
        allowed = re.sub(r"\W", "_", name)
        while allowed.casefold() in taken:
            allowed += "_"
        taken.add(allowed.casefold())
        named[split] = allowed
    return named


def _readme(title: str, names: Mapping[str, str], described: list[dict[str, Any]]) -> Iterator[str]:
    """The hub's description of a dataset: a head in YAML, and what people read."""
    files = [{"split": name, "path": f"data/{name}-*.parquet"} for name in names.values()]
    head = {
        "configs": [{"config_name": "default", "data_files": files}],
        "dataset_info": {"splits": described},
    }
    import yaml  # noqa: PLC0415 - whoever lists the formats does without

    yield f"---\n{yaml.safe_dump(head, allow_unicode=True, sort_keys=False)}---\n\n"
    yield f"# {' '.join(title.split())}\n"
    renamed = [(name, split) for split, name in names.items() if split not in ("", name)]
    if renamed:
        yield "\n" + "".join(f"- `{name}` is the split {quoted(split)}.\n" for name, split in renamed)
