"""Each refusal of the code, as it is raised, says what to do."""

from __future__ import annotations

from exporters.errors import RequestError, SkippableError
from tests.reference.messages import CURED_BY, LEFT_OUT, Refusal, refusals, refusals_in

NAMES = {"RequestError": RequestError, "SkippableError": SkippableError}


def uncured(found: list[Refusal]) -> list[str]:
    return [one.key for one in found if not one.cure and one.key not in CURED_BY]


def test_every_refusal_says_what_to_do() -> None:
    """What is refused comes with its cure: in its own words, or from where `CURED_BY` says; nothing else is named
    there.
    """
    found = list(refusals())
    assert len(found) > 500
    assert not uncured(found), "say what to do about it, behind a semicolon"
    assert set(CURED_BY) == {one.key for one in found if not one.cure} & set(CURED_BY), "no longer there, or cured"


def test_a_refusal_without_a_cure_is_found() -> None:
    """What the test above looks for is seen: in plain words, in words with gaps, in one of several, in a list."""
    source = """
def check(name, is_locked):
    raise RequestError("The key is locked.")
    raise RequestError(f"The key {name} is locked; {name}.")
    said = "is locked; give its passphrase" if is_locked else "is broken"
    raise RequestError(f"The key {said}.")
    problems.append(f"The key {name} is locked.")
    raise RequestError(str(name))
    raise RequestError(f"The OUTHAUL_... variables are {name}.")
    raise RequestError(f"The key {name} is locked; give its passphrase.")
    raise SkippableError(name, "its key is locked")
"""
    assert uncured(list(refusals_in(source, "here.py", NAMES))) == [
        "here.py: The key is locked.",
        "here.py: The key … is locked; ….",
        "here.py: The key is broken.",
        "here.py: The key … is locked.",
        "here.py: str(name)",
        "here.py: The OUTHAUL_... variables are ….",
    ]


def test_an_entry_that_is_refused_says_how_to_go_on_without() -> None:
    """The reasons of entries have no cure of their own; what the user is told when one stops the run has it."""
    refusal = SkippableError("e1", "its media is gone", "its media “a.png” is gone").refusal()
    assert str(refusal) == f"Entry e1 cannot be exported: its media “a.png” is gone; {LEFT_OUT}"
    assert LEFT_OUT == "leave such entries out with --on-error skip."
