from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from blocks.chunks import lines_of


@given(st.lists(st.text("ab\n", max_size=6).map(str.encode), max_size=12))
def test_lines_are_the_same_however_they_are_cut(chunks: list[bytes]) -> None:
    """What follows the last end of a line is none."""
    assert list(lines_of(chunks)) == b"".join(chunks).split(b"\n")[:-1]


def test_a_line_of_many_chunks_takes_no_longer_than_many_lines() -> None:
    """Put together once: with each of its chunks copied again, this would take hours."""
    chunk = bytes(1 << 10)
    (line,) = lines_of([*[chunk] * (1 << 17), b"\n"])
    assert len(line) == 1 << 27
