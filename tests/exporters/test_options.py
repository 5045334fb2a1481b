"""What the shared options promise: values in the short form of a command line, in JSON, and typed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from exporters.options import ImageOptions


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("drop_classes", "car, big bus", ("car", "big bus")),
        ("drop_classes", '["a,b", "c"]', ("a,b", "c")),
        ("drop_classes", "", ()),
        ("rename_classes", "car=vehicle,bus=vehicle", {"car": "vehicle", "bus": "vehicle"}),
        ("rename_classes", '{"a=b": "c"}', {"a=b": "c"}),
        ("class_map", "car=1,bus=7", {"car": 1, "bus": 7}),
        ("class_map", '{"classes": [{"name": "car", "number": 4, "id": "c"}], "schema": 1}', {"car": 4}),
        ("convert", "polygon_to_box,mask_to_box", ("polygon_to_box", "mask_to_box")),
        ("redact", "authors", ("authors",)),
    ],
)
def test_text_is_read_like_its_value(name: str, text: str, value: Any) -> None:
    """A command line's short form, and JSON, mean what the typed value means."""
    assert getattr(ImageOptions.model_validate({name: text}), name) == value
    assert getattr(ImageOptions.model_validate({name: value}), name) == value
    assert ImageOptions.model_validate({name: text}).model_dump(mode="json")[name] == json.loads(json.dumps(value))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("rename_classes", "car", "name=value"),
        ("class_map", "car=first", "integer"),
        ("class_map", '{"car": ', "no JSON"),
        ("convert", "box_to_circle", "polygon_to_box"),
        ("redact", "everything", "authors"),
    ],
)
def test_wrong_text_is_refused_with_what_it_should_be(name: str, text: str, words: str) -> None:
    """A value that cannot be read is refused in words that say what to write."""
    with pytest.raises(ValidationError, match=words):
        ImageOptions.model_validate({name: text})


def test_shares_are_read_with_what_they_are_for() -> None:
    """Shares are given as names with numbers, and mean something only where splits are made by a hash."""
    options = ImageOptions.model_validate({"split_by": "hash", "split_ratios": "train=0.9,val=0.1"})
    assert options.split_ratios == {"train": 0.9, "val": 0.1}
    with pytest.raises(ValidationError, match="only with split_by=hash"):
        ImageOptions.model_validate({"split_ratios": "train=0.9,val=0.1"})


def test_name_given_twice_is_refused() -> None:
    """Of two values for one name, neither is silently forgotten."""
    with pytest.raises(ValidationError, match="'car' is given twice"):
        ImageOptions.model_validate({"class_map": "car=1,car=2"})
