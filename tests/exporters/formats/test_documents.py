"""What `exporters.formats.documents` promises, and that every format that holds attributes holds hostile ones."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.base import Exporter
from exporters.formats import BUILTIN
from exporters.formats.documents import json_bytes
from exporters.model import Entry
from tests.conformance.exporters import run_export, suited
from tests.fakes.datasets import annotation, dataset, entry, one_of_each

HUGE = 1234567890 * 10**30 + 7
WITHOUT_ATTRIBUTES = {
    "conll",
    "json",
    "imagefolder",
    "kitti",
    "masks",
    "mot",
    "tfrecord",
    "yolo",
    "yolo_obb",
    "yolo_pose",
    "yolo_segment",
}
"""But for the platform's own records, which the format json has as they came."""

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES, st.booleans())
def test_any_value_reads_back(value: Any, sorts_keys: bool) -> None:
    """What is written reads back as it was, integers of any size to the last digit."""
    assert json.loads(json_bytes(value, sorts_keys=sorts_keys)) == value
    assert json.loads(json_bytes([value, HUGE], sorts_keys=sorts_keys)) == [value, HUGE]


def test_keys_are_sorted_where_that_is_asked_for() -> None:
    """Of all objects, with huge integers and without; otherwise keys stay in their order."""
    for last in (1, HUGE):
        value = {"b": {"d": 1, "c": 2}, "a": last}
        assert json_bytes(value, sorts_keys=True) == b'{"a":%d,"b":{"c":2,"d":1}}' % last
        assert json_bytes(value) == b'{"b":{"d":1,"c":2},"a":%d}' % last


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_in_json_is_null(value: float) -> None:
    """NaN and infinities become null, beside huge integers too: a reader refuses a document that has them."""
    assert json_bytes({"a": value}) == b'{"a":null}'
    assert json_bytes([value, HUGE]) == b"[null,%d]" % HUGE


def _hostile(exporter: type[Exporter[Any]]) -> list[Entry]:
    attributes = {"huge": HUGE, "list": [-HUGE, {"deep": HUGE}], "nan": math.nan}
    one = annotation("a", one_of_each()["box"], attributes=attributes)
    return suited(exporter(), [entry("e1", one, attributes={"size": HUGE})])


@pytest.mark.parametrize("exporter", BUILTIN, ids=lambda one: one.name)
def test_huge_integers_are_held_exactly(exporter: type[Exporter[Any]]) -> None:
    """A format holds integers beyond 64 bits to the last digit, or says that it holds no attributes; none fails."""
    made = run_export(exporter(), [dataset()], _hostile(exporter))
    made.tally.check("the export")
    assert made.tally.went_out["annotations"] == 1
    written = b"".join(made.files.values())
    if exporter.name == "parquet":
        (file,) = (data for path, data in made.files.items() if path.endswith(".parquet"))
        written = str(pq.read_table(io.BytesIO(file)).to_pylist()).encode()
    is_held = str(HUGE).encode() in written
    says_so = "attributes are not held" in made.tally.changed
    assert is_held != (says_so or exporter.name in WITHOUT_ATTRIBUTES)
