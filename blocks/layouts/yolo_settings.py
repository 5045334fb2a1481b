"""What a YOLO dataset says of itself: classes, key points and where its pictures are, in whichever file it says so."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import yaml

from blocks.layouts.opened import PICTURES, Folder
from blocks.layouts.yolo_paths import CLASSES
from blocks.values import mapping
from exporters.errors import RequestError

SPLITS = ("train", "val", "test")
NO_SPLIT = ""
DARKNET = "obj.data"
_MOST = 100_000
"""Classes, and points of an object."""


class Settings:
    """`values` are those of `data.yaml`, or what it would say in place of `obj.data` or `classes.txt`.

    Raises:
        RequestError: the file cannot be read; says what is wrong with it.
    """

    def __init__(self, folder: Folder, file: str) -> None:
        self._folder = folder
        self._file = file
        self._root = ""
        readers = {DARKNET: self._read_darknet, CLASSES: self._read_classes}
        self.values = readers.get(file, self._read_yaml)()
        self._root = self.text(self.values.get("path") or "")

    @cached_property
    def keypoints(self) -> tuple[int, int]:
        """How many points an object has, and how many numbers a point."""
        match self.values.get("kpt_shape"):
            case None:
                return 0, 0
            case [int(count), 2 | 3 as dimensions] if 0 < count <= _MOST:
                return count, dimensions
        raise RequestError(
            f"{self._folder.shown_file(self._file)}: kpt_shape is not how many points there are, and 2 or 3; "
            f"write it so, such as [17, 3]."
        )

    @cached_property
    def names(self) -> dict[int, str]:
        names, count = self.values.get("names"), self.values.get("nc")
        if isinstance(names, list):
            return {number: self.text(name) for number, name in enumerate(names)}
        if isinstance(names, dict) and all(isinstance(number, int) for number in names):
            return {number: self.text(name) for number, name in names.items()}
        if isinstance(count, int) and count <= _MOST:
            return {number: str(number) for number in range(count)}
        raise RequestError(f"{self._folder.shown_file(self._file)} names no classes; it needs names, a list or a map.")

    def text(self, value: Any) -> str:
        """A scalar as text; lists are refused, for one that refers to another ten times, ten times over, never ends."""
        if isinstance(value, list | dict):
            raise RequestError(f"{self._folder.shown_file(self._file)} has a list where one value belongs; correct it.")
        return str(value)

    def places(self, split: str) -> list[str]:
        """The folders of a split's pictures, and text files that list them."""
        given = self.values.get(split, self.values.get("valid") if split == "val" else None)
        named = [self.text(one) for one in (given if isinstance(given, list) else [given] if given else [])]
        if split == "test" and self.values.get("train") and (self.values.get("val") or self.values.get("valid")):
            return list(filter(None, map(self._found, named)))
        return list(map(self._place, named))

    def is_list(self, place: str) -> bool:
        return place.endswith(".txt") and bool(self._folder.find(place))

    def pictures(self, place: str) -> Iterator[str]:
        return self._listed(place) if self.is_list(place) else self._folder.pictures_below(place)

    def _place(self, path: str) -> str:
        if found := self._found(path):
            return found
        raise RequestError(
            f"{self._folder.shown_file(self._file)} names {path!r}, which is not in the folder; correct it there."
        )

    def _found(self, path: str) -> str:
        """A path of data.yaml in the folder. Many begin with detours out of it, which readers overlook too."""
        tried_first = (posixpath.join(self._root, path), path, self._below_root(path))
        for tried in (*tried_first, path.removeprefix("../"), path.removeprefix("data/")):
            tidy = posixpath.normpath(tried)
            if not tidy.startswith(("/", "..")) and any(True for _ in self._folder.listed(tidy)):
                return tidy
            if self._folder.find(tidy):
                return tidy
        return ""

    def _below_root(self, path: str) -> str:
        """An absolute path below `path:`, wherever that was when it was written."""
        return path.removeprefix(f"{self._root.rstrip('/')}/") if self._root else path

    def _listed(self, path: str) -> Iterator[str]:
        for line in self._folder.read_text(path).splitlines():
            named = line.strip()
            if not named:
                continue
            tried = (
                posixpath.join(posixpath.dirname(path), named),
                named,
                self._below_root(named),
                named.removeprefix("data/"),
            )
            found = next(filter(None, map(self._folder.find, tried)), "")
            if not found:
                raise RequestError(
                    f"{self._folder.shown_file(path)} lists {named!r}, which is not in the folder; correct it."
                )
            if posixpath.splitext(found)[1].lower() in PICTURES:
                yield found

    def _read_darknet(self) -> dict[str, Any]:
        """What `data.yaml` would say, from lines of `name = value`; the classes are in a file, one a line."""
        pairs = (line.partition("=") for line in self._folder.read_text(DARKNET).splitlines())
        values = {name.strip(): value.strip() for name, _, value in pairs if value.strip()}
        names = self._place(values.get("names", "obj.names"))
        classes = [line for line in self._folder.read_text(names).splitlines() if line.strip()]
        return {**{name: values[name] for name in (*SPLITS, "valid") if name in values}, "names": classes}

    def _read_classes(self) -> dict[str, Any]:
        """What `data.yaml` would say, where there is only a list of classes."""
        classes = [line.strip() for line in self._folder.read_text(CLASSES).splitlines() if line.strip()]
        above = "images" if any(True for _ in self._folder.pictures_below("images")) else "."
        splits = [one for one in (*SPLITS, "valid") if any(True for _ in self._folder.listed(f"{above}/{one}"))]
        return {**{one: f"{above}/{one}" for one in splits}, NO_SPLIT: above, "names": classes}

    def _read_yaml(self) -> dict[str, Any]:
        try:
            return mapping(yaml.safe_load(self._folder.read_text(self._file)))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            said = str(error).replace("\n", " ")[:120]
            raise RequestError(
                f"{self._folder.shown_file(self._file)} is no sound YAML ({said}); correct it there."
            ) from None
