"""Where the files of the YOLO formats lie, and `data.yaml`, which names them and the classes.

Readers take the label file of a picture from the picture's own path: its *last* folder `images` becomes `labels`. A
folder of that name deeper down, from the project or a split, would send them elsewhere; it is written `~69mages`.
Hidden files are passed over, so a leading dot is written `~2e`, and so are files of unknown extensions. The dot of a
folder that has a file's extension is `~2e` too: the label file of `a.png` could not lie beside a folder `a.txt`.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from exporters.classes import ExportClass
from exporters.item import Item
from exporters.naming import safe_component

# fmt: off
EXTENSIONS = (
    ".avif", ".bmp", ".dng", ".heic", ".heif", ".jp2", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp",
)
# fmt: on
"""Of the files that readers take for pictures."""
ROLES = ("train", "val", "test")
_OTHER_WORDS = {"training": "train", "valid": "val", "validation": "val", "testing": "test"}
_MIRRORED = {"left": "right", "right": "left", "l": "r", "r": "l"}


def role(split: str) -> str | None:
    """What readers use a split for; entries without one are there to be trained on. None for splits of other names."""
    word = split.casefold()
    found = _OTHER_WORDS.get(word, word or "train")
    return found if found in ROLES else None


def place(root: str, split: str | None, name: str) -> str:
    """A path below `images` or `labels` for a name that may have folders."""
    *folders, last = name.split("/")
    if split:
        folders.insert(0, safe_component(split))
    return "/".join([root, *map(_folder_name, folders), _visible(last)])


def picture_name(item: Item) -> str:
    """The picture's name, with an extension that readers know if its own is none and its type is known."""
    media = item.entry.original
    extension = item.file_name[len(item.stem) :]
    if extension.lower() not in EXTENSIONS and media and media.mime_type:
        extension = mimetypes.guess_extension(media.mime_type) or extension
    return item.stem + extension


def _folder_name(name: str) -> str:
    """Never one that a file beside it can have: `a.png` or `a.txt`."""
    stem, dot, extension = name.rpartition(".")
    if dot and f".{extension.lower()}" in (*EXTENSIONS, ".txt"):
        name = f"{stem}~2e{extension}"
    return "~69mages" if name == "images" else _visible(name)


def _visible(name: str) -> str:
    return f"~2e{name[1:]}" if name.startswith(".") else name


def folder(split: str) -> str:
    """The folder of a split's pictures."""
    return place("images", split, "").rstrip("/")


def sources(splits: Iterable[str]) -> dict[str, list[str]]:
    """For each role the splits that have it, sorted."""
    found: dict[str, list[str]] = {one: [] for one in ROLES}
    for split in sorted(splits):
        if (used_for := role(split)) is not None:
            found[used_for].append(split)
    return {used_for: names for used_for, names in found.items() if names}


def document(paths: Mapping[str, Sequence[str]], unused: Sequence[str], classes: Sequence[ExportClass]) -> str:
    """`data.yaml` without keypoints.

    Args:
        paths: for each role, folders or lists of pictures, relative to the file itself: that is what readers take when
            it has no `path`.
        unused: folders of pictures that no role has.
        classes: numbered from 0 without a gap.
    """
    return "\n".join([*_paths(paths, unused), f"nc: {len(classes)}", *_names(classes), ""])


def _paths(paths: Mapping[str, Sequence[str]], unused: Sequence[str]) -> Iterator[str]:
    for used_for in ROLES:
        found = [quoted(path) for path in paths.get(used_for, ())]
        if found:
            yield f"{used_for}: " + (found[0] if len(found) == 1 else f"[{', '.join(found)}]")
        elif used_for != "test":
            yield f"# No picture is in a split for {used_for}, which trainers need: name the folder of some here."
    for path in unused:
        yield f"# Not used, for the name of its split is none of {', '.join(ROLES)}: {quoted(path)}"


def _names(classes: Sequence[ExportClass]) -> Iterator[str]:
    yield "names:" if classes else "names: {}"
    for one in classes:
        yield f"  {one.number}: {quoted(one.name)}"


def keypoints_count(classes: Iterable[ExportClass]) -> int:
    """How many points each row has: readers want one number for all, so that of the class with the most."""
    return max((len(one.keypoints) for one in classes), default=0)


def keypoints(classes: Sequence[ExportClass]) -> str:
    """What `data.yaml` says of keypoints."""
    count = keypoints_count(classes)
    if not count:
        return "# No kpt_shape, which trainers need: no class has keypoints.\n"
    lines = [f"kpt_shape: [{count}, 3]"]
    mirrored = _mirrored(classes, count)
    if mirrored is None:
        lines.append("# No flip_idx: the names of the keypoints do not say which are left and right of each other.")
    else:
        lines.append(f"flip_idx: [{', '.join(map(str, mirrored))}]")
    lines.append("kpt_names:")
    lines += [f"  {one.number}: [{', '.join(map(quoted, one.keypoints))}]" for one in classes]
    return "\n".join([*lines, ""])


def _mirrored(classes: Sequence[ExportClass], count: int) -> list[int] | None:
    """For each keypoint the one that it becomes in the mirrored picture; None where names do not say."""
    found: list[int] | None = None
    for one in classes:
        names = [_mirrored_name(name) for name in one.keypoints]
        if not one.keypoints:
            continue
        if names == list(one.keypoints) or set(names) != set(one.keypoints) or len(set(names)) < len(names):
            return None
        indexes = [*map(one.keypoints.index, names), *range(len(names), count)]
        if found not in (None, indexes):
            return None
        found = indexes
    return found


def _mirrored_name(name: str) -> str:
    """`left_hand` for `right_hand` and the other way round, whole words only, capitals as they were."""

    def other(word: re.Match[str]) -> str:
        found = _MIRRORED.get(word[0].lower(), word[0])
        return found.upper() if word[0].isupper() else found.title() if word[0].istitle() else found

    return re.sub(r"[A-Za-z]+", other, name)


def quoted(text: str) -> str:
    """A YAML scalar that no reader takes for anything but this text: `no`, `1.0` and `2001-01-01` are names too."""
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"
