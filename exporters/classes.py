"""The class map: which number and which name a category has in an export.

The order comes from the project's declaration, never from the data, so that numbers stay put from one night to the
next; categories that annotations use without being declared follow, sorted by id. A source that numbers its categories
itself keeps its numbers, gaps included. Categories declared only for shapes that the format cannot hold are no classes
of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from exporters.errors import RequestError, quoted
from exporters.model import Category, Dataset


class ExportClass(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A category as an export writes it: `number` from 1 unless the source gave another, `name` unique."""

    id: str
    name: str
    number: int
    parent: str | None = None
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    is_declared: bool = True


class ClassMap:
    def __init__(self, classes: Sequence[ExportClass]) -> None:
        self.classes = tuple(classes)
        self._by_id: Mapping[str, ExportClass] = {one.id: one for one in self.classes}

    def get(self, category_id: str | None) -> ExportClass | None:
        return None if category_id is None else self._by_id.get(category_id)


def build_class_map(
    datasets: Sequence[Dataset], seen: Iterable[tuple[str, str]], shapes: frozenset[str] | None
) -> ClassMap:
    """The map for an export of these datasets to a format that holds `shapes` (None: any).

    `seen` are the pairs of category id and shape that occur in the annotations.
    """
    used = {category_id for category_id, shape in seen if shapes is None or shape in shapes}
    declared: dict[str, Category] = {}
    strays: dict[str, Category] = {}
    refuse_clashes(datasets)
    for category in (category for dataset in datasets for category in dataset.categories):
        if shapes is None or not category.shapes or shapes.intersection(category.shapes):
            declared.setdefault(category.id, category)
        elif category.id in used:  # not as declared: it follows, so that it moves no other
            strays.setdefault(category.id, category)
    declared |= {id_: category for id_, category in strays.items() if id_ not in declared}
    undeclared = sorted(used - declared.keys())
    categories = [*declared.values(), *(_undeclared(id_) for id_ in undeclared)]
    declared_numbers = [category.number for category in declared.values()]
    given = [category.number for category in categories if category.number is not None]
    keeps_numbers = bool(given) and None not in declared_numbers and len(set(given)) == len(given) and min(given) >= 0
    free = itertools.count(max(given) + 1 if keeps_numbers else 1)
    names: set[str] = set()
    return ClassMap(
        [
            ExportClass(
                id=category.id,
                name=_unique(category, names),
                number=category.number if keeps_numbers and category.number is not None else next(free),
                parent=category.parent,
                keypoints=category.keypoints,
                skeleton=category.skeleton,
                is_declared=category.id in declared,
            )
            for category in categories
        ]
    )


def refuse_clashes(datasets: Iterable[Dataset]) -> None:
    """Raise RequestError when two datasets mean different things by one category id: one of them would be renamed."""
    known: dict[str, Category] = {}
    for category in (category for dataset in datasets for category in dataset.categories):
        first = known.setdefault(category.id, category)
        if (first.name, first.keypoints, first.skeleton) != (category.name, category.keypoints, category.skeleton):
            raise RequestError(
                f"The category {quoted(category.id)} is {quoted(first.name)} in one dataset and "
                f"{quoted(category.name)} in another; export them one at a time."
            )


def _undeclared(category_id: str) -> Category:
    """A category that only annotations know: where ids are numbers, its number is known all the same."""
    number = int(category_id) if category_id.isascii() and category_id.isdecimal() and len(category_id) < 19 else None
    return Category(id=category_id, name=category_id, number=number)


def _unique(category: Category, taken: set[str]) -> str:
    """The category's name; with its id behind when an earlier category has the name already."""
    name = category.name
    while name in taken:
        name = f"{name} ({category.id})"
    taken.add(name)
    return name
