"""Exports had as they were sent, for callbacks: every row, in order, signed, whole or not at all."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from blocks.ango.exporting import Export
from blocks.ango.signatures import unsigned
from exporters.errors import FatalError, OuthaulError, RetriableError
from tests.blocks.ango.hub import Hub, bare, by_somebody_else, serving, serving_rows


def export(hub: Hub, kind: str = "image", *, fields: dict[str, Any] | None = None, **where: list[str]) -> Export:
    source = hub.source(**(fields or {}))
    dataset = hub.dataset(kind, source)
    return Export(source.connection(), dataset.id, "p", source.wanted_of(dataset, where))


def spilled(hub: Hub, path: Path, kind: str = "image", **where: list[str]) -> list[dict[str, Any]]:
    count = export(hub, kind, **where).spill(path)
    lines = path.read_bytes().splitlines()
    assert len(lines) == count
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("form", ["ndjson", "json"])
def test_rows_as_they_were_sent(gallery: Hub, tmp_path: Path, form: str) -> None:
    """The rows of the file in its order, a compact line each, with signed links that open."""
    path = tmp_path / "rows.ndjson"
    assert export(gallery, fields={"export_format": form}, stage=["*"]).spill(path) == 16
    lines = path.read_bytes().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [bare(row) for row in rows] == [bare(row) for row in gallery.rows(stage="[]")]
    assert [json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode() for row in rows] == lines
    assert "X-Amz-Signature=" in rows[0]["asset"]
    assert [path.name for path in tmp_path.iterdir()] == ["rows.ndjson"]
    assert path.stat().st_mode & 0o077 == 0


def test_the_listing_has_the_same_rows(gallery: Hub, tmp_path: Path) -> None:
    """What a callback gets and what the exporters get are the same rows, but for signatures."""
    path = tmp_path / "rows"
    export(gallery, stage=["*"]).spill(path)
    listed = {json.dumps(json.loads(line)["row"]) for line in gallery.listing(stage=["*"])}
    assert {json.dumps(json.loads(unsigned(line))) for line in path.read_bytes().splitlines()} == listed


def test_no_row_is_taken_for_another(tmp_path: Path) -> None:
    """Rows that came twice stay twice: a callback gets what the hub sent."""
    sent = [{"externalId": "1.jpg", "task": {"taskId": one, "stage": "Complete"}} for one in ("t1", "t1", "t2")]
    with serving_rows(sent) as hub:
        assert spilled(hub, tmp_path / "rows", stage=["*"]) == sent


def test_filters_hold(hub: Hub, tmp_path: Path) -> None:
    """The rows are those asked for, also by what only we can filter by; none is an empty file."""
    assert {row["task"]["stage"] for row in spilled(hub, tmp_path / "a", stage=["Review A"])} == {"Review A"}
    assert spilled(hub, tmp_path / "b", modality=["video"]) == []
    assert (tmp_path / "b").read_bytes() == b""


def test_memory_does_not_grow(tmp_path: Path) -> None:
    """Ten times as many rows of 8 kB, 10 MB of them, take no more memory to have."""
    peaks = []
    for tasks in (120, 1200):
        with serving(tasks, row_bytes=8000, video_tasks=0, document_tasks=0) as hub:
            asked = export(hub, stage=["*"])
            tracemalloc.start()
            assert asked.spill(tmp_path / "rows") == tasks
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert (tmp_path / "rows").stat().st_size > 8_000_000
    assert peaks[1] < peaks[0] + 2_000_000


FAULTS: dict[str, dict[str, Any]] = {
    "export 503": {"path_pattern": "/v2/export", "status": 503, "times": 2},
    "link expired": {"path_pattern": "/exports/", "status": 403, "times": 1},
    "cut": {"path_pattern": "/exports/", "kind": "truncate"},
    "cut and told so": {"path_pattern": "/exports/", "kind": "malformed"},
}


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_faults_that_pass(hub: Hub, tmp_path: Path, fault: str) -> None:
    """Whatever goes wrong on its way, the file is that of a quiet day: no row twice, none missing."""
    quiet = [bare(row) for row in spilled(hub, tmp_path / "rows", stage=["*"])]
    made = hub.fault(**FAULTS[fault])
    assert [bare(row) for row in spilled(hub, tmp_path / "rows", stage=["*"])] == quiet
    assert made.hits


def test_exports_that_somebody_else_replaced(hub: Hub, tmp_path: Path) -> None:
    """Rows of another one's export are not handed on; the hub is asked again."""
    quiet = [bare(row) for row in spilled(hub, tmp_path / "rows")]
    by_somebody_else(hub, 2)
    assert [bare(row) for row in spilled(hub, tmp_path / "rows")] == quiet


@pytest.mark.parametrize("had", [b"", b"an earlier one\n"])
def test_nothing_is_left_of_what_failed(hub: Hub, tmp_path: Path, had: bytes) -> None:
    """An export that stays broken, or another one's, leaves no file, and one from before as it was."""
    path = tmp_path / "rows"
    if had:
        path.write_bytes(had)
    fault = hub.fault("/exports/", kind="malformed", times=None)
    with pytest.raises(RetriableError, match="damaged zip"):
        export(hub).spill(path)
    hub.sandbox.faults.remove(fault)
    by_somebody_else(hub, 50)
    with pytest.raises(FatalError, match="somebody else exported the project"):
        export(hub, stage=["Complete"]).spill(path)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == ({"rows": had} if had else {})


def test_full_disks(tiny_disk: Path) -> None:
    """Rows that do not fit on the disk say so, and of which; what was written is gone."""
    with serving(40, row_bytes=8000) as hub, pytest.raises(OuthaulError, match=f"no space left for {tiny_disk}/rows"):
        export(hub, stage=["*"]).spill(tiny_disk / "rows")
    assert list(tiny_disk.iterdir()) == []
