"""The palette PNGs of Pascal VOC, and the list of their classes and colours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from exporters.arrays import np
from exporters.classes import ExportClass
from exporters.errors import SkippableError
from exporters.formats.labels import class_labels
from exporters.formats.mask_images import MOST_PIXELS
from exporters.item import Item, Placed
from exporters.model import Box, Polygon
from exporters.pictures import painting

IGNORED = 255
MOST = 254
"""Classes, and objects of a picture: 0 is background, 255 ignored."""


def paint(item: Item, objects: Sequence[Placed], change: Callable[[str], None]) -> dict[str, bytes]:
    """The two PNGs of a picture by their folders; `change` is told of each object that is not wholly in them.

    Raises:
        SkippableError: the picture is too large to be painted in memory.
    """
    width, height = item.size or (0, 0)
    if width * height > MOST_PIXELS:
        raise SkippableError(item.entry.id, "its picture is too large to be painted in memory")
    classes, instances = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    areas: dict[int, int] = {}
    for place, one in enumerate(objects, 1):
        assert one.category is not None
        if isinstance(one.shape, Box):
            change("its box is not in the masks of its picture")
            continue
        if isinstance(one.shape, Polygon):
            change("its outline was painted as whole pixels")
        painted = painting.pixels(one.shape, width, height)
        classes[painted] = IGNORED if one.annotation.is_crowd else one.category.number
        instances[painted] = IGNORED if one.annotation.is_crowd else place
        if not one.annotation.is_crowd:
            areas[place] = int(painted.sum())
    seen = np.bincount(instances.ravel(), minlength=IGNORED + 1)
    for place, area in areas.items():
        if area == 0:
            change("it covers the centre of no pixel: only its box is written")
        elif seen[place] == 0:
            change("others cover all of it: only its box is written")
        elif seen[place] < area:
            change("partly covered by another annotation")
    return {
        "SegmentationClass": painting.indexed_png(classes),
        "SegmentationObject": painting.indexed_png(instances),
    }


def labelmap(classes: Sequence[ExportClass]) -> str:
    labels = class_labels(classes)
    return "".join(_lines([("background", 0), *((labels[one.id], one.number) for one in classes)]))


def _lines(numbered: Iterable[tuple[str, int]]) -> Iterator[str]:
    for name, number in numbered:
        color = ",".join(map(str, painting.color(number))) if number < IGNORED else ""
        yield f"{name.replace(':', '~3a').replace('#', '~23')}:{color}::\n"
