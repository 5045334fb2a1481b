"""`label_studio`, `…_video`, `…_audio`, `…_text`: Label Studio's JSON (https://labelstud.io/guide/export), to import.

    tasks.json or tasks_<split>.json   a list of tasks, an entry each
    config.xml                         the labelling configuration for them: controls for all classes
    images/[<split>/]... (or videos/, audio/, texts/)

One format for each kind of object, because a labelling configuration is for one. A task's `data` has the URL of its
file, the option `file_url_prefix` and the path in the package, and the entry's attributes; one that is called like the
URL is in the task's `meta` instead, which also has the entry's id and name.

The work of each person on an entry is an annotation of its task; `completed_by` has who it was if that is an e-mail
address, by which Label Studio finds people; other names are in the task's `meta`, in the order of its annotations. An
entry that a person completed without annotations has an empty one. Regions:

- Coordinates are percent of the upright picture, in full, below 0 and above 100 where a shape reaches over the border
  (option out_of_picture); turns are degrees clockwise, a rectangle's about its top-left corner, an ellipse's about its
  centre. Masks are brushes in Label Studio's own run lengths.
- A polygon of several parts is a region each, a skeleton its outline (or box) and key points; what belongs to the first
  region has it as `parentID`. Points of a class without keypoints are key points alone. A polygon with holes becomes a
  brush. A polyline is a polygon that is not `closed`.
- Tracks of boxes are video rectangles with their key frames; frames count from 1. Where a box turns, all frames are
  key frames. Stretches of a video's time are rounded outwards to frames, and are in `meta` in seconds.
- Stretches of sound are in seconds, texts in characters (code points); the attribute `transcript` is a text area.
- Classifications are choices. Relations may lead to what is not in the export; Label Studio passes over these.

Attributes, crowds and groups, for which there is no place, are in `meta` of a region as they are. Choices, texts and
ratings that Label Studio had for a region are attributes like any other: their names and values stay, but `config.xml`
has no controls for them. Predictions, drafts, comments, and how long somebody took, are not held.
"""

from __future__ import annotations

from string import ascii_letters, digits
from typing import Any, ClassVar, TypeVar

from pydantic import Field

from exporters import splits
from exporters.assembly import Assembly, joined
from exporters.base import Exporter
from exporters.formats.borders import KeepingOptions
from exporters.formats.documents import json_bytes
from exporters.formats.label_studio_config import CHOICE, config
from exporters.formats.label_studio_regions import Region, region_meta, regions, transcript
from exporters.formats.labels import class_labels, labels_of
from exporters.holds import Holds
from exporters.item import Item, Placed, default_media_path
from exporters.model import Classification, Relation, TimeSpan
from exporters.options import ClassOptions, ExporterOptions
from exporters.preparing import NO_CATEGORY
from exporters.shard import Shard

TASKS = "tasks:"
_PLAIN = frozenset(f"{ascii_letters}{digits}/_.-~".encode())
"""What stands for itself in a URL."""
SEPARATOR = b",\n"


class _UrlOptions(ExporterOptions):
    file_url_prefix: str = Field(
        default="/data/local-files/?d=",
        description="What makes a URL of a file's path in the package, put before it: that of a local storage (the "
        "default), of a bucket (s3://bucket/folder/) or of a web server.",
    )


class LabelStudioOptions(KeepingOptions, _UrlOptions):
    """For pictures and videos."""


class LabelStudioSpanOptions(ClassOptions, _UrlOptions):
    """For sounds and texts."""


AnyOptions = TypeVar("AnyOptions", bound=_UrlOptions)


class _LabelStudio(Exporter[AnyOptions]):
    kind: ClassVar[str]
    """Of the objects that are labelled."""

    def convert(self, item: Item, shard: Shard[AnyOptions]) -> None:
        kept: list[Placed] = []
        results: list[tuple[str | None, list[Region]]] = []
        for author, some in _by_author(item).items():
            taken, result = _result(some, item, shard, self.kind)
            kept += taken
            if result or item.entry.state != "in_progress":
                results.append((author, result))
        if not item.annotations and item.entry.state != "in_progress":
            results.append((None, []))
        task = {
            "id": item.number,
            "data": {self.kind: _url(item, shard.options.file_url_prefix), **_own_data(item, self.kind)},
            "annotations": [_annotation(author, result) for author, result in results],
            "predictions": [],
            "meta": _task_meta(item, self.kind, [author for author, _ in results]),
        }
        shard.append(TASKS + (item.entry.split or ""), json_bytes(task), SEPARATOR)
        shard.keep(kept)

    def assemble(self, package: Assembly[AnyOptions]) -> None:
        found = [name.removeprefix(TASKS) for name in package.names()]
        named = splits.file_names(found)
        paths = {split: f"tasks_{name}.json" for split, name in named.items()}
        if not named or "" in found:
            paths[""] = "tasks.json"
        for split, path in paths.items():
            package.file(path, [b"[\n", *joined(package.pieces(TASKS + split), SEPARATOR), b"\n]\n"])
        classes = package.classes.classes
        package.file("config.xml", [config(self.kind, classes, class_labels(classes))])


class LabelStudioExporter(_LabelStudio[LabelStudioOptions]):
    name = "label_studio"
    description = "Label Studio tasks with labelled pictures: boxes, outlines, brushes, key points, choices, relations."
    version = 2
    is_entrywise = True
    kind = "image"
    holds = Holds(
        modalities=frozenset({"image"}),
        shapes=frozenset(
            {"box", "rotated_box", "ellipse", "polygon", "polyline", "mask", "skeleton", "classification", "relation"}
        ),
        uses_numbers=True,
        needs_size=True,
    )
    options = LabelStudioOptions


class LabelStudioVideoExporter(_LabelStudio[LabelStudioOptions]):
    name = "label_studio_video"
    description = "Label Studio tasks with labelled videos: tracks of boxes, stretches of time, choices, relations."
    version = 2
    is_entrywise = True
    kind = "video"
    holds = Holds(
        modalities=frozenset({"video"}),
        shapes=frozenset({"track", "time_span", "classification", "relation"}),
        uses_numbers=True,
        needs_size=True,
    )
    options = LabelStudioOptions


class LabelStudioAudioExporter(_LabelStudio[LabelStudioSpanOptions]):
    name = "label_studio_audio"
    description = "Label Studio tasks with labelled sounds: stretches of time with transcripts, choices, relations."
    version = 2
    is_entrywise = True
    kind = "audio"
    holds = Holds(
        modalities=frozenset({"audio"}),
        shapes=frozenset({"time_span", "classification", "relation"}),
        uses_numbers=True,
    )
    options = LabelStudioSpanOptions


class LabelStudioTextExporter(_LabelStudio[LabelStudioSpanOptions]):
    name = "label_studio_text"
    description = "Label Studio tasks with labelled texts: spans of characters, choices, relations."
    version = 2
    is_entrywise = True
    kind = "text"
    holds = Holds(
        modalities=frozenset({"text"}),
        shapes=frozenset({"text_span", "classification", "relation"}),
        uses_numbers=True,
    )
    options = LabelStudioSpanOptions


# -- tasks ------------------------------------------------------------------------------------------------------------


def _url(item: Item, prefix: str) -> str:
    media = item.entry.original
    path = (item.files.get(media.id) if media else None) or default_media_path(item)
    # Buckets are asked for the path as it stands; in what a browser opens, it must be quoted.
    return prefix + (_quoted(path) if prefix.startswith(("http://", "https://", "/")) else path)


def _quoted(path: str) -> str:
    return "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in path.encode())


def _by_author(item: Item) -> dict[str | None, list[Placed]]:
    authors: dict[str | None, list[Placed]] = {}
    for one in item.annotations:
        authors.setdefault(one.annotation.created_by, []).append(one)
    return authors


def _annotation(author: str | None, result: list[Region]) -> dict[str, Any]:
    completed_by = {"completed_by": {"email": author}} if author and "@" in author else {}
    return {**completed_by, "was_cancelled": False, "ground_truth": False, "result": result}


def _own_data(item: Item, kind: str) -> dict[str, Any]:
    """What a task's `data` has beside the URL, which is called `kind`."""
    return {name: value for name, value in sorted(item.entry.attributes.items()) if name != kind}


def _task_meta(item: Item, kind: str, authors: list[str | None]) -> dict[str, Any]:
    entry = item.entry
    meta: dict[str, Any] = {"entry": entry.id, "name": entry.name}
    if kind in entry.attributes:
        meta["attributes"] = {kind: entry.attributes[kind]}
    if any(author and "@" not in author for author in authors):
        meta["authors"] = authors
    return meta


def _result(some: list[Placed], item: Item, shard: Shard[AnyOptions], kind: str) -> tuple[list[Placed], list[Region]]:
    """The annotations of one person that are written, and their regions: relations last, for what they lead to."""
    labels = labels_of(shard)
    kept: list[Placed] = []
    result: list[Region] = []
    tags: list[Placed] = []
    relations: list[Placed] = []
    for one in some:
        if isinstance(one.shape, Classification):
            tags.append(one)
            continue
        if isinstance(one.shape, Relation):
            relations.append(one)
            continue
        found = regions(one, labels[one.category.id] if one.category else None, item, shard.change)
        if isinstance(found, str):
            shard.leave_out_annotation(one, found)
            continue
        kept.append(one)
        result += found
        said = transcript(found[0], one) if kind == "audio" and isinstance(one.shape, TimeSpan) else None
        if said:
            result.append(said)
    kept += _choose(tags, result, labels, shard, kind)
    known = {region["id"] for region in result}
    for one in relations:
        relation = _relation(one, labels)
        if not {relation["from_id"], relation["to_id"]} <= known:
            shard.change("leads to an annotation that is not part of the same person's work in the export")
        result.append(relation)
    return [*kept, *relations], result


def _choose(
    tags: list[Placed], result: list[Region], labels: dict[str, str], shard: Shard[AnyOptions], kind: str
) -> list[Placed]:
    """Add all choices of a person as one result, as Label Studio has them; its `meta` has what is known of each."""
    chosen: dict[str, dict[str, Any]] = {}
    kept = []
    for one in tags:
        if one.category is None:
            shard.leave_out_annotation(one, NO_CATEGORY)
            continue
        kept.append(one)
        label = labels[one.category.id]
        if label in chosen:
            shard.change("the same choice twice became one")
        chosen.setdefault(label, {}).update(region_meta(one))
    if kept:
        meta = {label: known for label, known in chosen.items() if known}
        choice = {"id": kept[0].annotation.id, "from_name": CHOICE, "to_name": kind, "type": "choices"}
        result.append(choice | {"value": {"choices": list(chosen)}} | ({"meta": meta} if meta else {}))
    return kept


def _relation(one: Placed, labels: dict[str, str]) -> Region:
    if not isinstance(one.shape, Relation):
        raise NotImplementedError(type(one.shape).__name__)
    label = {"labels": [labels[one.category.id]]} if one.category else {}
    ends = {"from_id": one.shape.source_id, "to_id": one.shape.target_id}
    meta = region_meta(one)
    return {"type": "relation", **ends, "direction": "right", **label, **({"meta": meta} if meta else {})}
