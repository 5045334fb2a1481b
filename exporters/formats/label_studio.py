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

from typing import ClassVar, TypeVar

from pydantic import Field

from exporters import splits
from exporters.assembly import Assembly, joined
from exporters.base import Exporter
from exporters.formats.borders import KeepingOptions
from exporters.formats.documents import json_bytes
from exporters.formats.label_studio_config import config
from exporters.formats.label_studio_tasks import task
from exporters.formats.labels import class_labels
from exporters.holds import Holds
from exporters.item import Item
from exporters.options import ClassOptions, ExporterOptions
from exporters.shard import Shard

TASKS = "tasks:"
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
        made, kept = task(item, shard, self.kind, shard.options.file_url_prefix)
        shard.append(TASKS + (item.entry.split or ""), json_bytes(made), SEPARATOR)
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
