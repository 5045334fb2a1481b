"""Names that do not fit a column."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exporters.upd.naming import fitted

NAMES = st.text(max_size=90) | st.from_regex(r"\A.{0,31}~[0-9a-f]{32}\Z")


def test_what_fits_stands_as_it_is() -> None:
    """A name of the greatest length is not shortened."""
    assert fitted("x" * 64, 64) == "x" * 64
    assert fitted("", 64) == ""


def test_what_is_too_long_is_shortened_and_says_so() -> None:
    """The beginning is kept, and a digest stands for the rest."""
    made = fitted("x" * 65, 64)
    assert made.startswith("x" * 31 + "~")
    assert len(made) == 64


def test_an_empty_name_can_be_refused() -> None:
    """Where a name must have characters, an empty one gets some."""
    assert fitted("", 64, least=1).startswith("~")


@given(st.lists(NAMES, min_size=2, max_size=2, unique=True))
def test_different_names_stay_different(names: list[str]) -> None:
    """Also where one looks like what another is shortened to."""
    one, other = (fitted(name, 64) for name in names)
    assert one != other
    assert fitted(fitted(names[0], 64), 64) != one or one == names[0]


@given(NAMES, NAMES)
def test_scopes_tell_equal_names_apart(name: str, scope: str) -> None:
    """A name in a scope is unlike itself in another, and unlike the bare name."""
    made = {fitted(name, 64), fitted(name, 64, scope), fitted(name, 64, scope, 1)}
    assert len(made) == 3
    assert all(len(one) <= 64 for one in made)
