"""What `exporters.annotators` promises: whose work is taken, and that nobody is named who should not be."""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from exporters.annotators import EARLIER_WORK, OTHER_AUTHOR, OTHER_STAGE, select, without_authors
from exporters.model import Annotation, Box, encode
from exporters.options import RecordOptions
from tests.fakes.datasets import annotation, entry, picture

BOX = Box(1.0, 1.0, 5.0, 5.0)


def by(author: str | None, updated_at: str | None = None, **values: Any) -> Annotation:
    return annotation(f"{author}-{updated_at}", BOX, created_by=author, updated_at=updated_at, **values)


def out(*annotations: Annotation, **options: Any) -> dict[int, str]:
    return select(annotations, RecordOptions(**options))


def test_all_work_is_taken_by_default() -> None:
    """Unless something else is asked for, nobody's annotations are left out."""
    assert out(by("ada"), by("bob"), by(None)) == {}


def test_work_of_some_authors() -> None:
    """Only annotations of the people asked for are taken; those of nobody known are not theirs."""
    assert out(by("ada"), by("bob"), by(None), authors="ada") == {1: OTHER_AUTHOR, 2: OTHER_AUTHOR}


def test_work_of_some_stages() -> None:
    """Only annotations of the workflow stages asked for are taken."""
    annotations = by("ada", stage="Label"), by("ada", stage="Review"), by("ada")
    assert out(*annotations, stages=["Review"]) == {0: OTHER_STAGE, 2: OTHER_STAGE}


def test_latest_work() -> None:
    """Of several people's work on one entry, that of who worked last is taken, with all that this person did."""
    annotations = by("ada", "2026-01-01"), by("bob", "2026-01-03"), by("bob", "2026-01-01"), by("ada", "2026-01-02")
    assert out(*annotations, annotators="latest") == {0: EARLIER_WORK, 3: EARLIER_WORK}


def test_latest_work_of_one_person_is_all() -> None:
    """Where one person did everything, or nobody knows who, nothing is left out."""
    assert out(by("ada", "2026-01-01"), by("ada", "2026-01-02"), annotators="latest") == {}
    assert out(by(None, "2026-01-01"), by(None, "2026-01-02"), annotators="latest") == {}


def test_latest_of_those_asked_for() -> None:
    """Who worked last is asked among the authors asked for."""
    annotations = by("ada", "2026-01-01"), by("bob", "2026-01-02"), by("cleo", "2026-01-03")
    assert out(*annotations, authors="ada,bob", annotators="latest") == {0: EARLIER_WORK, 2: OTHER_AUTHOR}


def test_nobody_is_named_after_redaction() -> None:
    """Neither the annotations' authors nor the platform's records, which may name anyone, are left."""
    record = Raw(b'{"who":"ada@example.org"}')
    one = entry("e1", by("ada@example.org", raw=record), raw=record, medias=(picture("m", raw=record),))
    assert b"ada@example.org" in encode(one)
    redacted = without_authors(one)
    assert b"ada@example.org" not in encode(redacted).replace(b"ada@example.org-None", b"")
    assert redacted.annotations[0].shape == BOX
