"""Scenes with known truth: the same seed and index always give the same scene.

What a scene holds follows from its index in a fixed rhythm (``SPECIALS``, ``is_negative``), so that even a small
sandbox shows every kind of shape; where and how large things are comes from the seed.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from blocks.sandbox.picture import encode, paint
from blocks.sandbox.shapes import CATEGORIES, Box, Circle, Colour, Ellipse, Line, Mask, Polygon, SceneObject, Shape

FEWEST_OBJECTS, MOST_OBJECTS = 3, 6
NEGATIVE_EVERY = 10
SPECIALS = ("box", "rotated box", "overhanging box", "mask", "line", "polygon", "circle", "ellipse")
SKIES: dict[str, tuple[Colour, Colour]] = {
    "day": ((176, 206, 235), (110, 112, 104)),
    "night": ((18, 22, 46), (52, 50, 58)),
}


@dataclass(frozen=True, slots=True)
class Scene:
    """An image of ``width`` x ``height`` pixels, its objects from back to front, and the label of the whole.

    ``time_of_day`` is ``day`` or ``night``, or None where nobody labelled anything: a reviewed negative.
    """

    width: int
    height: int
    background: tuple[Colour, Colour]
    objects: tuple[SceneObject, ...]
    time_of_day: str | None

    def picture(self) -> Image.Image:
        return paint((self.width, self.height), self.background, self.objects)

    def jpeg(self) -> bytes:
        return encode(self.picture(), "jpeg")


def is_negative(index: int) -> bool:
    """Whether the scene is one of those without any object."""
    return index % NEGATIVE_EVERY == NEGATIVE_EVERY // 2 + 1


def count_objects(seed: int, index: int) -> int:
    """How many objects ``draw_scene`` will give, for a hundredth of its cost."""
    return _open_scene(seed, index)[1]


def draw_scene(seed: int, index: int) -> Scene:
    rng, count = _open_scene(seed, index)
    width, height = rng.randint(240, 400), rng.randint(180, 300)
    time_of_day = rng.choice(("day", "night"))
    common = rng.choices(("box", "polygon", "mask"), weights=(5, 3, 2), k=count)
    kinds = [SPECIALS[index % len(SPECIALS)], *common][:count]
    unmasked = list(CATEGORIES)  # platforms keep one mask a category and image
    rng.shuffle(unmasked)
    objects = []
    for kind in kinds:
        drawn = "box" if kind == "mask" and not unmasked else kind
        category = unmasked.pop() if drawn == "mask" else rng.choice(tuple(CATEGORIES))
        shape = SHAPES[drawn](rng, width, height)
        objects.append(SceneObject(category, shape, _describe(rng, shape, width, height)))
    return Scene(width, height, SKIES[time_of_day], tuple(objects), time_of_day if count else None)


def draw_crowd(seed: int, index: int, count: int) -> Scene:
    """A scene of exactly ``count`` boxes and no label of the whole: cheap, whatever the number."""
    rng = random.Random(f"{seed}:crowd:{index}")
    width, height = rng.randint(240, 400), rng.randint(180, 300)
    categories = tuple(CATEGORIES)
    boxes = [SceneObject(rng.choice(categories), _box(rng, width, height), {"occluded": False}) for _ in range(count)]
    return Scene(width, height, SKIES["day"], tuple(boxes), None)


def _open_scene(seed: int, index: int) -> tuple[random.Random, int]:
    rng = random.Random(f"{seed}:{index}")
    return rng, 0 if is_negative(index) else rng.randint(FEWEST_OBJECTS, MOST_OBJECTS)


def _box(rng: random.Random, width: int, height: int) -> Box:
    across, down = rng.randint(16, width // 3), rng.randint(16, height // 3)
    return Box(rng.randint(0, width - across), rng.randint(0, height - down), across, down)


def _overhanging_box(rng: random.Random, width: int, height: int) -> Box:
    """Sticks out over the left or the right border, by less than half of its width."""
    across, down = rng.randint(24, width // 3), rng.randint(16, height // 3)
    beyond = rng.randint(4, across // 2 - 1)
    left = rng.choice((-beyond, width - across + beyond))
    return Box(left, rng.randint(0, height - down), across, down)


def _rotated_box(rng: random.Random, width: int, height: int) -> Box:
    """Turned by 5 to 355 degrees, and inside the image at every angle."""
    across, down = rng.randint(30, width // 3), rng.randint(16, height // 4)
    reach = math.ceil(math.hypot(across, down) / 2)
    left = rng.randint(reach, width - reach) - across // 2
    top = rng.randint(reach, height - reach) - down // 2
    return Box(left, top, across, down, angle=math.radians(rng.randint(5, 355)))


def _polygon(rng: random.Random, width: int, height: int) -> Polygon:
    """Vertices in the order of their angle about a centre, less than half a turn apart: that never crosses itself.

    The radii are large enough that rounding to whole pixels keeps the order.
    """
    count, reach = rng.randint(3, 8), rng.randint(20, height // 4)
    cx, cy = rng.randint(reach, width - reach), rng.randint(reach, height - reach)
    points = []
    for vertex in range(count):
        angle = (vertex + rng.uniform(0.3, 0.7)) * 2 * math.pi / count
        radius = rng.uniform(0.6, 1) * reach
        points.append((round(cx + radius * math.cos(angle)), round(cy + radius * math.sin(angle))))
    return Polygon(tuple(points))


def _mask(rng: random.Random, width: int, height: int) -> Mask:
    """A disc, or a blob of up to three; a pixel is painted where its centre is inside."""
    reach = rng.randint(12, height // 6)
    cx, cy = rng.randint(2 * reach, width - 2 * reach), rng.randint(2 * reach, height - 2 * reach)
    rows, columns = np.ogrid[0.5 : height + 0.5, 0.5 : width + 0.5]
    pixels = np.zeros((height, width), dtype=np.bool_)
    for _ in range(rng.randint(1, 3)):
        pixels |= (columns - cx) ** 2 + (rows - cy) ** 2 < reach**2
        cx, cy = cx + rng.randint(-reach, reach) // 2, cy + rng.randint(-reach, reach) // 2
    return Mask(pixels)


def _line(rng: random.Random, width: int, height: int) -> Line:
    """From the left half to the right half."""
    half = width // 2
    return Line((rng.randint(0, half), rng.randint(0, height)), (rng.randint(half + 10, width), rng.randint(0, height)))


def _circle(rng: random.Random, width: int, height: int) -> Circle:
    radius = rng.randint(10, height // 6)
    return Circle(rng.randint(radius, width - radius), rng.randint(radius, height - radius), radius)


def _ellipse(rng: random.Random, width: int, height: int) -> Ellipse:
    rx, ry = rng.randint(24, height // 5), rng.randint(10, 20)
    angle = math.radians(rng.randint(0, 359))
    return Ellipse(rng.randint(rx, width - rx), rng.randint(rx, height - rx), rx, ry, angle)


SHAPES: dict[str, Callable[[random.Random, int, int], Shape]] = {
    "box": _box,
    "overhanging box": _overhanging_box,
    "rotated box": _rotated_box,
    "polygon": _polygon,
    "mask": _mask,
    "line": _line,
    "circle": _circle,
    "ellipse": _ellipse,
}


def _describe(rng: random.Random, shape: Shape, width: int, height: int) -> dict[str, Any]:
    """Values for the properties that boxes have; other shapes have none."""
    if not isinstance(shape, Box):
        return {}
    described: dict[str, Any] = {"occluded": rng.random() < 0.25}
    if not 0 <= shape.left <= width - shape.width or not 0 <= shape.top <= height - shape.height:
        beyond = max(-shape.left, shape.left + shape.width - width)
        described["truncation"] = round(beyond / shape.width * 20) * 5  # per cent, in steps of five
    if rng.random() < 0.5:
        described["colour"] = rng.choice(("red", "blue"))
    if rng.random() < 0.3:
        described["tags"] = rng.sample(("night", "rain"), k=rng.randint(1, 2))
    return described
