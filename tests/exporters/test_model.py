"""What `exporters.model` promises: records kept to the byte, and structs that travel as JSON."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from exporters import model
from exporters.model import Entry, Shape
from tests import strategies
from tests.fakes import hostile
from tests.fakes.datasets import dataset, entry, one_of_each, picture

ODD = b'{"id": 12345678901234567890123,\n "price": 1.00, "a": 1, "a": 2, "z": "\\u00e9", "b": [ ]}'
ODD_COMPACT = b'{"id":12345678901234567890123,"price":1.00,"a":1,"a":2,"z":"\\u00e9","b":[]}'


def test_compact_takes_only_white_space() -> None:
    """A record on one line has its digits, its repeated keys, its order and its escapes."""
    assert bytes(model.compact(ODD)) == ODD_COMPACT


@given(strategies.entries("e1", "d1", 30.0))
def test_entry_survives_json(one: Entry) -> None:
    """An entry written as JSON and read back is the same, and so is its JSON."""
    data = model.encode(one)
    assert model.decode_entry(data) == one
    assert model.encode(model.decode_entry(data)) == data
    assert b"\n" not in data


@pytest.mark.parametrize("shape", one_of_each().values(), ids=one_of_each().keys())
def test_every_shape_survives_json(shape: Shape) -> None:
    """Each kind of shape comes back as what it was, under its name."""
    one = entry("e1", shape)
    assert model.decode_entry(model.encode(one)) == one
    assert msgspec.to_builtins(shape)["type"] == model.shape_name(shape)


def test_record_comes_through_untouched() -> None:
    """A platform's record passes through JSON and back to the byte."""
    one = entry("e1", raw=Raw(ODD_COMPACT))
    assert bytes(model.decode_entry(model.encode(one)).raw) == ODD_COMPACT
    assert one.record["price"] == 1.0


@given(st.permutations(["b", "a", "c"]))
def test_order_of_attributes_does_not_show(keys: list[str]) -> None:
    """Equal entries are equal bytes, in whatever order their attributes were found."""
    assert model.encode(entry("e1", attributes=dict.fromkeys(keys, 1))) == model.encode(
        entry("e1", attributes=dict.fromkeys("abc", 1))
    )


def test_dataset_of_hostile_categories_survives_json() -> None:
    """A dataset comes back with its categories in their order."""
    one = hostile.categories()
    assert model.decode_dataset(model.encode(one)) == one


def test_original_is_the_media_without_a_key() -> None:
    """The original media of an entry is the first that is not derived; None where there is none."""
    preview, original = picture("p", key="preview"), picture("m")
    assert entry("e1", medias=(preview, original)).original == original
    assert entry("e1", medias=(preview,)).original is None


def test_records_are_immutable() -> None:
    """Nothing of the model can be changed in place."""
    with pytest.raises(AttributeError):
        dataset().name = "other"  # type: ignore[misc]
    assert hash(next(iter(one_of_each().values())))
