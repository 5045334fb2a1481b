"""Exports of Ango Hub on their way: other people's exports, broken links, damaged zips, every form of rows."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blocks.ango import exporting
from blocks.ango.archive import Archive
from blocks.ango.stream import RowStream
from exporters.errors import FatalError, RequestError, RetriableError
from tests.blocks.ango.hub import Hub, by_somebody_else, serving

# -- several at once


def test_five_runs_of_one_project_at_once() -> None:
    """Runs that ask one project for different rows at the same time each get their own."""
    with serving(20, export_seconds=0.05, video_tasks=0, document_tasks=0) as hub:
        wanted = [["Complete"], ["Review A"], ["Label A"], ["*"], ["Complete", "Label A"]]
        with ThreadPoolExecutor(5) as pool:
            found = list(pool.map(lambda stages: stages_of(hub.listing(stage=stages)), wanted))
        assert found[:3] == [{"Complete"}, {"Review A"}, {"Label A"}]
        assert found[3] == {"Complete", "Review A", "Label A"}
        assert found[4] == {"Complete", "Label A"}
        assert hub.sandbox.peaks["export"] == 1


def stages_of(listing: list[bytes]) -> set[str]:
    return {json.loads(line)["row"]["task"]["stage"] for line in listing}


def test_exports_that_somebody_else_replaced(hub: Hub) -> None:
    """Rows of an export that a user made by hand meanwhile are not taken; the hub is asked again."""
    quiet = hub.listing()
    by_somebody_else(hub, 2)
    assert hub.listing() == quiet
    assert hub.sandbox.requests["export"] == 4


def test_exports_that_are_always_replaced(hub: Hub) -> None:
    """Where rows never are those asked for, that is said, with the task and the filter."""
    by_somebody_else(hub, 50)
    with pytest.raises(FatalError, match="does not fit stage=Complete: somebody else exported the project"):
        hub.listing(stage=["Complete"])
    assert hub.sandbox.requests["export"] == exporting.EXPORT_ATTEMPTS


# -- on the way

FAULTS: dict[str, dict[str, Any]] = {
    "export 503": {"path_pattern": "/v2/export", "status": 503, "times": 2},
    "export reset": {"path_pattern": "/v2/export", "kind": "reset"},
    "link 500": {"path_pattern": "/exports/", "status": 500, "times": 2},
    "link expired": {"path_pattern": "/exports/", "status": 403, "times": 1},
    "link gone": {"path_pattern": "/exports/", "status": 404, "times": 1},
    "cut": {"path_pattern": "/exports/", "kind": "truncate"},
    "cut and told so": {"path_pattern": "/exports/", "kind": "malformed"},
    "garbage": {"path_pattern": "/exports/", "kind": "garbage"},
    "slow": {"path_pattern": "/exports/", "kind": "slow", "drip_bytes": 8192, "drip_seconds": 0.001},
}


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("form", ["ndjson", "json"])
def test_faults_that_pass(hub: Hub, fault: str, form: str) -> None:
    """Whatever goes wrong on the way of an export, the listing equals a quiet day's."""
    source = hub.source(export_format=form)
    quiet = hub.listing("documents", source)
    made = hub.fault(**FAULTS[fault])
    assert hub.listing("documents", source) == quiet
    assert made.hits


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        ({"path_pattern": "/v2/export", "status": 500}, RetriableError, "answered 500"),
        ({"path_pattern": "/exports/", "status": 500}, RetriableError, "answered 500"),
        ({"path_pattern": "/exports/", "status": 403}, RetriableError, "does not open a link"),
        ({"path_pattern": "/exports/", "kind": "malformed"}, RetriableError, "damaged zip"),
        ({"path_pattern": "/v2/export", "status": 200, "kind": "html"}, RequestError, "web page"),
        ({"path_pattern": "/v2/export", "status": 451}, RequestError, "451"),
    ],
    ids=str,
)
def test_faults_that_stay(hub: Hub, fault: dict[str, Any], error: type[Exception], said: str) -> None:
    """What does not pass is told in a sentence, without the link that was tried, and leaves no file behind."""
    hub.fault(**fault, times=None)
    with pytest.raises(error, match=said) as caught:
        hub.listing("documents")
    assert "X-Amz" not in str(caught.value)


def test_faults_in_reading(hub: Hub) -> None:
    """Files that entries are read with come over whatever passes."""
    quiet = hub.entries(stage=["*"])
    for kind in ("status", "reset", "truncate"):
        hub.fault("/(assets|brushes)/", 503, kind=kind)
    hub.sandbox.links.expire()
    assert hub.entries(stage=["*"]) == quiet


def test_brushes_that_are_gone(hub: Hub) -> None:
    """A brush that cannot be had is told as that; the other annotations are there."""
    entries = hub.entries(stage=["*"])
    entry = next(one for one in entries if "brushDataUrl" in one.record["task"])
    project = hub.sandbox.project()
    project.lost.add(f"/media/{project.id}/brushes/{entry.id}.png")
    again = next(one for one in hub.entries(stage=["*"]) if one.id == entry.id)
    assert [str(getattr(one.shape, "name", "")) for one in again.annotations if one.id.endswith("brushDataUrl")] == [
        "brush that cannot be fetched"
    ]
    rest = [one for one in entry.annotations if "/brush/" not in one.id]
    assert [one for one in again.annotations if not one.id.endswith("brushDataUrl")] == rest


# -- zips


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def unpacked(data: bytes, size: int = 7) -> bytes:
    archive = Archive(io.BytesIO(), "p")
    pieces = [piece for start in range(0, len(data), size) for piece in archive.feed(data[start : start + size])]
    return b"".join([*pieces, *archive.finish()])


CONTENT = b"x" * 500 + bytes(range(256)) * 9


@pytest.mark.parametrize("size", [1, 29, 30, 31, 1000, 10**6])
@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2])
def test_zips_in_any_chunks(method: int, size: int) -> None:
    """However a zip is packed, and however its bytes come, its member is read whole."""
    assert unpacked(zipped(("any name", CONTENT), method=method), size) == CONTENT
    assert unpacked(zipped(("folder/", b""), ("folder/x", b""), method=method), size) == b""


def test_rows_come_before_the_zip_ends() -> None:
    """The first bytes of a member are there long before the last of its zip."""
    data = zipped(("x", bytes(range(256)) * 4000))
    archive = Archive(io.BytesIO(), "p")
    assert len(b"".join(archive.feed(data[: len(data) // 2]))) > 100_000


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda data: data[:-30], RetriableError),
        (lambda data: data[: len(data) // 2], RetriableError),
        (lambda data: data[:60] + b"??" + data[62:], RetriableError),
        (lambda _: b"<html>", RetriableError),
        (lambda _: b"", RetriableError),
        (lambda _: zipped(("a", b"1"), ("b", b"2")), FatalError),
        (lambda _: zipped(), FatalError),
    ],
    ids=["no end", "half", "changed", "a page", "nothing", "two members", "none"],
)
def test_damaged_zips(spoil: Callable[[bytes], bytes], error: type[Exception]) -> None:
    """A zip that is not whole, or not of one member, is never taken for an export."""
    with pytest.raises(error):
        unpacked(spoil(zipped(("x", CONTENT))))


# -- rows

ROWS = st.lists(
    st.dictionaries(
        st.text(),
        st.integers(-(2**62), 2**62) | st.text() | st.none() | st.floats(allow_nan=False, allow_infinity=False),
    )
)


def split(data: bytes, size: int) -> list[Any]:
    stream = RowStream("p")

    def rows() -> Iterator[bytes]:
        for start in range(0, len(data), size):
            yield from stream.feed(data[start : start + size])
        yield from stream.finish()

    return [json.loads(row) for row in rows()]


@settings(max_examples=60)
@given(ROWS, st.integers(1, 40), st.booleans(), st.sampled_from(["", "\n", "\r\n\r\n"]), st.booleans())
def test_rows_in_any_form(rows: list[Any], size: int, is_list: bool, space: str, has_mark: bool) -> None:
    """Lines or a list, with blank lines and a byte order mark or without: the same rows, however their bytes come."""
    mark = b"\xef\xbb\xbf" if has_mark else b""
    lines = (json.dumps(row, ensure_ascii=size % 2 == 0).encode() for row in rows)
    data = json.dumps(rows, indent=1).encode() if is_list else b"\n".join(lines)
    assert split(mark + space.encode() + data + space.encode(), size) == rows


@pytest.mark.parametrize("data", [b'{"a":', b'{"a":1}\n{"b"', b"[{}", b'[{"a":1},', b"null", b"3\n", b"[1]", b"{}x\n"])
def test_rows_that_are_none(data: bytes) -> None:
    """A row that is cut short, or no object, is told by its number."""
    with pytest.raises(RetriableError, match=r"Row [12] of the export"):
        split(data, 3)


def test_halves_of_characters() -> None:
    """A text that was cut in the middle of a character is read with a sign for the rest, and stops no export."""
    assert split(b'{"a":"x\\ud83d"}\n', 4) == [{"a": "x\ufffd"}]


def test_rows_keep_their_bytes() -> None:
    """Of a line only the white space between its tokens goes: numbers, order and repeated keys stay."""
    line = b'{ "b" : 1.50, "a": 12345678901234567890123, "a": "\\u00e9" }\n'
    assert list(RowStream("p").feed(line)) == [b'{"b":1.50,"a":12345678901234567890123,"a":"\\u00e9"}']
