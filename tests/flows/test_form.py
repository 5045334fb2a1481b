"""What the form of a run offers and takes, checked without a browser: by the rules of the UI and of the server."""

from __future__ import annotations

from typing import Any

import pytest
from prefect.utilities.schema_tools.validation import is_valid

from exporters import BUILTIN, RequestError
from flows.export import export
from flows.form import FORMAT, MODALITIES, SHARED, read_choice

SCHEMA = export.parameters.model_dump()
TABS: dict[str, list[dict[str, Any]]] = {
    tab["title"]: tab["properties"][tab["title"]]["anyOf"]
    for tab in SCHEMA["properties"]["exporter"]["anyOf"]
    if tab["type"] == "object"
}
BLOCK = {"$ref": {"block_document_id": "7b0d5a8e-2a0e-4d8a-9e1c-3f2a5b1c9d10"}}
MOST_TABS = 12
"""As many as a window of 1280 pixels holds in a row; what is beyond them cannot be reached."""


def offered(name: str) -> list[tuple[str, int]]:
    """Where a format is offered: under which modality, and in which tab there."""
    return [
        (modality, index)
        for modality, tabs in TABS.items()
        for index, tab in enumerate(tabs)
        if name in tab["properties"][FORMAT]["enum"]
    ]


def opened(tabs: list[dict[str, Any]], value: dict[str, Any]) -> int:
    """The tab that the UI shows for a value: the first of those that have the most of its names."""
    common = [len(value.keys() & tab["properties"].keys()) for tab in tabs]
    return common.index(max(common))


def takes(**parameters: Any) -> bool:
    """Whether the server lets a run with these parameters begin."""
    return bool(is_valid({"source": BLOCK, "target": BLOCK, **parameters}, SCHEMA))


@pytest.mark.parametrize("exporter", BUILTIN, ids=lambda one: one.name)
def test_a_format_is_offered_with_its_own_options(exporter: Any) -> None:
    """Under each modality that it holds, with every option that is its own, typed and described, and no other."""
    assert {modality for modality, _ in offered(exporter.name)} == (set(exporter.holds.modalities or ()) or {"any"})
    own = set(exporter.options.model_fields) - set(SHARED)
    for modality, index in offered(exporter.name):
        properties = TABS[modality][index]["properties"]
        assert set(properties) - {FORMAT} == own
        assert all(schema["description"] and ("type" in schema or "anyOf" in schema) for schema in properties.values())
        value = {name: schema.get("default") for name, schema in properties.items()} | {FORMAT: exporter.name}
        assert opened(TABS[modality], value) == index, "opened again, the form shows what was chosen"
        assert takes(exporter={modality: value})
        assert read_choice({modality: value}, {}) == (exporter.name, {}), "what is as usual says nothing"


def test_kinds_of_blocks_are_called_as_people_call_them() -> None:
    """The tabs of sources and targets are no names of classes, and every kind has one."""
    names = {
        parameter: [tab["title"] for tab in SCHEMA["properties"][parameter]["anyOf"]]
        for parameter in ("source", "target")
    }
    assert names == {"source": ["IDAH", "Ango Hub", "Folder", "UPD"], "target": ["Anywhere", "S3", "HTTP API"]}
    assert SCHEMA["properties"]["more_targets"]["items"]["anyOf"] == SCHEMA["properties"]["target"]["anyOf"]


def test_tabs_fit_in_a_row() -> None:
    """As many as can be seen, in the order that is written down."""
    assert tuple(TABS) == MODALITIES
    assert max(map(len, TABS.values())) <= MOST_TABS


@pytest.mark.parametrize(
    "parameters",
    [
        {"exporter": "coco"},
        {"exporter": {"image": {FORMAT: "coco"}}},
        {"exporter": "a_plug_in_s", "options": {"size": 3, "token": "t"}},
        {"exporter": "yolo", "options": {"missing_val": "train", "drop_classes": "a,b"}},
        {"exporter": "coco", "options": {"drop_classes": ["a", "b"], "rename_classes": "a=b", "first_class": 1}},
        {"exporter": "coco", "options": {"rename_classes": {"a": "b"}}},
        {"exporter": "coco", "workspace": BLOCK, "more_targets": [BLOCK]},
        {"exporter": "coco", "workspace": {"url": "s3://exports/workspace"}},
    ],
)
def test_what_the_server_takes(parameters: dict[str, Any]) -> None:
    """Formats by name with any options, as programs and schedules give them, saved blocks, and what forms submit."""
    assert takes(**parameters)


@pytest.mark.parametrize(
    "parameters",
    [
        {"exporter": {"image": {FORMAT: "yolo", "missing_val": "never"}}},
        {"exporter": {"image": {FORMAT: "yolo", "parts": "rows"}}},
        {"exporter": {"image": {FORMAT: "mot", "frame_rate": 0}}},
        {"exporter": {"video": {FORMAT: "coco"}}},
        {"exporter": {"image": {"missing_val": "train"}}},
        {},
        {"exporter": "coco", "package": "rar"},
        {"exporter": "coco", "shard_entries": 0},
        {"exporter": "coco", "keep": -1},
    ],
)
def test_what_the_form_refuses(parameters: dict[str, Any]) -> None:
    """A wrong value does not become a run, nor does a form without a format: another one would be written."""
    assert not takes(**parameters)


def test_a_choice_of_the_form() -> None:
    """It is the format's name and the options that somebody changed, with those that formats share."""
    form = {"image": {FORMAT: "yolo", "missing_val": "train"}}
    assert read_choice(form, {"drop_classes": ["a"]}) == ("yolo", {"missing_val": "train", "drop_classes": ["a"]})
    assert read_choice("mine", {"size": 3}) == ("mine", {"size": 3})
    with pytest.raises(RequestError, match="The option missing_val is given with the format and among the options too"):
        read_choice(form, {"missing_val": "omit"})
    for odd in ({}, {"image": {}}, {"image": "coco"}, {"image": {FORMAT: 3}}, {"image": {FORMAT: "coco"}, "any": {}}):
        with pytest.raises(RequestError, match="is no name of a format; give one, or what the form makes"):
            read_choice(odd, {})


def test_every_field_has_a_name_and_a_sentence_for_people() -> None:
    """In the order in which one thinks of them: from where, whereto, what, as what."""
    properties = SCHEMA["properties"]
    assert all(schema["title"][0].isupper() and schema["description"].endswith(".") for schema in properties.values())
    assert [*properties][:4] == ["source", "target", "datasets", "exporter"]
