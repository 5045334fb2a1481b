"""What a format can hold, as data: asked once, before anything is fetched, instead of branching on a format's name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from exporters.model import Dataset
from exporters.options import Conversion
from exporters.shapes.convert import held_after, result, source

ClassNumbers = Literal["source", "from_0", "from_1"]


@dataclass(frozen=True)
class Holds:
    """A format's declaration. None: anything.

    `uses_numbers`: it writes integer ids of entries and annotations, the source's own if there are.
    `class_numbers`: whether classes may keep the numbers of the source (or a given map), gaps and all, or count from 0
    or 1 without a gap.
    `needs_category`, `needs_size`: annotations without a category, entries without a known picture size are left out.
    `needs_media`: it is made of the files themselves, so an export without media is refused; `embeds_media`: their
    bytes lie in its own files, not beside them.
    `pairs_by_stem`: its readers pair files by their names without extension; `has_folders`: names may hold folders;
    `has_split_folders`: each split has a folder of its own, so that names need to be unique only there.
    """

    modalities: frozenset[str] | None = None
    shapes: frozenset[str] | None = None
    uses_numbers: bool = False
    class_numbers: ClassNumbers = "source"
    needs_category: bool = False
    needs_size: bool = False
    needs_media: bool = False
    embeds_media: bool = False
    pairs_by_stem: bool = False
    has_folders: bool = True
    has_split_folders: bool = True

    def shapes_after(self, conversions: Sequence[Conversion]) -> frozenset[str] | None:
        """The shapes that can go in when these conversions are asked for."""
        return None if self.shapes is None else held_after(self.shapes, conversions)

    def misdirected(self, conversions: Sequence[Conversion]) -> list[Conversion]:
        """Those of the conversions that make of a shape one which this format does not hold."""
        held = self.shapes_after(conversions)
        return [one for one in conversions if held is not None and source(one) not in held]

    def conversions_for(self, shapes: Iterable[str]) -> list[Conversion]:
        """What would take these shapes along, one conversion each where there is one."""
        found = {source(one): one for one in reversed(get_args(Conversion)) if result(one) in (self.shapes or ())}
        return [found[shape] for shape in sorted(shapes) if shape in found]

    def misfits(self, dataset: Dataset, conversions: Sequence[Conversion] = ()) -> frozenset[str]:
        """Shapes that the dataset's ontology declares and this format cannot hold."""
        held = self.shapes_after(conversions)
        declared = frozenset(shape for category in dataset.categories for shape in category.shapes)
        return frozenset() if held is None else declared - held
