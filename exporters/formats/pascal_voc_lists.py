"""The lists of Pascal VOC: which pictures are in a split, and in which of them a class is.

A class's list has a line for every picture, also for those without it. A shard therefore keeps until its end where its
few classes are; one part, of all its pictures as being without a class, stands in the lists of all the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from exporters import naming, splits
from exporters.assembly import Assembly
from exporters.classes import ExportClass
from exporters.formats.pascal_voc_objects import ABSENT
from exporters.options import Options
from exporters.shard import Shard

BOTH = "trainval"
TRAINED_ON = ("", "train", "val")
"""The splits whose entries are in `trainval`, those without a split among them."""

_MEMORY = "lists"


@dataclass
class _List:
    """A shard's pictures of one list."""

    stems: list[str] = field(default_factory=list)
    flags: dict[int, dict[int, int]] = field(default_factory=dict)
    """For each class number: PRESENT or DIFFICULT, by the place of the pictures in which it is."""


@dataclass
class _Lists:
    by_name: dict[str, _List] = field(default_factory=dict)
    last: tuple[str, Sequence[str], Mapping[int, int]] | None = None
    """A picture that may still be left out: whether it was kept shows when the next one comes."""
    kept_before: int = 0

    def settle(self, kept_now: int) -> None:
        if self.last is not None and kept_now > self.kept_before:
            stem, names, flags = self.last
            for name in names:
                found = self.by_name.setdefault(name, _List())
                for number, flag in flags.items():
                    found.flags.setdefault(number, {})[len(found.stems)] = flag
                found.stems.append(stem)
        self.last, self.kept_before = None, kept_now


def add(
    shard: Shard[Options], stem: str, split: str, flags: Mapping[int, int], *, is_segmented: bool, for_classes: bool
) -> None:
    """Put a picture into the lists of its split; into those of classes when `finish` writes them.

    `flags` are PRESENT or DIFFICULT for the numbers of its classes.
    """
    names = [name for name in dict.fromkeys((split, BOTH if split in TRAINED_ON else "")) if name]
    for name in names:
        shard.append(f"Main:{name}", f"{stem}\n".encode())
        if is_segmented:
            shard.append(f"Segmentation:{name}", f"{stem}\n".encode())
    if for_classes:
        _settled(shard).last = (stem, names, flags)


def finish(shard: Shard[Options]) -> None:
    """Write the shard's share in the lists of classes."""
    for name, found in _settled(shard).by_name.items():
        absent = [_line(stem, ABSENT) for stem in found.stems]
        shard.append(f"absent:{name}", "".join(absent).encode())
        for number, flags in found.flags.items():
            lines = absent.copy()
            for place, flag in flags.items():
                lines[place] = _line(found.stems[place], flag)
            shard.append(f"class:{number}:{name}", "".join(lines).encode())


def assemble(package: Assembly[Any], *, for_classes: bool) -> None:
    parts = package.names()
    main = [part.partition(":")[2] for part in parts if part.startswith("Main:")] or [BOTH]
    named = splits.file_names(main)
    for kind in ("Main", "Segmentation"):
        for name, safe in named.items():
            if kind == "Main" or f"{kind}:{name}" in parts:
                package.file(f"ImageSets/{kind}/{safe}.txt", package.pieces(f"{kind}:{name}"))
    if for_classes:
        for path, one, name in _class_lists(package.classes.classes, named):
            pieces = (shard.get(f"class:{one.number}:{name}", shard.get(f"absent:{name}")) for shard in package.parts)
            package.file(path, [piece for piece in pieces if piece is not None])


def _class_lists(classes: Iterable[ExportClass], named: Mapping[str, str]) -> Iterable[tuple[str, ExportClass, str]]:
    """The path of each list of a class in a split, apart from those of splits and from each other."""
    taken = {naming.meeting_key(safe) for safe in named.values()}
    for one in classes:
        for name in named:
            path = naming.safe_component(f"{one.name}_{name}")
            if naming.meeting_key(path) in taken:
                path = naming.told_apart(path, one.id)
            taken.add(naming.meeting_key(path))
            yield f"ImageSets/Main/{path}.txt", one, name


def _settled(shard: Shard[Options]) -> _Lists:
    lists: _Lists = shard.memory.setdefault(_MEMORY, _Lists())
    lists.settle(shard.counters.went_out["entries"])
    return lists


def _line(stem: str, flag: int) -> str:
    return f"{stem} {flag:2d}\n"
