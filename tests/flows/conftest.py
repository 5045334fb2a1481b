"""What the tests of the flow ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks.idah import IdahSource
from blocks.sandbox.idah import DEMO_API_KEY, IdahSandbox
from tests.flows.harness import Exports, Platform


@pytest.fixture
def exports(tmp_path: Path, prefect_api: None) -> Exports:
    return Exports(tmp_path)


@pytest.fixture
def platform() -> Iterator[Platform]:
    """A platform of 24 entries with every kind of shape."""
    sandbox = IdahSandbox(entries=24, seed=7)
    with sandbox.serve() as url:
        yield Platform(sandbox, IdahSource(url=url, api_key=SecretStr(DEMO_API_KEY)))
