"""What a format is given: entries and annotations made ready to be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import Struct

from exporters.classes import ExportClass
from exporters.model import Annotation, Box, Entry, Shape
from exporters.naming import safe_component, without_extension
from exporters.shapes import geometry

_FOLDERS = {"video": "videos", "audio": "audio", "text": "texts"}


class Placed(Struct, frozen=True):
    """An annotation as it is to be written: its shape one that the format holds, sound, and seen to at the border.

    `box` is its extent, the source's own where it states one; None for what has no place on a picture. `category` is
    None only in formats that do not need one. `number` is its integer id in this export.
    """

    annotation: Annotation
    number: int
    category: ExportClass | None
    box: Box | None

    @property
    def shape(self) -> Shape:
        return self.annotation.shape

    @property
    def area(self) -> float:
        """In square pixels, the source's own where it states one."""
        stated = self.annotation.area
        return geometry.area(self.annotation.shape) if stated is None else stated


@dataclass(frozen=True, slots=True)
class Item:
    """An entry on its way into a package. Its coordinates are upright.

    `annotations` are those to be written; what the format cannot hold, and what options leave out, is gone already and
    counted. `number` is the entry's integer id in this export, `ordinal` its place in it from 0. `file_name` names its
    original media below the media folder, also when media is not part of the package; `files` has the package path of
    each media that is, by media id. `size` is width and height of its picture, None when not known.
    """

    entry: Entry
    number: int
    ordinal: int
    size: tuple[int, int] | None
    file_name: str
    annotations: Sequence[Placed]
    files: dict[str, str]

    @property
    def stem(self) -> str:
        """`file_name` without its extension, folders included."""
        return without_extension(self.file_name)


def default_media_path(item: Item) -> str:
    """`images/[split/]name`; sounds, videos and texts have folders of their own kind."""
    media = item.entry.original
    kind = (media.mime_type or "").partition("/")[0] if media else ""
    folder = _FOLDERS.get(kind, "images")
    return "/".join([folder, *([safe_component(item.entry.split)] if item.entry.split else []), item.file_name])
