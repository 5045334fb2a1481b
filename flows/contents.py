"""What an export is of, an entry a line: kept beside its manifest, so that two exports can be told apart by entry.

A format may spread an entry over several files, and put all entries into one; so the export's own files cannot tell
what has become of an entry. The digest of an entry is of its content: its name, state, split and attributes, its files,
and its annotations. Who made it and when, and what else a platform keeps of it, is not in it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from exporters.errors import RequestError
from exporters.model import EMPTY, Annotation, Dataset, Entry, Media, Unknown, encode
from exporters.pictures.upright import MediaFile

CONTENTS = "contents.jsonl"
"""At the target, and a name that no file of a directory may have."""

Files = Callable[[Media], MediaFile | str]


class UnreadableContentsError(RequestError):
    """What an export says it is of was changed since it was delivered."""


class Line(Struct, frozen=True):
    """An entry of an export; `annotations` counts them by the name of their class, "" for those without."""

    dataset: str
    entry: str
    sha256: str
    annotations: dict[str, int]


decode_line = msgspec.json.Decoder(Line).decode


def describe(entry: Entry, names: Mapping[str, str], files: Files | None) -> Line:
    """The line of an entry whose classes have these `names` by id, and whose media is in these `files`, if any."""
    medias = tuple(replace(media, raw=EMPTY, version="", ref="") for media in entry.medias)
    annotations = tuple(map(_content, entry.annotations))
    bare = replace(
        entry, raw=EMPTY, medias=medias, annotations=annotations, number=None, created_at=None, updated_at=None
    )
    digest = hashlib.sha256(encode(bare))
    for media in entry.medias if files else ():
        digest.update(_fetched(files(media)))  # type: ignore[misc]
    counts = Counter(names.get(one.category_id or "", one.category_id or "") for one in entry.annotations)
    return Line(entry.dataset_id, entry.id, digest.hexdigest(), dict(sorted(counts.items())))


def class_names(dataset: Dataset) -> dict[str, str]:
    return {category.id: category.name for category in dataset.categories}


def _content(annotation: Annotation) -> Annotation:
    """Without what says who made it and when; all there is of a shape that nobody here can read."""
    changes: dict[str, Any] = {"created_by": None, "created_at": None, "updated_at": None, "number": None}
    if not isinstance(annotation.shape, Unknown):
        changes["raw"] = EMPTY
    return replace(annotation, **changes)


def _fetched(file: MediaFile | str) -> bytes:
    return f"\n{file if isinstance(file, str) else file.sha256}".encode()
