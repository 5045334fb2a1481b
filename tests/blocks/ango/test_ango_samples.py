"""Rows as Ango Hub exports them, from samples that a person can open: every kind of tool, answer and relation."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from exporters.model import Entry, RotatedBox, TimeSpan, Track, Unknown, shape_name
from tests.blocks.ango.hub import SAMPLES, Row, serving_rows

NAMES = sorted(path.name for path in SAMPLES.iterdir())


def sample(name: str) -> list[Row]:
    text = (SAMPLES / name).read_text()
    found: list[Row] = json.loads(text) if name.endswith(".json") else [json.loads(line) for line in text.splitlines()]
    return found


@pytest.fixture(scope="module")
def read() -> dict[str, list[Entry]]:
    """The entries of each sample. Its hosts do not exist: what only files tell is not there."""
    found = {}
    for name in NAMES:
        with serving_rows(sample(name)) as hub:
            found[name] = sorted(hub.entries(stage=["*"]), key=lambda entry: entry.id)
    return found


def shapes(entry: Entry) -> dict[str, int]:
    return dict(Counter(shape_name(one.shape) for one in entry.annotations))


def by_task(entries: list[Entry], row: Row) -> Entry:
    return next(entry for entry in entries if entry.id.partition("/")[0] == row["task"]["taskId"])


def test_both_forms_are_the_same(read: dict[str, list[Entry]]) -> None:
    """The list and the lines of one project are the same entries."""
    ours, others = (
        [(one.id, one.name, [(each.id, each.shape, each.attributes) for each in one.annotations]) for one in read[name]]
        for name in ("image_project.json", "image_project.ndjson")
    )
    assert ours == others


def test_pictures(read: dict[str, list[Entry]]) -> None:
    """All tools of a picture are shapes; answers nest, groups lead to each member, the brush is told to be missing."""
    row = sample("image_project.json")[0]
    entry = by_task(read["image_project.json"], row)
    assert shapes(entry) == {
        "box": 2,
        "rotated_box": 1,
        "polygon": 2,
        "polyline": 1,
        "skeleton": 1,
        "unknown": 1,
        "classification": 5,
        "relation": 3,
    }
    first = entry.annotations[0]
    assert first.attributes == {
        "Occluded": "Partly",
        "Occluded / Hidden by": ["Pole", "Other vehicle"],
        "Vehicle type": ["Passenger", "Passenger / Hatchback"],
    }
    assert first.stage == "6c1f0b52-2c0e-4d3b-9f0e-5a1c77d2e901"
    turned = next(one.shape for one in entry.annotations if isinstance(one.shape, RotatedBox))
    assert (turned.center_x, turned.center_y) == pytest.approx((1589.641016151, 495.262794416))
    unknown = next(one.shape for one in entry.annotations if isinstance(one.shape, Unknown))
    assert unknown == Unknown("brush that cannot be fetched")
    assert entry.attributes["stage_history"][0]["stage"] == "Start"


def test_edge_cases(read: dict[str, list[Entry]]) -> None:
    """Degenerate shapes, null answers, null batches and relations to nothing are read, and told as what they are."""
    row = sample("image_project.json")[2]
    entry = by_task(read["image_project.json"], row)
    assert "polygon that cannot be read" in {getattr(one.shape, "name", "") for one in entry.annotations}
    assert None not in entry.attributes.get("batches", [])
    ids = {one.id for one in entry.annotations}
    ends: list[Any] = [one.shape for one in entry.annotations if shape_name(one.shape) == "relation"]
    assert any({one.source_id, one.target_id} - ids for one in ends)


def test_several_images(read: dict[str, list[Entry]]) -> None:
    """An asset of several images is as many entries, each with its address."""
    row = sample("image_project.json")[3]
    pages = [one for one in read["image_project.json"] if one.id.startswith(row["task"]["taskId"])]
    assert len(pages) == len(row["dataset"])
    assert len({one.original.ref for one in pages if one.original}) == len(pages)


def test_videos(read: dict[str, list[Entry]]) -> None:
    """Tools of one object are a track, which leaves and comes back; answers say from which frame on they hold."""
    row = sample("video_keyframes.ndjson")[0]
    entry = by_task(read["video_keyframes.ndjson"], row)
    first = entry.annotations[0].shape
    assert isinstance(first, Track)
    assert [(one.frame, one.is_outside) for one in first.keyframes] == [
        (0, False),
        (20, False),
        (45, True),
        (90, False),
        (119, False),
    ]
    assert shapes(entry) == {"track": 3, "classification": 2, "relation": 1}
    assert [one.attributes.get("frame") for one in entry.annotations[3:]] == [0, 60, 30]
    assert entry.original is not None
    assert (entry.original.frame_rate, entry.original.frames_count) == (29.97, 120)


def test_texts_sounds_and_pdf(read: dict[str, list[Entry]]) -> None:
    """Selected words are spans, stretches of sound are seconds, marks on pages are boxes with their page."""
    rows = sample("text_audio_pdf.json")
    text, sound, pdf = (by_task(read["text_audio_pdf.json"], row) for row in rows)
    assert shapes(text) == {"text_span": 4, "classification": 2, "relation": 1}
    assert sound.annotations[0].shape == TimeSpan(2.05, 6.06)
    assert [one.attributes.get("page") for one in pdf.annotations] == [0, 1, None]
    assert text.attributes["context_data"]["text"].startswith("Dr. Aylin")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_lost(read: dict[str, list[Entry]], name: str) -> None:
    """Every tool, and every answer and relation that says something, is in the record of an annotation."""
    for row in sample(name):
        entries = [one for one in read[name] if one.id.partition("/")[0] == row["task"]["taskId"]]
        records = json.dumps([one.record for entry in entries for one in entry.annotations])
        for key in ("tools", "classifications", "relations"):
            for one in row["task"][key]:
                if key != "classifications" or one.get("answer") not in (None, []):
                    assert json.dumps(one["objectId"]) in records
