"""`kitti`: KITTI's object labels in two dimensions (https://www.cvlibs.net/datasets/kitti), a text file a picture.

    training/image_2/000000.png    the pictures, whatever their type, by their place in the export
    training/label_2/000000.txt    a row an object; empty for a picture without any
    testing/image_2, label_2       those of the split test, with their labels
    ImageSets/<split>.txt          the numbers of a split's pictures, one a line
    names.jsonl                    for each number the entry and its true name

    type truncated occluded alpha left top right bottom height width length x y z rotation_y

Numbers have two decimals, as KITTI's own; where that rounds something, it is counted. Edges are pixels from 0. What is
not known has the value that says so: alpha and rotation_y -10, dimensions -1, location -1000; truncated and occluded
are 0. Attributes of these names are taken where they fit: `truncated` from 0 to 1, `occluded` 0 to 3, `alpha` and
`rotation_y` in radians from -pi to pi, `dimensions` (height, width, length) and `location` (x, y, z) in metres. Others
are not held.

A type has no blanks: they become `_`, which is counted. Where that makes two classes one, theirs are written `~20`, and
`~` is `~7e`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import orjson
from pydantic import Field

from exporters import splits
from exporters.assembly import Assembly
from exporters.base import Exporter
from exporters.classes import ExportClass
from exporters.formats.labels import class_labels
from exporters.holds import Holds
from exporters.item import Item, Placed
from exporters.options import ImageOptions
from exporters.shapes import geometry
from exporters.shard import Shard

UNKNOWN_ANGLE, UNKNOWN_METRES, UNKNOWN_PLACE = "-10", "-1 -1 -1", "-1000 -1000 -1000"
EXACT = 1e-6
"""What sums of decimals may be off by; less than a row shows."""
_BLANK = re.compile(r"\s")
IGNORED = "DontCare -1 -1 -10 {edges} -1 -1 -1 -1000 -1000 -1000 -10\n"


class KittiOptions(ImageOptions):
    crowds: Literal["leave_out", "dont_care"] = Field(
        default="leave_out",
        description="Crowd regions: leave them out, or write them as DontCare, regions that scores pass over.",
    )


class KittiExporter(Exporter[KittiOptions]):
    name = "kitti"
    description = "KITTI object labels: boxes with truncation, occlusion and angles, a text file a picture."
    version = 2
    is_entrywise = True
    holds = Holds(
        modalities=frozenset({"image"}),
        shapes=frozenset({"box"}),
        needs_category=True,
        needs_size=True,
    )
    options = KittiOptions

    def media_path(self, item: Item, shard: Shard[KittiOptions]) -> str:  # noqa: ARG002
        return f"{_folder(item)}/image_2/{item.ordinal:06d}{item.file_name[len(item.stem) :]}"

    def convert(self, item: Item, shard: Shard[KittiOptions]) -> None:
        types = _known_types(shard)
        rows, kept = [], []
        for one in item.annotations:
            edges = _edges(one)
            if one.category is None or edges is None:
                shard.leave_out_annotation(one, "nothing is left of its box when it is rounded to hundredths of pixels")
                continue
            if one.annotation.is_crowd and shard.options.crowds == "leave_out":
                shard.leave_out_annotation(one, "kitti holds crowds only with crowds=dont_care")
                continue
            own = {} if one.annotation.is_crowd else _own(one.annotation.attributes)
            if one.annotation.is_crowd:
                shard.change("written as DontCare, without its class")
                rows.append(IGNORED.format(edges=edges))
            else:
                if len(own) < len(one.annotation.attributes):
                    shard.change("attributes are not held")
                if _BLANK.search(one.category.name):
                    shard.change("blanks in the name of its class are written otherwise")
                rows.append(_row(types[one.category.id], own, edges))
            if _is_rounded(one, edges, own):
                shard.change("its numbers are rounded to two decimals")
            kept.append(one)
        number = f"{item.ordinal:06d}"
        shard.write(f"{_folder(item)}/label_2/{number}.txt", "".join(rows).encode())
        names = {"number": number, "id": item.entry.id, "name": item.entry.name, "split": item.entry.split}
        shard.append("names", orjson.dumps(names) + b"\n")
        if item.entry.split:
            shard.append(f"split:{item.entry.split}", f"{number}\n".encode())
        shard.keep(kept)

    def assemble(self, package: Assembly[KittiOptions]) -> None:
        package.file("names.jsonl", package.pieces("names"))
        named = splits.file_names(part.partition(":")[2] for part in package.names())
        for split, name in named.items():
            package.file(f"ImageSets/{name}.txt", package.pieces(f"split:{split}"))


def _folder(item: Item) -> str:
    return "testing" if item.entry.split == "test" else "training"


def _edges(one: Placed) -> str | None:
    """Left, top, right, bottom; None where no extent is left of them."""
    box = one.box
    assert box is not None
    # Adding 0 makes 0 of -0.
    left, right = f"{box.left + 0.0:.2f}", f"{box.left + box.width:.2f}"
    top, bottom = f"{box.top + 0.0:.2f}", f"{box.top + box.height:.2f}"
    return None if left == right or top == bottom else f"{left} {top} {right} {bottom}"


def _is_rounded(one: Placed, edges: str, own: dict[str, str]) -> bool:
    """Whether what is written, the edges and attributes of an object, is not what it came with."""
    assert one.box is not None
    came = [*geometry.ltwh_to_ltrb(one.box)]
    for name in own:
        came += _numbers(one.annotation.attributes[name])
    written = " ".join([edges, *own.values()]).split()
    return any(abs(float(text) - number) > EXACT for text, number in zip(written, came, strict=True))


def _row(type_: str, own: dict[str, str], edges: str) -> str:
    if not own:
        return f"{type_} 0.00 0 -10 {edges} -1 -1 -1 -1000 -1000 -1000 -10\n"
    before = f"{own.get('truncated', '0.00')} {own.get('occluded', '0')} {own.get('alpha', UNKNOWN_ANGLE)}"
    metres = f"{own.get('dimensions', UNKNOWN_METRES)} {own.get('location', UNKNOWN_PLACE)}"
    return f"{type_} {before} {edges} {metres} {own.get('rotation_y', UNKNOWN_ANGLE)}\n"


def _own(attributes: dict[str, Any]) -> dict[str, str]:
    """The attributes that a row has a place for and that fit it, as text."""
    texts = {name: read(attributes[name]) for name, read in _READERS.items() if name in attributes}
    return {name: text for name, text in texts.items() if text is not None}


def _number(value: Any) -> float:
    """NaN for what is no number; sources that keep everything as text have numbers as text."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _numbers(value: Any) -> list[float]:
    return [_number(one) for one in value] if isinstance(value, (list, tuple)) else [_number(value)]


def _truncated(value: Any) -> str | None:
    number = _number(value)
    return f"{number:.2f}" if 0 <= number <= 1 else None


def _occluded(value: Any) -> str | None:
    number = _number(value)
    return f"{number:.0f}" if number in (0, 1, 2, 3) else None


def _angle(value: Any) -> str | None:
    number = _number(value)
    return f"{number:.2f}" if abs(number) <= math.pi else None


def _three(value: Any) -> str | None:
    numbers = _numbers(value) if isinstance(value, (list, tuple)) else []
    return " ".join(f"{one:.2f}" for one in numbers) if len(numbers) == 3 and math.isfinite(sum(numbers)) else None


_READERS = {
    "truncated": _truncated,
    "occluded": _occluded,
    "alpha": _angle,
    "dimensions": _three,
    "location": _three,
    "rotation_y": _angle,
}


# -- types ------------------------------------------------------------------------------------------------------------


def _known_types(shard: Shard[KittiOptions]) -> dict[str, str]:
    if "types" not in shard.memory:
        shard.memory["types"] = _types(shard.classes.classes)
    types: dict[str, str] = shard.memory["types"]
    return types


def _types(classes: Sequence[ExportClass]) -> dict[str, str]:
    """The type of each class, by the class's id."""
    labels = class_labels(classes)
    plain = {id_: _BLANK.sub("_", label) for id_, label in labels.items()}
    met = Counter(plain.values())
    return {
        id_: plain[id_] if label and met[plain[id_]] == 1 and "~" not in label else _escaped(label)
        for id_, label in labels.items()
    }


def _escaped(label: str) -> str:
    def as_hex(found: re.Match[str]) -> str:
        return "".join(f"~{byte:02x}" for byte in found[0].encode())

    return re.sub(r"[\s~]", as_hex, label) or "~"
