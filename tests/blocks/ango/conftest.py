"""Hubs to test against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from blocks import http
from tests.blocks.ango.hub import Hub, serving


@pytest.fixture(scope="module")
def gallery() -> Iterator[Hub]:
    """For tests that only read: every kind of tool in three projects."""
    with serving(16) as hub:
        yield hub


@pytest.fixture
def hub() -> Iterator[Hub]:
    """For tests that change the hub or count what it is asked."""
    with serving(6) as hub:
        yield hub


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries are the product's, their waits are not the tests'."""
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.02)
