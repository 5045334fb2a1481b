"""Addresses of entries on a platform's own pages."""

from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from blocks.ango import AngoSource
from blocks.entry_links import PATTERN, entry_address
from blocks.idah import IdahSource

GOOD = [
    "",
    "https://labels.example.org/datasets/{dataset}/entries/{entry}",
    "http://127.0.0.1:8080/#/e/{entry}?tab=1&set={dataset}",
]
BAD = [
    "labels.example.org/{entry}",
    "https://labels.example.org/datasets",
    "https://labels.example.org/{task}/{entry}",
    "https://{entry}/x",
    "https://user:secret@labels.example.org/{entry}",
    "javascript:alert('{entry}')",
    "https://labels.example.org/a b/{entry}",
    "https://labels.example.org/{entry",
]


@pytest.mark.parametrize("kind", [IdahSource, AngoSource])
def test_a_template_is_checked_when_it_is_filled_in(kind: type[IdahSource | AngoSource]) -> None:
    """Also by the form, before it is saved: it has the same pattern."""
    for link in GOOD:
        assert kind(url="https://api.example.org", entry_link=link).entry_link == link
        assert re.search(PATTERN, link)
    for link in BAD:
        with pytest.raises(ValidationError, match="should be an address that begins with https://"):
            kind(url="https://api.example.org", entry_link=link)
        assert not re.search(PATTERN, link)
    assert kind.model_json_schema()["properties"]["entry_link"]["pattern"] == PATTERN


def test_ids_are_encoded_and_strange_ones_have_no_address() -> None:
    """An id stays one segment of the path; one that would be another path has no link, nor has a block without."""
    source = IdahSource(url="https://api.example.org", entry_link=GOOD[1])
    assert source.entry_url("d/1", "é?#") == "https://labels.example.org/datasets/d%2F1/entries/%C3%A9%3F%23"
    assert source.entry_url("..", "e") == ""
    assert IdahSource(url="https://api.example.org").entry_url("d", "e") == ""
    assert entry_address("", "d", "e") == ""


def test_it_is_no_part_of_who_the_platform_is() -> None:
    """An export keeps its name when the link is filled in later."""
    bare, linked = (IdahSource(url="https://api.example.org", entry_link=link) for link in ("", GOOD[1]))
    assert bare.identity() == linked.identity()
