"""Coordinates of the YOLO formats as text: shares of a picture's width and height."""

from __future__ import annotations

from exporters.item import Placed
from exporters.model import Box, RotatedBox
from exporters.shapes import geometry
from exporters.shapes.rings import Ring

TOLERANCE = 0.01
"""How far past 0 and 1 the centre and extent of an object may lie before readers leave its whole picture out."""

Size = tuple[int, int]
"""Width and height of the picture in pixels."""


def number(one: Placed) -> int:
    assert one.category is not None
    return one.category.number


def box(one: Placed, size: Size) -> str | None:
    """Class, centre, width and height; None where no extent is left of it."""
    box = one.box
    assert box is not None
    left, right = round(box.left * 1e6 / size[0]), round((box.left + box.width) * 1e6 / size[0])
    top, bottom = round(box.top * 1e6 / size[1]), round((box.top + box.height) * 1e6 / size[1])
    if left >= right or top >= bottom:
        return None
    center = f"{(left + right) / 2e6:.7f} {(top + bottom) / 2e6:.7f}"
    return f"{number(one)} {center} {(right - left) / 1e6:.6f} {(bottom - top) / 1e6:.6f}"


def points(ring: Ring, size: Size) -> str:
    width, height = size
    return " ".join([f"{x / width:.6f} {y / height:.6f}" for x, y in ring])


def upright_corners(box: Box) -> Ring:
    left, top, right, bottom = geometry.ltwh_to_ltrb(box)
    return (left, top), (right, top), (right, bottom), (left, bottom)


def is_refused(shape: RotatedBox, size: Size) -> bool:
    """Whether the box around it, which is what readers test, has its centre or extent too far past 0 or 1."""
    around = geometry.bounds(shape)
    assert around is not None
    center = (around.left + around.width / 2) / size[0], (around.top + around.height / 2) / size[1]
    extent = around.width / size[0], around.height / size[1]
    return min(center) < -TOLERANCE or max(*center, *extent) > 1 + TOLERANCE
