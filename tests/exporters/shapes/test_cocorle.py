"""What `exporters.shapes.cocorle` promises: the very text that COCO's own library writes, and its inverse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from exporters.errors import FatalError
from exporters.shapes import cocorle, masks
from tests import strategies

if TYPE_CHECKING:
    from exporters.shapes.masks import Pixels

RUNS = st.lists(st.one_of(st.integers(0, 40), st.integers(0, 5_000_000)), max_size=12)


@given(strategies.pixels(max_side=40))
def test_text_is_the_one_pycocotools_writes(pixels: Pixels) -> None:
    """The text of a mask equals, byte for byte, what COCO's own library makes of its pixels."""
    theirs = coco_mask.encode(pixels.astype("uint8", order="F"))["counts"]
    assert cocorle.compress(masks.from_pixels(pixels).counts) == theirs.decode("ascii")


@given(RUNS)
def test_long_runs_are_written_as_pycocotools_writes_them(runs: list[int]) -> None:
    """Runs of millions of pixels, growing or shrinking, take the same text as in COCO's own library."""
    theirs = coco_mask.frPyObjects({"size": [1, sum(runs)], "counts": runs}, 1, sum(runs))["counts"]
    assert cocorle.compress(runs) == theirs.decode("ascii")


@given(st.lists(st.integers(0, 2**40), max_size=12))
def test_reading_inverts_writing(runs: list[int]) -> None:
    """Run lengths of any size come back from their text."""
    assert cocorle.decompress(cocorle.compress(runs)) == tuple(runs)


def test_text_cut_short_is_refused() -> None:
    """A text that ends within a run is refused with a sentence that shows it."""
    whole = cocorle.compress([1000, 2000])
    with pytest.raises(FatalError, match="end in the middle of a run"):
        cocorle.decompress(whole[:-1])


def test_text_is_ascii_without_quotes_or_backslash_trouble() -> None:
    """The text is plain ASCII from 0 to o, fit for JSON."""
    text = cocorle.compress([0, 1, 31, 32, 1023, 1024, 5, 99999])
    assert all("0" <= character <= "o" for character in text)
