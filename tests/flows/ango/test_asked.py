"""What a run in the hub asks for, however it was typed."""

from __future__ import annotations

from typing import Any

import pytest

from exporters import RequestError
from flows.ango.asked import read_event

EVENT: dict[str, Any] = {"projectId": "650000000000000000000abc", "session": "s1", "apiKey": "key"}


def test_nothing_but_a_project() -> None:
    """No filter means completed tasks, of all batches, with the format's defaults."""
    asked = read_event(EVENT)
    assert (asked.options, asked.request, asked.where) == ({}, {}, ["stage=Complete"])
    assert not asked.only_key_frames


def test_filters() -> None:
    """Stages and batches become filters, in the order given, each once; an empty list of stages means all."""
    asked = read_event({**EVENT, "stage": ["Review, A", "Complete", "Review, A"], "batches": ["b1"]})
    assert asked.where == ["stage=Review, A", "stage=Complete", "batch=b1"]
    assert read_event({**EVENT, "stage": [], "batches": None}).where == ["stage=*"]


def test_a_configuration_is_the_options_of_the_format_and_of_the_export() -> None:
    """What is about the export as a whole is told from the format's own options."""
    config = '{"media": "none", "strict": true, "include_key_frames_only": true, "class_map": {"a": 1}}'
    asked = read_event({**EVENT, "configJSON": config})
    assert asked.request == {"media": "none", "strict": True}
    assert asked.options == {"class_map": {"a": 1}}
    assert asked.only_key_frames


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"configJSON": None}, "configuration of this run is empty"),
        ({"configJSON": "  "}, "configuration of this run is empty"),
        ({"configJSON": "{'a': 1}"}, "not valid JSON"),
        ({"configJSON": "[1]"}, "not a JSON object"),
        ({"configJSON": {"a": 1}}, "configuration of this run is empty"),
        ({"stage": "Complete"}, "Stage Filter of this run is no list"),
        ({"batches": [1]}, "Batch Filter of this run is no list"),
        ({"projectId": None}, "named no project"),
        ({"apiKey": ""}, "no API key"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], said: str) -> None:
    """In a sentence for the log of the session."""
    with pytest.raises(RequestError, match=said):
        read_event({**EVENT, **changes})
