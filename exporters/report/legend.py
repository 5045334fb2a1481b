"""The classes that a report speaks of, each with a name and a colour of its own."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from exporters.classes import ExportClass
from exporters.model import Category

RGB = tuple[int, int, int]

NO_CLASS = ""
"""The key of what has none."""
GREY: RGB = (120, 126, 135)
_TURN = 0.61803398875
"""Of the colour circle, from one class to the next: neighbours differ, and none is met again soon."""
_HEX = re.compile(r"#?([0-9a-fA-F]{6})")


class LegendClass(NamedTuple):
    """A class; `keypoints` are joined along `skeleton`, by index."""

    key: str
    name: str
    color: RGB
    skeleton: tuple[tuple[int, int], ...] = ()


class Legend:
    """The classes of an export in its order, then the categories that only its datasets know."""

    def __init__(self, classes: Iterable[ExportClass], categories: Iterable[Category] = ()) -> None:
        self._keys: dict[str, str] = {}
        self._classes: dict[str, LegendClass] = {}
        for one in classes:
            self._add(one.id, one.name, one.color, one.skeleton)
            self._keys.update(dict.fromkeys(one.others, one.id))
        for category in categories:
            if category.id not in self._keys:
                self._add(category.id, category.name, category.color, category.skeleton)

    @property
    def classes(self) -> tuple[LegendClass, ...]:
        return tuple(self._classes.values())

    def key(self, category_id: str | None) -> str:
        """The class of a category; merged categories are one class."""
        return NO_CLASS if category_id is None else self._keys.get(category_id, category_id)

    def get(self, key: str) -> LegendClass:
        if key == NO_CLASS:
            return LegendClass(NO_CLASS, "no class", GREY)
        return self._classes.get(key) or LegendClass(key, key, GREY)

    def counted(self, by_category: Mapping[str, int]) -> dict[str, int]:
        """Annotations by class, every class of the export among them; the most frequent first."""
        counts = dict.fromkeys(self._classes, 0)
        for category_id, count in by_category.items():
            key = self.key(category_id)
            counts[key] = counts.get(key, 0) + count
        return dict(sorted(counts.items(), key=lambda pair: -pair[1]))

    def _add(self, id_: str, name: str, color: str | None, skeleton: tuple[tuple[int, int], ...]) -> None:
        self._keys[id_] = id_
        self._classes[id_] = LegendClass(id_, name, _declared(color) or _own(len(self._classes)), skeleton)


def hex_color(color: RGB) -> str:
    return "#" + bytes(color).hex()


def _declared(color: str | None) -> RGB | None:
    found = _HEX.fullmatch(color.strip()) if color else None
    if not found:
        return None
    red, green, blue = bytes.fromhex(found[1])
    return red, green, blue


def _own(place: int) -> RGB:
    """Seen on dark pictures and on bright ones; yellow and green look brighter than they are."""
    hue = (0.58 + place * _TURN) % 1
    red, green, blue = colorsys.hls_to_rgb(hue, 0.42 if 0.1 < hue < 0.52 else 0.54, 0.8)
    return round(255 * red), round(255 * green), round(255 * blue)
