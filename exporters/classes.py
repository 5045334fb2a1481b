"""The class map: which number and which name a category has in an export.

The order comes from the project's declaration, never from the data, so that numbers stay put from one night to the
next; categories that annotations use without being declared follow, sorted by id. A source that numbers its categories
itself keeps its numbers, gaps included, where the format allows. Categories declared only for shapes that the format
cannot hold are no classes of it. Options rename, merge and drop classes, and give them numbers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec import Struct
from msgspec.structs import replace

from exporters.errors import RequestError, quoted, unknown_name
from exporters.holds import Holds
from exporters.model import Category, Dataset
from exporters.options import ClassOptions


class ExportClass(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A class as an export writes it: `number` and `name` are unique.

    `id` is that of its category, or of the first of those that were merged into it; `others` are the rest.
    """

    id: str
    name: str
    number: int
    parent: str | None = None
    color: str | None = None
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    is_declared: bool = True
    others: tuple[str, ...] = ()


class ClassMap:
    def __init__(self, classes: Sequence[ExportClass]) -> None:
        self.classes = tuple(classes)
        self._by_id: Mapping[str, ExportClass] = {
            category_id: one for one in self.classes for category_id in (one.id, *one.others)
        }

    def get(self, category_id: str | None) -> ExportClass | None:
        return None if category_id is None else self._by_id.get(category_id)


@dataclass(frozen=True)
class _Known:
    """The categories of an export before they become classes."""

    categories: tuple[Category, ...]
    declared: frozenset[str]


def build_class_map(
    datasets: Sequence[Dataset],
    seen: Iterable[tuple[str, str]],
    holds: Holds,
    options: ClassOptions | None = None,
) -> ClassMap:
    """The map for an export of these datasets.

    `seen` are the pairs of category id and shape that occur in the annotations.

    Raises:
        RequestError: the options ask for what cannot be.
    """
    options = options or ClassOptions()
    known = _collect(datasets, seen, holds.shapes_after(getattr(options, "convert", ())))
    everything = {one.id: one for dataset in datasets for one in dataset.categories}
    classes = _merged(_wanted(known.categories, everything, options), known.declared, options)
    return ClassMap(_numbered(classes, _own_numbers(known), holds, options))


def _collect(datasets: Sequence[Dataset], seen: Iterable[tuple[str, str]], shapes: frozenset[str] | None) -> _Known:
    used = {category_id for category_id, shape in seen if shapes is None or shape in shapes}
    declared: dict[str, Category] = {}
    strays: dict[str, Category] = {}
    refuse_clashes(datasets)
    for category in (category for dataset in datasets for category in dataset.categories):
        if shapes is None or not category.shapes or shapes.intersection(category.shapes):
            first = declared.setdefault(category.id, category)
            if category.keypoints and not first.keypoints:
                declared[category.id] = category
        elif category.id in used:  # not as declared: it follows, so that it moves no other
            strays.setdefault(category.id, category)
    declared |= {id_: category for id_, category in strays.items() if id_ not in declared}
    undeclared = sorted(used - declared.keys())
    return _Known((*declared.values(), *(_undeclared(id_) for id_ in undeclared)), frozenset(declared))


def _own_numbers(known: _Known) -> dict[str, int]:
    """The numbers of the source, by category id; none unless it numbers all it declares, no two alike.

    A category that only annotations know keeps its number where no declared one has it.
    """
    own = {one.id: one.number for one in known.categories if one.number is not None}
    declared = {id_: number for id_, number in own.items() if id_ in known.declared} if known.declared else own
    is_sound = declared and not known.declared - declared.keys() and len(set(declared.values())) == len(declared)
    if not is_sound or min(declared.values()) < 0:
        return {}
    return declared | {id_: number for id_, number in own.items() if number not in declared.values()}


def _wanted(
    categories: Sequence[Category], known: Mapping[str, Category], options: ClassOptions
) -> Iterator[tuple[Category, str]]:
    """The categories that are kept, each with the name of its class."""
    names = {name for category in known.values() for name in (category.name, _placed(category, known, "path"))}
    names |= {category.name for category in categories}
    for option in ("drop_classes", "only_classes", "rename_classes"):
        for name in getattr(options, option):
            if name not in names:
                raise unknown_name("class", name, names, where=f"the option {option}")
    for category in categories:
        own = {category.name, _placed(category, known, "path")}
        if own & set(options.drop_classes) or (options.only_classes and not own & set(options.only_classes)):
            continue
        name = _placed(category, known, options.hierarchy)
        given = next(
            (options.rename_classes[one] for one in (*sorted(own), name) if one in options.rename_classes), name
        )
        yield category, given


def _placed(category: Category, known: Mapping[str, Category], hierarchy: str) -> str:
    """The category's name in its hierarchy; a parent is an id, or the name of a group that is no category itself."""
    path = [category.name]
    met = {category.id}
    parent = category.parent
    while hierarchy != "leaf" and parent and parent not in met:
        met.add(parent)
        above = known.get(parent)
        path.insert(0, above.name if above else parent)
        parent = above.parent if above else None
    return path[0] if hierarchy == "root" else "/".join(path)


def _merged(
    wanted: Iterable[tuple[Category, str]], declared: frozenset[str], options: ClassOptions
) -> list[ExportClass]:
    """One class for each name that an option gave; categories that merely share theirs in the project stay apart."""
    classes: dict[str, ExportClass] = {}
    given = set(options.rename_classes.values())
    for category, wanted_name in wanted:
        first = classes.get(wanted_name)
        if first is not None and (wanted_name in given or options.hierarchy == "root"):
            if (first.keypoints, first.skeleton) != (category.keypoints, category.skeleton):
                raise RequestError(
                    f"The classes that would become {quoted(wanted_name)} have different keypoints; "
                    f"give them different names."
                )
            classes[wanted_name] = replace(first, others=(*first.others, category.id))
            continue
        name = wanted_name
        while name in classes:
            name = f"{name} ({category.id})"
        classes[name] = ExportClass(
            id=category.id,
            name=name,
            number=-1,
            parent=category.parent,
            color=category.color,
            keypoints=category.keypoints,
            skeleton=category.skeleton,
            is_declared=category.id in declared,
        )
    return list(classes.values())


def _numbered(
    classes: Sequence[ExportClass], own: Mapping[str, int], holds: Holds, options: ClassOptions
) -> list[ExportClass]:
    """The classes with their numbers; names of a given map stay classes when the project drops them."""
    usual = 0 if holds.class_numbers == "from_0" else 1
    first = usual if options.first_class is None else options.first_class
    if holds.class_numbers != "source" and first != usual:
        raise RequestError(
            f"The option first_class cannot be {first}: classes of this format count from {usual}; leave it out."
        )
    given = dict(options.class_map)
    if len(set(given.values())) < len(given) or (given and min(given.values()) < 0):
        raise RequestError("The option class_map gives two classes one number, or one below 0; correct it.")
    if holds.class_numbers != "source" and sorted(given.values()) != list(range(first, first + len(given))):
        raise RequestError(
            f"The option class_map must number classes from {first} without a gap, for which this format has no room; "
            f"close it."
        )
    names = {one.name for one in classes}
    gone = [ExportClass(id=f"class_map:{name}", name=name, number=-1) for name in given if name not in names]
    keeps_own = bool(own) and holds.class_numbers == "source" and not given and options.first_class is None
    taken = [*given.values(), *(own.values() if keeps_own else ())]
    free = itertools.count(max(taken) + 1 if taken else first)
    numbered = []
    for one in (*classes, *gone):
        number = given.get(one.name, own.get(one.id) if keeps_own else None)
        numbered.append(replace(one, number=next(free) if number is None else number))
    return sorted(numbered, key=lambda one: one.number) if given else numbered


def refuse_clashes(datasets: Iterable[Dataset]) -> None:
    """Raise RequestError when two datasets mean different things by one category id: one of them would be renamed.

    A category may have keypoints in one and none in another, as the official COCO files have it.
    """
    known: dict[str, Category] = {}
    for category in (category for dataset in datasets for category in dataset.categories):
        first = known.setdefault(category.id, category)
        if first.name != category.name:
            raise RequestError(
                f"The category {quoted(category.id)} is {quoted(first.name)} in one dataset and "
                f"{quoted(category.name)} in another; export them one at a time, each named by --dataset."
            )
        points, others = (first.keypoints, first.skeleton), (category.keypoints, category.skeleton)
        if first.keypoints and category.keypoints and points != others:
            raise RequestError(
                f"The category {quoted(category.name)} has other keypoints in one dataset than in another; "
                f"export them one at a time, each named by --dataset."
            )
        if category.keypoints:
            known[category.id] = category


def _undeclared(category_id: str) -> Category:
    """A category that only annotations know: where ids are numbers, its number is known all the same."""
    number = int(category_id) if category_id.isascii() and category_id.isdecimal() and len(category_id) < 19 else None
    return Category(id=category_id, name=category_id, number=number)
