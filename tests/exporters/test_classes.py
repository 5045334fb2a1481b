"""What `exporters.classes` promises: numbers and names of classes that stay put."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.classes import ClassMap, build_class_map
from exporters.errors import RequestError
from exporters.holds import ClassNumbers, Holds
from exporters.model import Category
from exporters.options import ImageOptions
from tests.fakes import hostile
from tests.fakes.datasets import dataset

BOXES = frozenset({"box"})


def build(
    *categories: Category,
    seen: Iterable[tuple[str, str]] = (),
    shapes: frozenset[str] | None = None,
    class_numbers: ClassNumbers = "source",
    **options: Any,
) -> ClassMap:
    holds = Holds(shapes=shapes, class_numbers=class_numbers)
    return build_class_map([dataset(categories=categories)], seen, holds, ImageOptions(**options))


def numbers(classes: ClassMap) -> dict[str, int]:
    return {one.id: one.number for one in classes.classes}


def test_order_is_the_projects() -> None:
    """Numbers count from 1 in the order of the declaration, not of names or ids."""
    assert numbers(build(Category(id="z", name="b"), Category(id="a", name="a"))) == {"z": 1, "a": 2}


def test_unused_category_keeps_its_number() -> None:
    """What occurs in the data changes no number of a declared category."""
    categories = Category(id="a", name="a"), Category(id="b", name="b"), Category(id="c", name="c")
    assert numbers(build(*categories)) == numbers(build(*categories, seen=[("c", "box")])) == {"a": 1, "b": 2, "c": 3}


def test_category_added_at_the_end_renumbers_nothing() -> None:
    """A new category, appended to the declaration, leaves the numbers of the others."""
    before = numbers(build(Category(id="a", name="a"), Category(id="b", name="b")))
    after = numbers(build(Category(id="a", name="a"), Category(id="b", name="b"), Category(id="0", name="0")))
    assert after == before | {"0": 3}


def test_undeclared_categories_follow_sorted() -> None:
    """Categories that annotations use without being declared come last, by id, and say that they were not declared."""
    classes = build(Category(id="m", name="m"), seen=[(letter, "box") for letter in "zyxmabcqpo"])
    assert [one.id for one in classes.classes] == ["m", *"abcopqxyz"]
    assert [one.number for one in classes.classes] == list(range(1, 11))
    assert [one.id for one in classes.classes if one.is_declared] == ["m"]


def test_numbers_of_the_source_are_kept() -> None:
    """A source that numbers all its categories keeps its numbers, gaps included; undeclared ones follow the highest."""
    classes = build(
        Category(id="a", name="a", number=90), Category(id="b", name="b", number=3), seen=[("undeclared", "box")]
    )
    assert numbers(classes) == {"a": 90, "b": 3, "undeclared": 91}


def test_numbers_given_in_part_are_not_used() -> None:
    """Where the source numbers only some categories, all are counted from 1."""
    assert numbers(build(Category(id="a", name="a", number=7), Category(id="b", name="b"))) == {"a": 1, "b": 2}


def test_numbers_given_twice_are_not_used() -> None:
    """Where two categories have one number, of two datasets say, all are counted from 1."""
    one = dataset("d1", [Category(id="a", name="a", number=1)])
    two = dataset("d2", [Category(id="b", name="b", number=1)])
    assert numbers(build_class_map([one, two], [], Holds())) == {"a": 1, "b": 2}


def test_category_of_two_datasets_is_one_class() -> None:
    """A category that two datasets declare is one class, in the place of the first."""
    one = dataset("d1", [Category(id="a", name="a"), Category(id="b", name="b")])
    two = dataset("d2", [Category(id="c", name="c"), Category(id="a", name="a")])
    assert numbers(build_class_map([one, two], [], Holds())) == {"a": 1, "b": 2, "c": 3}


def test_category_of_other_shapes_is_no_class() -> None:
    """A category declared only for shapes that the format cannot hold is no class of it."""
    categories = Category(id="line", name="line", shapes=("polyline",)), Category(id="car", name="car", shapes=("box",))
    assert numbers(build(*categories, shapes=BOXES)) == {"car": 1}


def test_category_of_any_shape_is_a_class() -> None:
    """A category for which the source names no shapes is a class of every format."""
    assert numbers(build(Category(id="car", name="car"), shapes=BOXES)) == {"car": 1}


def test_category_used_as_not_declared_is_a_class() -> None:
    """A category that annotations use with a shape the format holds is a class, whatever it was declared for."""
    line = Category(id="line", name="line", shapes=("polyline",))
    assert numbers(build(line, seen=[("line", "box")], shapes=BOXES)) == {"line": 1}
    assert numbers(build(line, seen=[("line", "polyline")], shapes=BOXES)) == {}


def test_category_used_as_not_declared_renumbers_nothing() -> None:
    """One annotation in a shape that its category was not declared for moves no other class to another number."""
    categories = Category(id="line", name="line", shapes=("polyline",)), Category(id="car", name="car", shapes=("box",))
    before = numbers(build(*categories, shapes=BOXES))
    after = numbers(build(*categories, seen=[("line", "box")], shapes=BOXES))
    assert after["car"] == before["car"]


@given(st.lists(st.sampled_from(["car", "Car", "CAR", "car (1)", "car (2)", "a"]), max_size=8))
def test_names_are_unique(names: list[str]) -> None:
    """However often a name occurs, each class has one of its own, and the first keeps it as it is."""
    classes = build(*(Category(id=str(index), name=name) for index, name in enumerate(names))).classes
    assert len({one.name for one in classes}) == len(names)
    for one, name in zip(classes, names, strict=True):
        assert one.name.startswith(name)
    if names:
        assert classes[0].name == names[0]


def test_second_of_a_name_gets_its_id() -> None:
    """Of two categories of one name the second is written with its id behind; names that differ in case are kept."""
    classes = build(Category(id="1", name="car"), Category(id="2", name="car"), Category(id="3", name="Car"))
    assert [one.name for one in classes.classes] == ["car", "car (2)", "Car"]


def test_name_that_imitates_another_with_its_id_is_kept_apart() -> None:
    """A category may be called what another would become: all three still get a name each."""
    classes = build(Category(id="1", name="car"), Category(id="2", name="car (3)"), Category(id="3", name="car"))
    assert [one.name for one in classes.classes] == ["car", "car (3)", "car (3) (3)"]


def test_hostile_categories_are_kept_apart() -> None:
    """Every category of hostile names is found by its id, under a number of its own."""
    hostile_dataset = hostile.categories()
    classes = build_class_map([hostile_dataset], [], Holds())
    found = [classes.get(category.id) for category in hostile_dataset.categories]
    assert [one and one.number for one in found] == list(range(1, len(hostile_dataset.categories) + 1))


def test_what_is_no_category_has_no_class() -> None:
    """There is no class for an annotation without category, nor for an id that nobody knows."""
    classes = build(Category(id="a", name="a"))
    assert classes.get(None) is None
    assert classes.get("b") is None


def test_class_carries_parent_and_keypoints() -> None:
    """A class has the parent, the keypoints and the skeleton of its category."""
    person = Category(id="p", name="person", parent="animal", keypoints=("nose", "tail"), skeleton=((0, 1),))
    (one,) = build(person).classes
    assert (one.parent, one.keypoints, one.skeleton) == ("animal", ("nose", "tail"), ((0, 1),))


def test_one_id_for_two_things_is_refused() -> None:
    """Where two datasets mean different things by one category id, one would be delivered under a wrong name."""
    zoo = dataset("zoo", categories=[Category(id="1", name="cat", number=1)])
    pound = dataset("pound", categories=[Category(id="1", name="dog", number=1)])
    with pytest.raises(RequestError, match="“1” is “cat” in one dataset and “dog” in another; export them one"):
        build_class_map([zoo, pound], [], Holds())


def test_a_category_that_only_annotations_know_keeps_its_number() -> None:
    """Where the source numbers its categories, one that it forgot to declare is written under its own number."""
    classes = build(Category(id="1", name="cat", number=1), seen=[("99", "box")])
    assert numbers(classes) == {"1": 1, "99": 99}


# -- options ----------------------------------------------------------------------------------------------------------

PETS = (
    Category(id="1", name="animal"),
    Category(id="2", name="dog", parent="1"),
    Category(id="3", name="cat", parent="1"),
    Category(id="4", name="poodle", parent="2"),
    Category(id="5", name="car", parent="vehicle"),
)
"""`vehicle` is no category itself, as COCO's supercategories are none."""


def named(classes: ClassMap) -> dict[str, list[str]]:
    return {one.name: [one.id, *one.others] for one in classes.classes}


def test_classes_are_renamed() -> None:
    """A class gets its new name, and keeps its place in the order."""
    classes = build(*PETS, rename_classes={"dog": "hound"})
    assert [one.name for one in classes.classes] == ["animal", "hound", "cat", "poodle", "car"]


def test_classes_of_one_new_name_are_merged() -> None:
    """Classes that are given one name are one class, to which the annotations of all of them belong."""
    classes = build(*PETS, rename_classes={"dog": "pet", "cat": "pet", "poodle": "pet"})
    assert named(classes) == {"animal": ["1"], "pet": ["2", "3", "4"], "car": ["5"]}
    assert {classes.get(id_) for id_ in "234"} == {classes.classes[1]}
    assert numbers(classes) == {"1": 1, "2": 2, "5": 3}


def test_class_is_merged_into_one_that_has_the_name() -> None:
    """A class renamed to the name of another, before or behind it, becomes one with it."""
    assert named(build(*PETS, rename_classes={"poodle": "dog"}))["dog"] == ["2", "4"]
    assert named(build(*PETS, rename_classes={"animal": "cat"}))["cat"] == ["1", "3"]


def test_merging_different_keypoints_is_refused() -> None:
    """Two skeletons cannot be one class: their points mean different things."""
    person = Category(id="p", name="person", keypoints=("nose",))
    with pytest.raises(RequestError, match="different keypoints"):
        build(*PETS, person, rename_classes={"person": "dog"})


def test_classes_are_dropped_or_chosen() -> None:
    """Dropped classes are gone, and of chosen ones only they are left, each counted anew without a gap."""
    assert numbers(build(*PETS, drop_classes=["dog", "car"])) == {"1": 1, "3": 2, "4": 3}
    chosen = build(*PETS, only_classes=["cat", "car"])
    assert numbers(chosen) == {"3": 1, "5": 2}
    assert chosen.get("1") is None


def test_hierarchy_is_folded_or_spelt_out() -> None:
    """Nested classes can all be their topmost one, or carry the path to them."""
    assert named(build(*PETS, hierarchy="root")) == {"animal": ["1", "2", "3", "4"], "vehicle": ["5"]}
    assert list(named(build(*PETS, hierarchy="path"))) == [
        *("animal", "animal/dog", "animal/cat", "animal/dog/poodle", "vehicle/car"),
    ]


def test_class_is_meant_by_its_path_too() -> None:
    """Two classes of one name under different parents are told apart by their paths."""
    fruit = Category(id="6", name="fruit"), Category(id="7", name="date", parent="6")
    event = Category(id="8", name="event"), Category(id="9", name="date", parent="8")
    classes = build(*fruit, *event, rename_classes={"event/date": "day"})
    assert named(classes) == {"fruit": ["6"], "date": ["7"], "event": ["8"], "day": ["9"]}


def test_circular_hierarchy_ends() -> None:
    """Categories that are each other's parent do not hang the export."""
    assert build(Category(id="a", name="a", parent="b"), Category(id="b", name="b", parent="a"), hierarchy="path")


@pytest.mark.parametrize("option", ["drop_classes", "only_classes", "rename_classes"])
def test_unknown_class_is_refused_by_name(option: str) -> None:
    """A class that an option names and nobody knows is a mistake, answered with the likeliest one meant."""
    given: Any = {"dgo": "x"} if option == "rename_classes" else ["dgo"]
    with pytest.raises(RequestError, match=r"dgo.*dog"):
        build(*PETS, **{option: given})


def test_given_numbers_hold_and_the_rest_follows() -> None:
    """Classes keep the numbers of an earlier export; new ones are appended; ones that are gone keep theirs reserved."""
    classes = build(*PETS[:3], class_map={"dog": 1, "bird": 7, "animal": 3})
    assert {one.name: one.number for one in classes.classes} == {"dog": 1, "animal": 3, "bird": 7, "cat": 8}


def test_given_numbers_win_over_the_sources() -> None:
    """With a class map, the source's own numbers do not matter."""
    classes = build(Category(id="a", name="a", number=9), Category(id="b", name="b", number=4), class_map={"b": 1})
    assert numbers(classes) == {"b": 1, "a": 2}


def test_formats_without_gaps_count_from_their_first_number() -> None:
    """Where a format numbers classes without a gap, the source's numbers give way, in the order of the project."""
    numbered = Category(id="a", name="a", number=9), Category(id="b", name="b", number=4)
    assert numbers(build(*numbered, class_numbers="from_0")) == {"a": 0, "b": 1}
    assert numbers(build(*numbered, class_numbers="from_1")) == {"a": 1, "b": 2}
    assert numbers(build(*numbered, class_numbers="from_0", class_map={"b": 0})) == {"b": 0, "a": 1}


def test_class_map_that_cannot_be_is_refused() -> None:
    """Two classes of one number are refused."""
    with pytest.raises(RequestError, match="class_map"):
        build(*PETS, class_map={"a": 1, "b": 1})


def test_stray_category_renumbers_nothing() -> None:
    """A category that only annotations know, and whose number a declared one has, costs no class its number."""
    categories = Category(id="a", name="car", number=3), Category(id="b", name="bus", number=7)
    assert numbers(build(*categories, seen=[("7", "box"), ("9", "box")])) == {"a": 3, "b": 7, "7": 10, "9": 9}


def test_names_that_only_look_like_paths_are_kept_apart() -> None:
    """A category called `a/b` is not one with the category b below a."""
    categories = Category(id="1", name="a"), Category(id="2", name="b", parent="1"), Category(id="3", name="a/b")
    assert len(build(*categories, hierarchy="path").classes) == 3


def test_keypoints_of_one_dataset_serve_all() -> None:
    """A category that has keypoints in one dataset and none in another is one class, with keypoints."""
    bare, full = Category(id="1", name="person"), Category(id="1", name="person", keypoints=("nose",))
    for order in ((bare, full), (full, bare)):
        datasets = [dataset(f"d{number}", [category]) for number, category in enumerate(order)]
        (one,) = build_class_map(datasets, (), Holds()).classes
        assert one.keypoints == ("nose",)


def test_class_map_with_gaps_is_refused_where_there_is_no_room() -> None:
    """A format that numbers classes without a gap says so, instead of inventing classes."""
    with pytest.raises(RequestError, match="from 0 without a gap"):
        build(*PETS, class_numbers="from_0", class_map={"dog": 0, "cat": 2})


def test_classes_count_from_any_number() -> None:
    """Where it is asked for, classes count from another number, whatever the source's own are."""
    numbered = Category(id="a", name="a", number=9), Category(id="b", name="b", number=4)
    assert numbers(build(*numbered, first_class=0)) == {"a": 0, "b": 1}
    assert numbers(build(*PETS[:2], first_class=100)) == {"1": 100, "2": 101}
    with pytest.raises(RequestError, match="count from 0"):
        build(*PETS, class_numbers="from_0", first_class=1)


def test_conversions_that_help_are_known() -> None:
    """A format knows which conversions make what it holds, and which make what it does not."""
    boxes = Holds(shapes=frozenset({"box"}))
    assert boxes.misdirected(["box_to_polygon", "mask_to_box"]) == ["box_to_polygon"]
    assert boxes.misdirected(["ellipse_to_polygon", "polygon_to_box"]) == []
    assert boxes.conversions_for(["polygon", "polyline", "ellipse"]) == ["ellipse_to_box", "polygon_to_box"]
    assert Holds().misdirected(["box_to_polygon"]) == []
    both = Holds(shapes=frozenset({"box", "polygon"}))
    assert both.conversions_for(["ellipse", "mask"]) == ["ellipse_to_polygon", "mask_to_polygon"]
