"""Where YOLO keeps the rows of a picture: in a file of its name, in `labels/` for `images/`, else beside it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from blocks.layouts.opened import PICTURES, Folder
from blocks.values import finite

CLASSES = "classes.txt"
_NO_FOLDERS = re.compile(r"images|valid|obj_\w+_data")
"""In which all pictures of a split lie; they are no part of a name."""


def label_of(picture: str) -> str:
    """The label file of a picture: its last folder `images` becomes `labels`, its extension `.txt`."""
    return _swapped(posixpath.splitext(picture)[0], "images", "labels") + ".txt"


def picture_of(label: str) -> str:
    """The picture of a label file, without the extension, which nothing tells."""
    return _swapped(label.removesuffix(".txt"), "labels", "images")


def name_of(picture: str, split: str) -> str:
    """The picture's name in its split, without the folders that every picture lies in."""
    folders = picture.split("/")
    return "/".join([*(one for one in folders[:-1] if not _NO_FOLDERS.fullmatch(one) and one != split), folders[-1]])


def labels_for(folder: Folder, place: str) -> Iterator[str]:
    """The label files of a folder of pictures; where both lie together, only texts that begin with a row."""
    labels = posixpath.dirname(label_of(posixpath.join(place, "x")))
    for path in folder.files_below(labels or "."):
        is_text = path.endswith(".txt") and posixpath.basename(path) != CLASSES
        if is_text and (labels != place or _is_label(folder, path)):
            yield path


def has_only_classes(folder: Folder) -> bool:
    """Whether this is what LabelImg and Label Studio write: classes.txt and label files, without data.yaml."""
    if not folder.find(CLASSES):
        return False
    if any(path.endswith(".txt") for path in folder.files_below("labels")):
        return any(True for _ in folder.pictures_below("images"))
    top = {path for path, is_file in folder.listed("") if is_file}
    return any(posixpath.splitext(path)[1].lower() in PICTURES and label_of(path) in top for path in top)


def _swapped(path: str, old: str, new: str) -> str:
    folders = path.split("/")
    for place in range(len(folders) - 2, -1, -1):
        if folders[place] == old:
            folders[place] = new
            break
    return "/".join(folders)


def _is_label(folder: Folder, path: str) -> bool:
    fields = next((line.split() for line in folder.read_text(path).splitlines() if line.strip()), [])
    try:
        return len([finite(field) for field in fields]) >= 5
    except ValueError:
        return False
