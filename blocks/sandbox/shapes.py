"""What can lie on a scene, in pixels: the truth that an export is compared with.

Everywhere: x right, y down, the origin at the top-left *corner* of the top-left pixel, so an image of W x H pixels
spans 0..W and 0..H. Boxes are half-open edges. Angles are radians, clockwise on the screen, about the shape's centre.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Category:
    """One class of the ontology; ``id`` is a path such as ``vehicles/car``, ``parent`` what precedes its last slash."""

    id: str
    label: str
    colour: Colour
    text_colour: Colour = (255, 255, 255)

    @property
    def parent(self) -> str | None:
        return self.id.rpartition("/")[0] or None


CATEGORIES: Mapping[str, Category] = {
    category.id: category
    for category in (
        Category("vehicles/car", "Car", (0xF6, 0x40, 0x2B)),
        Category("vehicles/bus", "Bus", (0x3C, 0x4D, 0xB7)),
        Category("person", "Person", (0x00, 0x96, 0x87), text_colour=(0, 0, 0)),
    )
}


@dataclass(frozen=True, slots=True)
class Box:
    """A box before its rotation; edges are whole pixels and may lie outside the image."""

    left: int
    top: int
    width: int
    height: int
    angle: float = 0.0

    @property
    def corners(self) -> tuple[Point, Point, Point, Point]:
        """Top-left, top-right, bottom-right, bottom-left, not rotated."""
        right, bottom = self.left + self.width, self.top + self.height
        return (self.left, self.top), (right, self.top), (right, bottom), (self.left, bottom)

    def outline(self) -> list[Point]:
        """The four corners as seen on the screen: turned by ``angle``."""
        centre = (self.left + self.width / 2, self.top + self.height / 2)
        return [turn(corner, centre, self.angle) for corner in self.corners]


@dataclass(frozen=True, slots=True)
class Polygon:
    """A simple polygon of 3 to 8 vertices on whole pixels; the first vertex is not repeated."""

    points: tuple[tuple[int, int], ...]

    def outline(self) -> list[Point]:
        return list(self.points)


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """Painted pixels: booleans of shape (H, W), row 0 at the top."""

    pixels: NDArray[np.bool_]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mask) and np.array_equal(self.pixels, other.pixels)

    def __hash__(self) -> int:
        return hash(self.pixels.tobytes())


@dataclass(frozen=True, slots=True)
class Line:
    start: tuple[int, int]
    end: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Ellipse:
    """``rx`` and ``ry`` are the radii along x and y before the rotation."""

    cx: float
    cy: float
    rx: float
    ry: float
    angle: float = 0.0

    def outline(self, corners: int = 48) -> list[Point]:
        """A polygon inside the ellipse, fine enough to draw."""
        steps = [2 * math.pi * step / corners for step in range(corners)]
        around = [(self.cx + self.rx * math.cos(step), self.cy + self.ry * math.sin(step)) for step in steps]
        return [turn(point, (self.cx, self.cy), self.angle) for point in around]


@dataclass(frozen=True, slots=True)
class Circle:
    cx: float
    cy: float
    radius: float

    def outline(self) -> list[Point]:
        return Ellipse(self.cx, self.cy, self.radius, self.radius).outline()


Shape = Box | Polygon | Mask | Line | Circle | Ellipse


@dataclass(frozen=True, slots=True)
class SceneObject:
    """One labelled thing: ``category`` is a key of ``CATEGORIES``, ``attributes`` maps property ids to JSON values."""

    category: str
    shape: Shape
    attributes: Mapping[str, Any] = field(default_factory=dict)


def turn(point: Point, centre: Point, angle: float) -> Point:
    """Rotates ``point`` about ``centre``: positive angles turn clockwise on the screen, since y points down."""
    dx, dy = point[0] - centre[0], point[1] - centre[1]
    cos, sin = math.cos(angle), math.sin(angle)
    return centre[0] + dx * cos - dy * sin, centre[1] + dx * sin + dy * cos
