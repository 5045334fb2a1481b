"""What is installed: few things, each for a reason, in a version that is known, under a licence that may be used."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.supply.audit import is_answer, judged
from tests.supply.declared import declared, pinned
from tests.supply.licences import EXCEPTIONS, installed_for_use, is_taken, licence_of, recorded

ROOT = Path(__file__).parent.parent
BROUGHT_BY_PYTHON = {"pip", "setuptools"}
"""What `python -m venv` puts there, in a version of its own."""


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_dependency_has_its_reason() -> None:
    """Beside it in pyproject.toml, or above, of five letters at least."""
    assert len(declared()) > 20
    assert [one.name for one in declared() if len(one.reason) < 5] == []


def test_every_dependency_is_pinned_within_its_range() -> None:
    """Also those of tests, of linting, and of what looks at the others."""
    groups = [one for group in project()["dependency-groups"].values() for one in group if isinstance(one, str)]
    wanted = [one.requirement for one in declared()] + [*map(Requirement, groups)]
    pins = pinned()
    wrong = [str(one) for one in wanted if not one.specifier.contains(pins.get(canonicalize_name(one.name), "0"))]
    assert wrong == []


def test_nothing_is_installed_that_nobody_named() -> None:
    """What lies in this environment is ourselves, and what constraints.txt names, in its version."""
    here = {canonicalize_name(one.name): one.version for one in metadata.distributions()}
    del here["outhaul"]
    pins = pinned()
    strange = {name: version for name, version in here.items() if pins.get(name) != version}
    assert strange.keys() <= BROUGHT_BY_PYTHON, f"not of constraints.txt: {strange}; see `make clean`"


def test_the_record_of_licences_is_what_packages_say() -> None:
    """Of each that an installation consists of, as far as it is installed here; what is recorded is pinned."""
    record, here = recorded(), installed_for_use()
    assert len(here) > 100
    said = {name: licence_of(found) for name, found in here.items()}
    assert said == {name: record.get(name) for name in said}, "run `python -m tests.supply.licences` and look at it"
    assert {one.name for one in declared()} <= record.keys() <= pinned().keys()


def test_every_licence_may_be_used() -> None:
    """All that is brought along is permissive, or an exception with a reason; no exception is needless."""
    record = recorded()
    assert {name: one for name, one in record.items() if not one or not is_taken(name, one)} == {}
    assert EXCEPTIONS.keys() <= record.keys()
    assert not is_taken("new", "GPL-3.0-only")
    assert not is_taken("new", "MIT AND GPL-3.0-only")
    assert not is_taken("new", "")
    assert is_taken("new", "MIT OR (Apache-2.0 AND BSD-3-Clause)")
    assert [name for name in EXCEPTIONS if is_taken("new", record[name])] == []


KNOWN = {"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]}
SOUND = {"name": "b", "version": "1", "vulns": []}
UNKNOWN = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("answered", "status", "said"),
    [
        ("no connection", 0, "nobody could be asked about vulnerabilities (no connection)"),
        ({"dependencies": [UNKNOWN]}, 0, "nobody could be asked about vulnerabilities"),
        ({"dependencies": []}, 0, "nobody could be asked about vulnerabilities"),
        ({"dependencies": [SOUND, UNKNOWN]}, 0, "1 packages are known, 1 are not; 0 vulnerabilities are"),
        ({"dependencies": [KNOWN, SOUND]}, 1, "a 1: X-1, mended in 2\nmake audit: 2 packages are known"),
    ],
)
def test_an_audit_says_what_it_could_not_ask(answered: Any, status: int, said: str) -> None:
    """Without a service it says so in a line and is no fault; a vulnerability is one, and is named."""
    found, text = judged(answered)
    assert (found, said in text) == (status, True)
    assert is_answer(answered) == ("nobody" not in said)


def test_an_installation_needs_no_tool_of_ours() -> None:
    """What tests, checks and looks at the others is not brought along by what is used."""
    groups = project()["dependency-groups"]
    tools = {canonicalize_name(Requirement(one).name) for name in ("lint", "audit", "install") for one in groups[name]}
    tools |= {"pytest", "hypothesis", "playwright"}
    assert not tools & installed_for_use().keys()
    assert not tools & recorded().keys()
