"""Rows in the platform's words."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.model import Annotation, Entry, Unknown, compact
from exporters.upd import platform
from exporters.upd.platform import AnnotationRow, rebuilt_annotation

PROJECT, DATASET, ENTRY = "p-1", "d-1", "e-1"
BOX = {"type": "idah-image:bounding-box", "points": [[0.1, 0.25], [0.3, 0.5]], "angle": 0}


def record(dimensions: Any = BOX, label: Any = None, metadata: Any = None, **attributes: Any) -> dict[str, Any]:
    """An annotation as the platform sends it."""
    ids = {"project": PROJECT, "dataset": DATASET, "entry": ENTRY}
    return {
        "type": "dataset:annotations",
        "id": "a-1",
        "attributes": {
            **{f"{name}_id": id_ for name, id_ in ids.items()},
            "dimensions": dimensions,
            "annotation": {"category": "car", "attributes": {"occluded": False}} if label is None else label,
            "metadata": metadata,
            "created_by_email": "annotator@example.org",
            "created_at": "2026-03-09 16:08:26 +0000",
            "updated_at": "2026-03-09 16:11:26 +0000",
            **attributes,
        },
        "relationships": {
            name: {"data": {"type": f"dataset:{'entrie' if name == 'entry' else name}s", "id": id_}}
            for name, id_ in ids.items()
        },
    }


def row_of(document: dict[str, Any] | bytes) -> tuple[AnnotationRow, bytes]:
    """The row, with its metadata as it is written, and the record it was made of."""
    raw = compact(document if isinstance(document, bytes) else msgspec.json.encode(document))
    label = json.loads(bytes(raw))["attributes"]["annotation"]
    label = label if isinstance(label, dict) else {}
    category, attributes = label.get("category"), label.get("attributes")
    annotation = Annotation(
        id="a-1",
        shape=Unknown("any"),
        category_id=category if isinstance(category, str) else None,
        attributes=attributes if isinstance(attributes, dict) else {},
        raw=raw,
    )
    found = platform.attributes_of(annotation)
    assert found is not None
    row, members = platform.annotation_row(annotation, found, Entry(id=ENTRY, dataset_id=DATASET, name=""), PROJECT)
    return row._replace(metadata=platform.document(members)), bytes(raw)


def test_the_type_is_taken_out_of_the_shape() -> None:
    """What is left are the shape's arguments; class, attributes and metadata have their own columns and keys."""
    row, _ = row_of(record(metadata={"confidence": 0.5, "group_id": "g"}))
    assert row.shape_type == "idah-image:bounding-box"
    assert row.shape_args == '{"points":[[0.1,0.25],[0.3,0.5]],"angle":0}'
    assert (row.category, row.properties) == ("car", '{"occluded":false}')
    assert json.loads(row.metadata) == {
        "Confidence": 0.5,
        "Group-Id": "g",
        "Created-By": "annotator@example.org",
        "Created-At": "2026-03-09T16:08:26Z",
        "Updated-At": "2026-03-09T16:11:26Z",
    }


def test_a_record_that_follows_from_its_row_is_not_written_again() -> None:
    """Nearly all are like that: the file holds everything once."""
    row, raw = row_of(record(metadata={"confidence": 0.5}))
    assert "Outhaul-Record" not in row.metadata
    assert rebuilt_annotation(row, PROJECT) == raw


ODD: list[dict[str, Any] | bytes] = [
    record(dimensions=None),
    record(dimensions=[]),
    record(dimensions={}),
    record(dimensions={"points": [], "type": "x"}),
    record(dimensions={"type": 5}),
    record(label={}),
    record(label={"category": None}),
    record(label={"category": 7, "attributes": {}}),
    record(label={"category": "car", "properties": {"a": 1}, "attributes": {"b": 2}}),
    record(label={"category": "car", "attributes": [], "label": "Car"}),
    record(label="car"),
    record(metadata={}),
    record(metadata=[1]),
    record(metadata={"groupId": 1, "group-id": 2, "group_id": 3}),
    record(metadata={"created_by": "x", "outhaul_record": 1, "é\n": 2, "": 3}),
    record(created_at="2026-03-09T16:08:26Z", updated_at=None),
    record(created_at="2026-03-09 16:08:26 +0200"),
    record(created_by_email=None, x=[1.0]),
    msgspec.json.encode(record()).replace(b"0.25", b"2.5e-1"),
    msgspec.json.encode(record()).replace(b'"angle":0', b'"angle":0,"tile-0x0":{"rle":"AA=="},"tile-0x0":{"rle":""}'),
    msgspec.json.encode(record()).replace(b'"relationships"', b'"links"'),
    msgspec.json.encode(record()).replace(b"annotator", b"\\u00e9t\\u00e9"),
]  # fmt: skip


@pytest.mark.parametrize("document", ODD, ids=range(len(ODD)))
def test_every_record_comes_back_to_the_byte(document: dict[str, Any] | bytes) -> None:
    """One that does not follow from its row is kept as it came."""
    row, raw = row_of(document)
    assert rebuilt_annotation(row, PROJECT) == raw
    json.loads(row.shape_args)
    json.loads(row.properties)


def test_of_keys_that_repeat_the_last_counts() -> None:
    """A stale tile of a mask does not come before the current one, as DuckDB would read it."""
    stale = b'{"type":"idah-image:mask","points":[],"tile-0x0":{"rle":"old"},"tile-0x0":{"rle":"new"}}'
    row, _ = row_of(msgspec.json.encode(record(dimensions={"type": "x"})).replace(b'{"type":"x"}', stale))
    assert row.shape_args == '{"points":[],"tile-0x0":{"rle":"new"}}'


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(dimensions=JSON, label=JSON, metadata=JSON)
def test_any_record_comes_back(dimensions: Any, label: Any, metadata: Any) -> None:
    """Whatever JSON the platform sends."""
    row, raw = row_of(record(dimensions, {"no": 1} if label is None else label, metadata))
    assert rebuilt_annotation(row, PROJECT) == raw


def test_a_project_may_be_unknown() -> None:
    """As in files of the platform's own exporter: the record then does not name it."""
    row, _ = row_of(record())
    document = json.loads(rebuilt_annotation(row, None))
    assert "project_id" not in document["attributes"]
    assert document["relationships"].keys() == {"dataset", "entry"}


def test_addresses_of_files_are_encoded() -> None:
    """Resources are any text."""
    assert platform.files_url("https://idah.example.org/", "a b/ü?.jpg") == (
        "https://idah.example.org/api/v1/media/medias/files/a%20b%2F%C3%BC%3F.jpg"
    )


@pytest.mark.parametrize("raw", [b"{}", b"[]", b'{"attributes":{}}', b'{"type":"dataset:entries","attributes":{}}'])
def test_other_records_are_not_the_platforms(raw: bytes) -> None:
    """A record counts as the platform's by its type, not by what it happens to hold."""
    assert platform.attributes_of(Annotation(id="a", shape=Unknown("x"), raw=msgspec.Raw(raw))) is None
