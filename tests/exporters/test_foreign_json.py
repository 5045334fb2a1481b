"""Depth is known before anything is parsed, exactly, however a document comes in pieces."""

from __future__ import annotations

import io
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.foreign_json import MOST_LEVELS, Levels, Shallow, TooDeepError, check_levels

TEXTS = st.text(st.sampled_from('[{]}"\\/né\n\ud800'), max_size=8)
DOCUMENTS = st.recursive(
    TEXTS | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, dict | list) + max(map(depth, inner), default=0)


def is_refused(pieces: list[bytes]) -> bool:
    levels = Levels()
    try:
        for piece in pieces:
            levels.feed(piece)
    except TooDeepError:
        return True
    return False


@given(DOCUMENTS, st.integers(MOST_LEVELS - 12, MOST_LEVELS + 2), st.booleans(), st.lists(st.integers(0, 700)))
def test_the_levels_of_any_document_are_counted(document: Any, around: int, is_list: bool, cuts: list[int]) -> None:
    """A document is refused when it has more than so many levels, and only then; wherever it is cut, and whatever is
    in its texts.
    """
    begin, end = (b"[", b"]") if is_list else (b'{"a]":', b"}")
    data = b'["\\\\",' + begin * around + json.dumps(document).encode() + end * around + b"]"
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    pieces = [data[at:to] for at, to in pairwise(places)]
    assert is_refused(pieces) == (1 + around + depth(document) > MOST_LEVELS)


@pytest.mark.parametrize("size", [1, 1 << 16])
def test_a_file_ends_where_it_is_too_deep(size: int) -> None:
    """A parser that reads a file is stopped before it has gone deeper; a shallow one is read as it is."""
    shallow = Shallow(io.BytesIO(b'[{"a": "[[["}]'))
    assert b"".join(iter(lambda: shallow.read(size), b"")) == b'[{"a": "[[["}]'
    deep = Shallow(io.BytesIO(b"[" * 100_000))
    with pytest.raises(TooDeepError, match="200 levels"):
        list(iter(lambda: deep.read(size), b""))


def test_a_document_is_looked_at_as_a_whole() -> None:
    """What opens at its beginning counts at its end."""
    check_levels(b'["' + b"x" * 100_000 + b'",' + b"[" * 199 + b"]" * 200)
    with pytest.raises(TooDeepError):
        check_levels(b'["' + b"x" * 100_000 + b'",' + b"[" * 200 + b"]" * 201)
