"""The platform's filters: which of them there are, and that each means one thing."""

from __future__ import annotations

from typing import Any

import pytest

from exporters.contextual.filters import Filter
from exporters.contextual.records import Kind, Record
from exporters.errors import RequestError

ENTRY = {
    "id": "e1", "name": "Cam_000001.jpg", "status": "completed", "priority": 3, "resource": None, "is_night": True,
    "assigned_to_id": None, "reviewed_by_id": 13, "updated_at": "2026-03-09 16:20:11 +0000",
}  # fmt: skip
ANNOTATION = {
    "dimensions": {"type": "idah-image:bounding-box", "points": []},
    "annotation": {"category": "car"},
    "created_by_email": "annotator@example.org",
}


class One:
    def __init__(self, kind: Kind, fields: dict[str, Any]) -> None:
        self.record = Record(kind, fields)


def passes(where: dict[str, Any], kind: Kind = "entry") -> bool:
    return Filter(kind, where).passes(One(kind, ENTRY if kind == "entry" else ANNOTATION))


@pytest.mark.parametrize(
    ("where", "is_met"),
    [
        ({}, True),
        ({"status": "completed"}, True),
        ({"status": "errored"}, False),
        ({"status": ["errored", "completed"]}, True),
        ({"status": ("errored",)}, False),
        ({"status": []}, False),
        ({"status__in": ["completed", "errored"]}, True),
        ({"status__in": "completed"}, True),
        ({"status__eq": "completed"}, True),
        ({"status": "completed", "priority": 4}, False),
        ({"priority": 3}, True),
        ({"priority": "3"}, True),
        ({"priority": True}, False),
        ({"priority__gte": 3}, True),
        ({"priority__gte": "4"}, False),
        ({"priority__gt": 3}, False),
        ({"priority__lte": 3.0}, True),
        ({"priority__lt": "ten"}, False),
        ({"is_night": True}, True),
        ({"is_night": "true"}, True),
        ({"is_night": 1}, False),
        ({"resource": None}, True),
        ({"resource": ""}, False),
        ({"name__match": "cam_"}, True),
        ({"name__match": "dog"}, False),
        ({"resource__match": ""}, False),
        ({"updated_at__gte": "2026-03-09T16:20:11Z"}, True),
        ({"updated_at__gt": "2026-03-09 16:20:11 +0000"}, False),
        ({"updated_at__lt": "2026-03-09T18:20:12+02:00"}, True),
        ({"updated_at__gte": "2026-03-10"}, False),
        ({"assigned": False}, True),
        ({"assigned": "true"}, False),
        ({"participated": 13}, True),
        ({"participated": "12"}, False),
        ({"wf_step": "done"}, False),
    ],
)
def test_what_a_filter_means(where: dict[str, Any], is_met: bool) -> None:
    """Equality, lists, operators, times by the moment they mean, values as they travel in a URL."""
    assert passes(where) is is_met


@pytest.mark.parametrize(
    ("type_", "is_met"),
    [
        ("bounding_box", True),
        ("bounding-box", True),
        ("idah-image:bounding-box", True),
        ("idah_image:bounding_box", True),
        ("idah-video:bounding-box", False),
        ("polygon", False),
        ("box", False),
        (["polygon", "bounding_box"], True),
    ],
)
def test_annotations_are_filtered_by_shape(type_: Any, is_met: bool) -> None:
    """`type` means the shape, in the documentation's spelling and in the platform's."""
    assert passes({"type": type_}, "annotation") is is_met
    assert passes({"type__in": type_}, "annotation") is is_met


def test_json_fields_are_compared_whole() -> None:
    """As the platform compares them."""
    assert passes({"annotation": {"category": "car"}}, "annotation")
    assert not passes({"annotation": {"category": "bus"}}, "annotation")


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"statsu": "completed"}, "no filter 'statsu' in entry records; did you mean 'status'"),
        ({"id__like": "x"}, "no operator 'like' in the filter 'id__like'; there is"),
        ({"priority__gte": [1]}, r"priority__gte compares with one number or time, not \[1\]"),
        ("status=completed", "A filter is a mapping such as"),
    ],
)
def test_a_filter_that_does_not_exist_is_refused(where: Any, message: str) -> None:
    """The platform ignores it and gives everything; here it is an error that names what there is."""
    with pytest.raises(RequestError, match=message):
        passes(where)
