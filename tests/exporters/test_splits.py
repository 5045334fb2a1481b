"""What `exporters.splits` promises: splits that stay put from night to night."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from pydantic import ValidationError

from exporters.model import Entry
from exporters.options import RecordOptions
from exporters.splits import file_names, in_its_split
from tests.fakes.datasets import entry, picture


def split_of(one: Entry, **options: Any) -> str | None:
    return in_its_split(one, RecordOptions(**options)).split


def test_splits_of_the_source_are_kept() -> None:
    """By default an entry stays in the split that its source put it into, or in none."""
    assert split_of(entry("e1", split="test")) == "test"
    assert split_of(entry("e1")) is None


def test_splits_can_be_undone() -> None:
    """split_by=none makes one dataset of all splits."""
    assert split_of(entry("e1", split="test"), split_by="none") is None


def test_split_by_a_tag() -> None:
    """An attribute of the entry can name its split; entries without it are in none."""
    assert split_of(entry("e1", attributes={"split": "val"}, split="x"), split_by="tag") == "val"
    assert split_of(entry("e1", attributes={"fold": 3}), split_by="tag", split_tag="fold") == "3"
    assert split_of(entry("e1", split="x"), split_by="tag") is None
    assert split_of(entry("e1", attributes={"split": ""}), split_by="tag") is None


RATIOS = {"train": 0.7, "val": 0.2, "test": 0.1}


def test_hash_keeps_the_ratios() -> None:
    """Of many entries, each split gets its share, within what chance allows."""
    counts = Counter(split_of(entry(f"e{number}"), split_by="hash", split_ratios=RATIOS) for number in range(5000))
    for name, share in RATIOS.items():
        assert abs(counts[name] / 5000 - share) < 0.025


def test_hash_does_not_depend_on_the_other_entries() -> None:
    """An entry's split follows from itself alone: known values, so that no version ever moves an entry."""
    splits = [split_of(entry(f"e{number}"), split_by="hash") for number in range(8)]
    assert splits == [split_of(entry(f"e{number}", split="x"), split_by="hash") for number in range(8)]
    assert splits == [*["train"] * 6, "val", "train"]


def test_order_of_the_ratios_does_not_matter() -> None:
    """The same shares in another order put every entry into the same split."""
    other = dict(reversed(RATIOS.items()))
    for one in (entry(f"e{number}") for number in range(100)):
        assert split_of(one, split_by="hash", split_ratios=RATIOS) == split_of(one, split_by="hash", split_ratios=other)


def test_entries_of_one_file_stay_together() -> None:
    """Entries of one and the same picture are in one split: none is tested on what it was trained on."""
    entries = [entry(f"e{number}", medias=(picture("m", ref="shared"),)) for number in range(50)]
    assert len({split_of(one, split_by="hash") for one in entries}) == 1


def test_entries_of_one_group_stay_together() -> None:
    """An attribute can say what belongs together, such as the patient or the recording."""
    entries = [entry(f"e{number}", attributes={"patient": "p1"}) for number in range(50)]
    assert len({split_of(one, split_by="hash", split_group="patient") for one in entries}) == 1


def test_every_entry_finds_a_split() -> None:
    """Shares that are rounded below 1, and splits of no share at all, lose no entry."""
    thirds = {"a": 0.3333333, "b": 0.3333333, "c": 0.3333333, "d": 0.0}
    splits = {split_of(entry(f"e{number}"), split_by="hash", split_ratios=thirds) for number in range(300)}
    assert splits == {"a", "b", "c"}


@pytest.mark.parametrize("ratios", [{}, {"train": 0.5}, {"train": 1.5, "val": -0.5}])
def test_shares_that_do_not_add_up_are_refused(ratios: dict[str, float]) -> None:
    """Shares must be shares of one whole."""
    with pytest.raises(ValidationError, match="add up to 1"):
        RecordOptions(split_ratios=ratios)


def test_file_names_of_splits_are_told_apart() -> None:
    """Splits get names that are safe in files, different where they differ in case alone."""
    names = file_names(["train", "Train", "a/b", "", "val"])
    assert names["val"] == "val"
    assert names["a/b"] == "a~2fb"
    assert len({name.casefold() for name in names.values()}) == len(names) == 4
