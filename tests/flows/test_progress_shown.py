"""What the page of a run shows while it lasts: how far each step is, and a log that reads like a story."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import progress_shown
from flows.progress_shown import Steps, shown
from tests.flows.harness import Exports, Platform, newest_artifacts

SHARDS = 12


def test_steps_say_how_far_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """By entries and bytes, with their rate and what remains; what is tried again makes no step more than done."""
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    steps = Steps(takes_media=True)
    assert (steps.percent(), steps.lines(100.0)) == (0.0, [])
    steps.expect("fetch", 1000)
    steps.advance("fetch", 500)
    assert steps.lines(110.0) == ["fetch: 500 of 1,000 entries, 50 a second, 10 s left"]
    assert steps.percent() == 12.5, "a half of one of four steps"
    steps.expect("media", 4)
    steps.advance("media", 4, 0)
    assert steps.percent() == 25.0, "the files of half of the entries are half of the files"
    steps.advance("fetch", 600)
    steps.expect("media", 12)
    steps.advance("media", 0, 2_000_000)
    steps.expect("deliver", 8_000_000)
    steps.advance("deliver", 2_000_000, 2_000_000)
    assert steps.lines(200.0) == [
        "fetch: 1,000 of 1,000 entries, done",
        "media: 4 of 16 files, 2.0 MB, 20.0 kB a second, 5 min left",
        "deliver: 2.0 MB of 8.0 MB, 20.0 kB a second, 5 min left",
    ]
    assert steps.percent() == 37.5


def test_a_run_without_media_has_three_steps() -> None:
    """Each counts a third; a run that ended well was all there was to do."""
    steps = Steps(takes_media=False)
    steps.expect("fetch", 2)
    steps.advance("fetch", 2)
    assert steps.percent() == 33.3
    steps.end()
    assert steps.percent() == 100.0, "what was known already, no step had to count"


def test_a_run_tells_a_story(
    exports: Exports, platform: Platform, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sentence a step with its counts, no line for a task that went well; its name says what goes where, and its
    progress artifact ends at 100 %.
    """
    monkeypatch.setattr(progress_shown, "INTERVAL_SECONDS", 0.02)
    caplog.set_level(logging.INFO)
    exports.run(platform.source, shard_entries=24 // SHARDS, exporter={"image": {"format": "yolo"}}, name="street")
    said = [record.getMessage() for record in caplog.records if record.name.startswith("prefect.")]
    assert any("'idah → yolo'" in line for line in said)
    assert not [line for line in said if line.startswith("Finished in state Completed")][1:], "the run's own alone"
    story = [line for line in said if line.startswith(("Exporting", "Fetched", "Media", "Converted", "Delivered"))]
    assert [line.split()[0] for line in story] == ["Exporting", "Fetched", "Media:", "Converted", "Delivered"]
    assert story[0].startswith("Exporting 24 entries of 1 dataset as yolo, in ")
    assert story[2].endswith("24 files downloaded.")
    (shown_progress,) = [one for one in newest_artifacts() if one.key == "export-progress"][:1]
    assert shown_progress.data == 100.0
    assert "- fetch: 24 of 24 entries, done" in (shown_progress.description or "")

    caplog.clear()
    exports.run(platform.source, shard_entries=24 // SHARDS, exporter="yolo", name="street")
    assert "Nothing moved: this export is already at" in caplog.text


def test_progress_that_cannot_be_shown_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a few attempts, with one line of the log, and nothing of it is heard by the export."""
    calls: list[float] = []

    def refuse(percent: float, **_: Any) -> None:
        calls.append(percent)
        raise OSError("no route")

    monkeypatch.setattr(progress_shown, "INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(progress_shown, "create_progress_artifact", refuse)
    monkeypatch.setattr(progress_shown, "get_run_logger", lambda: logging.getLogger("run"))
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9"}), shown(takes_media=False):
        progress_shown.progress.expect("fetch", 100)
        for _ in range(20):
            progress_shown.progress.advance("fetch", 1)
            time.sleep(0.02)
    assert len(calls) == progress_shown.MOST_FAILURES


def test_nobody_looks() -> None:
    """Where no server stands, nothing listens: every entry costs a look at an empty list."""
    with temporary_settings({PREFECT_API_URL: None}), shown(takes_media=True):
        assert progress_shown.progress._listeners == []
