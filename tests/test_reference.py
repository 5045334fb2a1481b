"""The reference in `deployments/reference/` says what the code says now."""

from __future__ import annotations

from itertools import pairwise

import pytest

from exporters import BUILTIN
from flows.cli import COMMANDS
from tests.reference import scaling
from tests.reference.pages import FOLDER, PAGES, pages


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return pages()


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_is_what_the_code_says(name: str, made: dict[str, str]) -> None:
    """Each page is, to the letter, what is made of the code."""
    written = (FOLDER / name).read_text() if (FOLDER / name).exists() else ""
    assert written == made[name], f"{name} is of an earlier state; run `python -m tests.reference` and look at it"


def test_there_is_no_other_page() -> None:
    """Nothing lies there that is not made."""
    assert {path.name for path in FOLDER.iterdir()} == set(PAGES)


def test_nothing_is_left_out(made: dict[str, str]) -> None:
    """Every format with all its options and every command has its place."""
    for exporter in BUILTIN:
        assert f"\n## {exporter.name}\n" in made["formats.md"]
        assert all(f"\n| `{option}` | " in made["formats.md"] for option in exporter.options.model_fields)
    assert all(f"\n## outhaul {command}\n" in made["cli.md"] for command in COMMANDS)


def test_secrets_are_called_so(made: dict[str, str]) -> None:
    """Fields that Prefect encrypts are told from the others."""
    for line in ("| `api_key` | secret |", "| `options` | secret JSON object |", "| `private_key` | secret |"):
        assert line in made["blocks.md"]
    assert "| `email` | text |" in made["blocks.md"]


def test_the_guide_reckons_as_the_code_does() -> None:
    """What exports of a billion annotations would cost is what the model of costs says, and it grows as it should."""
    text = scaling.GUIDE.read_text()
    assert scaling.written(text) == text, "the table is of an earlier state; run `python -m tests.reference`"
    costs = [scaling.cost(*size) for size in scaling.SIZES]
    assert costs[-1].annotations == 10**9
    assert costs[-1].files == 10**8
    assert all(before.task_runs <= after.task_runs < 100 for before, after in pairwise(costs))
    assert costs[-1].flow_megabytes < 10_000
