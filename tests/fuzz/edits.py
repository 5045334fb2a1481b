"""An edit of a document: a few numbers, so that Hypothesis makes small what fails."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st


class Edit(NamedTuple):
    """`file` and `kind` of breaking are chosen by remainders; `at` is a share of the file in 65536ths."""

    file: int
    kind: int
    at: int
    what: int


_NUMBERS = st.integers(0, (1 << 16) - 1)
EDITS = st.lists(st.builds(Edit, st.integers(0, 15), st.integers(0, 31), _NUMBERS, _NUMBERS), min_size=1, max_size=3)
