"""Shapes become the pixels whose centre they cover, and pixels become files that every machine writes alike."""

from __future__ import annotations

import hashlib
import io
import math
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from exporters.model import Box, Ellipse, Polyline, RotatedBox, Shape, Skeleton
from exporters.pictures import deflate, painting
from exporters.shapes import geometry, masks
from tests import strategies
from tests.fakes.datasets import BLOB, HEIGHT, PAIR, RING, SQUARE, WIDTH, one_of_each


def opened(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    image.load()
    return image


# -- pixels -----------------------------------------------------------------------------------------------------------


def centres_inside(box: Box) -> np.ndarray:
    """For each pixel whether its centre lies in the box."""
    left, top, right, bottom = geometry.ltwh_to_ltrb(box)
    x, y = np.arange(WIDTH) + 0.5, np.arange(HEIGHT)[:, np.newaxis] + 0.5
    return (x >= left) & (x < right) & (y >= top) & (y < bottom)


@given(strategies.boxes(margin=20))
def test_box_covers_the_centres_inside(box: Box) -> None:
    """A box covers the pixels whose centre lies in it, also where it reaches over the border."""
    assert (painting.pixels(box, WIDTH, HEIGHT) == centres_inside(box)).all()


@given(strategies.points(margin=10), st.floats(0.5, 30), st.floats(0.5, 30), strategies.ANGLES)
def test_ellipse_covers_the_centres_inside(
    centre: tuple[float, float], across: float, down: float, angle: float
) -> None:
    """An ellipse covers the pixels whose centre lies in it, whichever way it is turned."""
    painted = painting.pixels(Ellipse(*centre, across, down, angle), WIDTH, HEIGHT)
    for row in range(HEIGHT):
        for column in range(0, WIDTH, 5):
            turned = complex(column + 0.5 - centre[0], row + 0.5 - centre[1]) * complex(
                math.cos(angle), -math.sin(angle)
            )
            reach = math.hypot(turned.real / across, turned.imag / down)
            if abs(reach - 1) > 1e-9:
                assert painted[row, column] == (reach < 1)


def test_ellipse_of_the_whole_picture_touches_each_side() -> None:
    """No row or column at the border is lost to a rounding."""
    painted = painting.pixels(Ellipse(5.0, 5.0, 5.0, 5.0), 10, 10)
    assert painted[0].any()
    assert painted[-1].any()
    assert painted[:, 0].any()
    assert painted[:, -1].any()


def test_rotated_box_covers_its_corners_outline() -> None:
    """A box turned by a quarter covers what the upright box of swapped sides does."""
    turned = RotatedBox(30.0, 20.0, 12.0, 6.0, math.pi / 2)
    assert (painting.pixels(turned, WIDTH, HEIGHT) == painting.pixels(Box(27.0, 14.0, 6.0, 12.0), WIDTH, HEIGHT)).all()


def test_holes_and_parts() -> None:
    """Holes are left free, all parts are painted."""
    assert not painting.pixels(RING, WIDTH, HEIGHT)[14, 14]
    assert painting.pixels(RING, WIDTH, HEIGHT).sum() == 20 * 20 - 8 * 8
    assert painting.pixels(PAIR, WIDTH, HEIGHT)[15, 15]
    assert painting.pixels(PAIR, WIDTH, HEIGHT)[32, 35]


@pytest.mark.parametrize(
    ("shape", "area"),
    [(BLOB, 10), (Skeleton((), (), SQUARE), 100), (Skeleton(((1.0, 1.0),), (2,)), 0), (Box(5.6, 5.6, 0.3, 0.3), 0)],
)
def test_masks_skeletons_and_slivers(shape: Shape, area: int) -> None:
    """A mask is its pixels, a skeleton its outline if it has one; what lies between centres covers none."""
    assert painting.pixels(shape, WIDTH, HEIGHT).sum() == area


def test_lines_are_no_areas() -> None:
    """Shapes without an area are refused by name."""
    shape = one_of_each()["polyline"]
    assert isinstance(shape, Polyline)
    with pytest.raises(NotImplementedError, match="polyline"):
        painting.pixels(shape, WIDTH, HEIGHT)


# -- files ------------------------------------------------------------------------------------------------------------


def test_palette_is_that_of_voc() -> None:
    """Colours are those of Pascal VOC, the last one that of its border class."""
    assert [painting.color(number) for number in (0, 1, 2, 255)] == [
        (0, 0, 0),
        (128, 0, 0),
        (0, 128, 0),
        (224, 224, 192),
    ]
    assert len({painting.color(number) for number in range(256)}) == 256


@given(st.binary(max_size=600), st.integers(1, 700))
def test_any_bytes_decompress_to_what_they_were(data: bytes, repeats: int) -> None:
    """Zlib's own decompressor gives back any bytes, single ones and runs of any length."""
    long = bytes(byte for byte in data[:40] for _ in range(repeats))
    assert zlib.decompress(deflate.compress(data)) == data
    assert zlib.decompress(deflate.compress(long)) == long


@pytest.mark.parametrize("size", [0, 1, 258, 259, 260, 261, 262, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 1 << 20])
def test_runs_and_blocks_of_any_size_decompress(size: int) -> None:
    """Runs around the longest repetition and data around the size of a block come back whole."""
    data = bytes([200]) * size
    assert zlib.decompress(deflate.compress(data)) == data


def pictures(dtype: str) -> st.SearchStrategy[np.ndarray]:
    most = np.iinfo(dtype).max
    sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))
    return sizes.flatmap(
        lambda size: st.lists(st.integers(0, most), min_size=size[0] * size[1], max_size=size[0] * size[1]).map(
            lambda values: np.array(values, dtype).reshape(size)
        )
    )


@given(pictures("uint8"))
def test_indexed_png_has_the_values(values: np.ndarray) -> None:
    """Pillow reads the very values, as a picture with a palette."""
    image = opened(painting.indexed_png(values))
    assert image.mode == "P"
    assert (np.asarray(image) == values).all()
    assert bytes(image.getpalette() or ()) == painting.VOC_PALETTE


@given(pictures("uint8"), pictures("uint16"))
def test_grey_png_has_the_values(shallow: np.ndarray, deep: np.ndarray) -> None:
    """OpenCV and Pillow read the very values, 8 or 16 bits deep."""
    for values in (shallow, deep):
        png = painting.grey_png(values)
        read = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
        assert read.dtype == values.dtype
        assert (read == values).all()
        assert (np.asarray(opened(png)) == values).all()


def test_files_are_the_same_everywhere() -> None:
    """The bytes of a file are promised: no library's version shows in them."""
    values = masks.to_pixels(BLOB).astype(np.uint8) * 7
    digests = [
        hashlib.sha256(png).hexdigest()[:16] for png in (painting.indexed_png(values), painting.grey_png(values))
    ]
    assert digests == ["0ede0360a310a59f", "6b17bfa173dc6195"]


def test_files_are_small() -> None:
    """A megapixel with an object takes some kilobytes, not a megabyte."""
    values = painting.pixels(Ellipse(500.0, 500.0, 300.0, 200.0, 0.5), 1000, 1000).astype(np.uint8)
    assert len(painting.indexed_png(values)) < 15_000
