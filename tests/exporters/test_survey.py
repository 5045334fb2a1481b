"""What `exporters.survey` promises: what shards agree on, whatever their size."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from exporters.holds import Holds
from exporters.model import Box, Dataset, Entry, Polyline
from exporters.shard_index import ShardIndex, file_name
from exporters.survey import Placement, Survey, survey
from tests.fakes import hostile
from tests.fakes.datasets import annotation, dataset, entry, picture

BOX = Box(1.0, 1.0, 5.0, 5.0)
ANY = Holds()


def surveyed(
    *shards: Sequence[Entry], datasets: Sequence[Dataset] = (), shapes: frozenset[str] | None = None
) -> Survey:
    indexes = []
    for shard in shards:
        index = ShardIndex()
        for one in shard:
            index.add(one)
        indexes.append(index.to_bytes())
    return survey(datasets or [dataset()], indexes, Holds(shapes=shapes, uses_numbers=True))


def numbered(id_: str, number: int | None, *annotation_numbers: int | None) -> Entry:
    annotations = (annotation(f"{id_}-{index}", BOX, number=value) for index, value in enumerate(annotation_numbers, 1))
    return entry(id_, *annotations, number=number)


# -- numbers ----------------------------------------------------------------------------------------------------------


def test_numbers_go_on_from_shard_to_shard() -> None:
    """Each shard's first numbers follow the last ones of the shard before, from 1."""
    made = surveyed([entry("a", BOX, BOX), entry("b")], [], [entry("c", BOX)], [entry("d")])
    assert [place.first_entry_number for place in made.placements] == [1, 3, 3, 4]
    assert [place.first_annotation_number for place in made.placements] == [1, 3, 3, 4]
    assert not any(place.keeps_entry_numbers or place.keeps_annotation_numbers for place in made.placements)


def test_numbers_of_the_source_are_kept_when_all_have_one() -> None:
    """A source that numbers all entries and all annotations keeps its numbers, those over 32 bits included."""
    made = surveyed([numbered("a", 5, 908400000632, 3)], [numbered("b", 2**62, 7)])
    assert all(place.keeps_entry_numbers and place.keeps_annotation_numbers for place in made.placements)


def test_one_without_a_number_and_all_are_counted() -> None:
    """Where a single annotation in any shard has no number, all are counted; entries are not affected by that."""
    made = surveyed([numbered("a", 5, 1, 2)], [numbered("b", 6, None)])
    assert [place.keeps_annotation_numbers for place in made.placements] == [False, False]
    assert [place.keeps_entry_numbers for place in made.placements] == [True, True]


@pytest.mark.parametrize("shards", [[["a", "b"]], [["a"], ["b"]]])
def test_numbers_that_meet_are_counted_anew(shards: list[list[str]]) -> None:
    """Two entries, or two annotations, of one number, in one shard or two, cannot both keep it: all are counted."""
    made = surveyed(*([numbered(id_, 5) for id_ in shard] for shard in shards))
    assert not any(place.keeps_entry_numbers for place in made.placements)
    made = surveyed([numbered("a", 1, 9)], [numbered("b", 2, 9)])
    assert [(place.keeps_entry_numbers, place.keeps_annotation_numbers) for place in made.placements] == [
        (True, False),
        (True, False),
    ]


@pytest.mark.parametrize("number", [0, -1, -5])
def test_number_below_one_is_not_kept(number: int) -> None:
    """A number below 1 keeps nobody's numbers: COCO's evaluator takes a match with annotation 0 for a miss."""
    made = surveyed([numbered("a", 1, number, 3)], [numbered("b", 2, 4)])
    assert not any(place.keeps_annotation_numbers for place in made.placements)


def test_negative_number_does_not_hide_a_missing_one() -> None:
    """An annotation without a number is noticed also where another one's is negative."""
    made = surveyed([numbered("a", 1, -5, None)])
    assert not made.placements[0].keeps_annotation_numbers


# -- names ------------------------------------------------------------------------------------------------------------


def test_name_in_two_splits_meets_where_splits_share_a_folder() -> None:
    """A format that keeps all splits in one folder tells apart what only the split told apart."""
    one, two = entry("1", name="a.jpg", split="train"), entry("2", name="a.png", split="val")
    shared = Holds(has_split_folders=False, pairs_by_stem=True)
    index = ShardIndex(shared)
    index.add(one)
    index.add(two)
    (place,) = survey([dataset()], [index.to_bytes()], shared).placements
    assert [place.file_name(one, shared), place.file_name(two, shared)] == ["a~id-1.jpg", "a~id-2.png"]


def test_names_meet_by_stem_where_readers_pair_by_it() -> None:
    """`a.jpg` and `a.png` are told apart for formats whose readers do not look at the extension, and for no other."""
    one, two = entry("1", name="a.jpg"), entry("2", name="a.png")
    for holds, expected in ((Holds(pairs_by_stem=True), ["a~id-1.jpg", "a~id-2.png"]), (ANY, ["a.jpg", "a.png"])):
        index = ShardIndex(holds)
        index.add(one)
        index.add(two)
        (place,) = survey([dataset()], [index.to_bytes()], holds).placements
        assert [place.file_name(one, holds), place.file_name(two, holds)] == expected


def test_names_are_flat_where_folders_are_not_held() -> None:
    """A format without folders in names writes them as one component, which still tells them apart."""
    flat = Holds(has_folders=False)
    one, two = entry("1", name="x/a.jpg"), entry("2", name="y/a.jpg")
    index = ShardIndex(flat)
    index.add(one)
    index.add(two)
    (place,) = survey([dataset()], [index.to_bytes()], flat).placements
    assert [place.file_name(one, flat), place.file_name(two, flat)] == ["x~2fa.jpg", "y~2fa.jpg"]


def names(*shards: Sequence[Entry]) -> list[str]:
    made = surveyed(*shards)
    return [place.file_name(one, ANY) for place, shard in zip(made.placements, shards, strict=True) for one in shard]


def test_names_that_meet_are_told_apart_wherever_they_are() -> None:
    """Entries of one name all get their id, in one shard or in two; the others keep their names."""
    one, two, other = entry("1", name="a.jpg"), entry("2", name="a.jpg"), entry("3", name="b.jpg")
    expected = ["a~id-1.jpg", "a~id-2.jpg", "b.jpg"]
    assert names([one, two, other]) == names([one], [two], [other]) == names([one], [two, other]) == expected


def test_names_that_differ_in_case_are_told_apart() -> None:
    """Names that some file systems take for one are told apart too."""
    assert names([entry("1", name="A.jpg")], [entry("2", name="a.JPG")]) == ["A~id-1.jpg", "a~id-2.JPG"]


def test_same_name_in_two_folders_is_kept() -> None:
    """Folders are part of a name: the same name in two of them does not meet."""
    assert names([entry("1", name="x/a.jpg"), entry("2", name="y/a.jpg")]) == ["x/a.jpg", "y/a.jpg"]


def test_same_name_in_two_splits_is_kept() -> None:
    """Splits have folders of their own: a name may occur in each."""
    assert names([entry("1", name="a.jpg", split="train"), entry("2", name="a.jpg", split="val")]) == ["a.jpg", "a.jpg"]


def test_extension_from_the_media_type_counts() -> None:
    """A name that meets another only through the extension of its media type is told apart."""
    assert names([entry("1", name="a"), entry("2", name="a.png")]) == ["a~id-1.png", "a~id-2.png"]


def test_hostile_names_are_all_told_apart() -> None:
    """Of all hostile names, in shards of any size, no two paths are one on any file system."""
    entries = hostile.entries()
    for size in (1, 7, len(entries)):
        made = names(*(entries[start : start + size] for start in range(0, len(entries), size)))
        assert len({name.casefold() for name in made}) == len(entries)


def test_file_and_folder_of_one_name_are_told_apart() -> None:
    """A file whose name is another's folder cannot lie beside it: it is told apart."""
    made = names([entry("1", name="a.jpg")], [entry("2", name="a.jpg/b.jpg")])
    assert made[0] not in made[1].split("/")


def test_entries_of_two_datasets_that_share_an_id_are_told_apart() -> None:
    """Ids are a dataset's own: entries of two datasets with one id and one name still get a path each."""
    one, two = entry("1", name="a.jpg", dataset_id="d1"), entry("1", name="a.jpg", dataset_id="d2")
    made = surveyed([one], [two], datasets=[dataset("d1"), dataset("d2")])
    first, second = made.placements
    assert first.file_name(one, ANY) != second.file_name(two, ANY)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (entry("e", name="folder/a.jpg"), "folder/a.jpg"),
        (entry("e", name=""), "e-m.png"),
        (entry("e", name="", medias=()), "e"),
        (entry("e", name="a", medias=(picture("m", mime_type="image/jpeg"),)), "a.jpg"),
    ],
)
def test_file_is_named_after_the_entry_its_media_or_its_id(one: Entry, expected: str) -> None:
    """A file has the entry's name, else its media's, else its id, and an extension where the media type tells one."""
    assert file_name(one) == expected


# -- classes ----------------------------------------------------------------------------------------------------------


def test_undeclared_categories_are_found_in_every_shard() -> None:
    """All shards are told one class map, with the categories that only some of them use."""
    strange = annotation("x", BOX, category_id="strange")
    made = surveyed([entry("a", BOX)], [entry("b", strange)])
    assert [one.id for one in made.classes.classes] == ["c-car", "c-person", "c-tree", "strange"]
    assert {place.classes for place in made.placements} == {made.classes.classes}


def test_category_of_shapes_left_out_is_not_used() -> None:
    """An undeclared category that is used only in shapes which the format cannot hold is no class."""
    strange = annotation("x", Polyline(((0, 0), (1, 1))), category_id="strange")
    made = surveyed([entry("a", strange)], shapes=frozenset({"box"}))
    assert "strange" not in [one.id for one in made.classes.classes]


# -- between machines -------------------------------------------------------------------------------------------------


def test_index_is_small() -> None:
    """A shard's index takes a few bytes an entry, whatever the entry's size."""
    index = ShardIndex()
    for number in range(1000):
        index.add(entry(f"e{number}", BOX, BOX, name="long name " * 20 + str(number), attributes={"text": "x" * 1000}))
    assert len(index.to_bytes()) < 1000 * 48


def test_index_does_not_depend_on_the_order_of_labels() -> None:
    """Entries that use the same labels in another order leave the same index, byte for byte."""
    first, second = ShardIndex(), ShardIndex()
    for index, letters in ((first, "abcdefghijkl"), (second, "lkjihgfedcba")):
        index.add(entry("e1", *(annotation("x", BOX, category_id=letter) for letter in letters)))
    assert first.to_bytes() == second.to_bytes()


def test_placement_survives_the_way_to_another_machine() -> None:
    """What a shard is told is the same after it was sent as JSON."""
    made = surveyed([entry("1", BOX, name="a.jpg"), entry("2", name="a.jpg")])
    (place,) = made.placements
    assert place.meeting_names
    assert msgspec.json.decode(msgspec.json.encode(place), type=Placement) == place


def test_survey_of_nothing_is_empty() -> None:
    """No shards, no placements; the declared classes are there all the same."""
    made = surveyed()
    assert made.placements == ()
    assert len(made.classes.classes) == 3
