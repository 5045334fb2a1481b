"""What `masks` promises: run lengths down the columns, pixels, and outlines painted at pixel centres."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from exporters.model import Box, Mask, Part, Point, Polygon
from exporters.shapes import masks
from tests import strategies
from tests.fakes.datasets import BLOB, HEIGHT, PAIR, RING, SQUARE, WIDTH

if TYPE_CHECKING:
    from exporters.shapes.masks import Pixels

# pycocotools 2.0.11 hands numpy 2 arrays of its own that lack the `copy` argument.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@given(strategies.pixels())
def test_pixels_come_back(pixels: Pixels) -> None:
    """Pixels turned into run lengths and back are the same pixels."""
    assert (masks.to_pixels(masks.from_pixels(pixels)) == pixels).all()


@given(strategies.pixels())
def test_run_lengths_are_sound_and_short(pixels: Pixels) -> None:
    """Runs add up to the picture, and none but the first is empty."""
    mask = masks.from_pixels(pixels)
    assert masks.is_sound(mask)
    assert sum(mask.counts) == pixels.size
    assert 0 not in mask.counts[1:]


def test_runs_go_down_the_columns_and_begin_with_zeros() -> None:
    """The first run counts zeros, also when there are none; the second column follows the first."""
    pixels = np.array([[True, False, False], [True, False, True]])
    assert masks.from_pixels(pixels) == Mask(3, 2, (0, 2, 3, 1))


@given(strategies.pixels())
def test_pycocotools_reads_the_same_pixels(pixels: Pixels) -> None:
    """COCO's own mask library reads the pixels, the area and the box from our run lengths."""
    mask = masks.from_pixels(pixels)
    size = (mask.height, mask.width)
    encoded = coco_mask.frPyObjects({"size": list(size), "counts": list(mask.counts)}, *size)
    assert (coco_mask.decode(encoded).astype(bool) == pixels).all()
    assert coco_mask.area(encoded) == masks.area(mask)
    bounds = masks.bounds(mask)
    if bounds is not None:
        assert coco_mask.toBbox(encoded).tolist() == [bounds.left, bounds.top, bounds.width, bounds.height]


@given(strategies.pixels(), st.data())
def test_empty_runs_do_not_matter(pixels: Pixels, data: st.DataObject) -> None:
    """A mask whose runs are cut by empty ones has the same pixels, bounds and area."""
    mask = masks.from_pixels(pixels)
    at = data.draw(st.integers(0, len(mask.counts) - 1))
    cut = data.draw(st.integers(0, mask.counts[at]))
    counts = (*mask.counts[:at], cut, 0, mask.counts[at] - cut, *mask.counts[at + 1 :])
    padded = Mask(mask.width, mask.height, counts)
    assert (masks.to_pixels(padded) == pixels).all()
    assert masks.bounds(padded) == masks.bounds(mask)
    assert masks.area(padded) == masks.area(mask)


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0)])
def test_mask_of_no_pixels_is_empty(shape: tuple[int, int]) -> None:
    """A raster of no extent is a mask without runs, and comes back."""
    mask = masks.from_pixels(np.zeros(shape, dtype=bool))
    assert mask.counts == ()
    assert masks.is_sound(mask)
    assert masks.to_pixels(mask).shape == shape
    assert masks.bounds(mask) is None


@pytest.mark.parametrize("counts", [(11,), (13,), (), (5, 5), (-1, 13), (14, -2)])
def test_runs_that_do_not_fit_are_found_out(counts: tuple[int, ...]) -> None:
    """Runs that do not add up to the picture, or are negative, are not sound."""
    assert not masks.is_sound(Mask(4, 3, counts))


def test_bounds_of_a_run_over_a_column_end() -> None:
    """A run from the foot of one column to the head of the next makes the bounds as high as the picture."""
    pixels = np.zeros((5, 6), dtype=bool)
    pixels[4, 2] = pixels[0, 3] = True
    assert masks.bounds(masks.from_pixels(pixels)) == Box(2, 0, 2, 5)


def test_known_mask() -> None:
    """A mask written by hand has the bounds and the area that it was drawn with."""
    assert masks.is_sound(BLOB)
    assert masks.bounds(BLOB) == Box(5, 3, 2, 6)
    assert masks.area(BLOB) == 10


# -- painting ---------------------------------------------------------------------------------------------------------


def test_whole_square_covers_its_pixels() -> None:
    """A square along pixel borders from 10 to 20 covers pixels 10 to 19: half-open edges, an area of 100."""
    expected = np.zeros((HEIGHT, WIDTH), dtype=bool)
    expected[10:20, 10:20] = True
    assert (masks.rasterize(SQUARE.parts, WIDTH, HEIGHT) == expected).all()


def test_whole_picture_covers_every_pixel() -> None:
    """An outline along the picture's border covers all of it; one beyond it no more."""
    for reach in (0, 30):
        ring = ((-reach, -reach), (WIDTH + reach, -reach), (WIDTH + reach, HEIGHT + reach), (-reach, HEIGHT + reach))
        assert masks.rasterize([Part(ring)], WIDTH, HEIGHT).all()


def test_hole_is_not_painted() -> None:
    """The pixels of a hole are left out."""
    pixels = masks.rasterize(RING.parts, WIDTH, HEIGHT)
    assert pixels.sum() == 400 - 64
    assert not pixels[10:18, 10:18].any()


def test_parts_are_joined_by_union() -> None:
    """Pixels in several parts are painted once; a hole in one part does not reach into another."""
    inner = Part(((8.0, 8.0), (16.0, 8.0), (16.0, 16.0), (8.0, 16.0)))
    pixels = masks.rasterize((*RING.parts, inner), WIDTH, HEIGHT)
    assert pixels[8:16, 8:16].all()
    assert not pixels[16:18, 10:18].any()
    one, two = (masks.rasterize([part], WIDTH, HEIGHT) for part in PAIR.parts)
    assert (masks.rasterize(PAIR.parts, WIDTH, HEIGHT) == (one | two)).all()


def test_parts_outside_the_picture_paint_nothing() -> None:
    """Parts beside, above or far beyond the picture leave no pixel, and those across its border only what is inside."""
    for x, y in ((-50, 5), (WIDTH + 50, 5), (5, -50), (5, HEIGHT + 50), (1e9, 1e9)):
        assert not masks.rasterize([Part(((x, y), (x + 9, y), (x, y + 9)))], WIDTH, HEIGHT).any()
    corner = masks.rasterize([Part(((-5, -5), (3, -5), (3, 2), (-5, 2)))], WIDTH, HEIGHT)
    assert corner.sum() == 6
    assert corner[:2, :3].all()


def crossings(ring: tuple[Point, ...], x: float, y: float) -> int:
    """How often a ray to the right of a point meets a ring, one edge after the other."""
    count = 0
    for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
            count += 1
    return count


@given(strategies.polygons(12, 10, margin=4))
def test_painted_pixels_are_those_whose_centre_is_inside(polygon: Polygon) -> None:
    """A pixel is painted when a ray from its centre crosses the outline an odd number of times."""
    ring = polygon.parts[0].ring
    # A centre on an edge but for a rounding may go either way.
    assume(all(abs(y - row - 0.5) > 1e-9 for _, y in ring for row in range(10)))
    pixels = masks.rasterize(polygon.parts, 12, 10)
    for row in range(10):
        for column in range(12):
            x, y = column + 0.5, row + 0.5
            near = [crossings(ring, x - 1e-9, y) % 2 == 1, crossings(ring, x + 1e-9, y) % 2 == 1]
            assert bool(pixels[row, column]) in near


@given(strategies.polygons())
def test_painted_pixels_agree_with_pycocotools(polygon: Polygon) -> None:
    """COCO's own library, which rounds outlines to fifths of a pixel, paints the same but for pixels at the edge."""
    ring = polygon.parts[0].ring
    flat = [[coordinate for point in ring for coordinate in point]]
    theirs = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(flat, HEIGHT, WIDTH))).astype(bool)
    ours = masks.rasterize(polygon.parts, WIDTH, HEIGHT)
    length = sum(np.hypot(*np.subtract(a, b)) for a, b in zip(ring, [*ring[1:], ring[0]], strict=True))
    assert (ours != theirs).sum() <= length + len(ring)
