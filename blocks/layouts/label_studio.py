"""Label Studio's JSON: a list of tasks, as it is exported (JSON, not JSON-MIN), and as our own exporter writes it.

Each file is a dataset, each task an entry; files are read task by task. The picture, sound, video or text is what a URL
in the task's `data` leads to, if it lies in the folder: under its whole path, or its last name. All regions of all
people's annotations are annotations, `created_by` whom. A task of which all annotations were cancelled is rejected, one
without any is in progress; where only some were, their regions are counted as unknown. What else a task's `data` has is
attributes of the entry. Predictions and drafts stay in `.record`; how many predictions there are is an attribute.
`label_studio_regions` says what regions become.

Classes are those of `config.xml` where there is one, else the labels found, by name.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, unquote, urlsplit

import orjson
from msgspec import Raw
from msgspec.structs import replace

from blocks.layouts.json_file import first_keys, stream_json
from blocks.layouts.label_studio_regions import Task, labels_in, to_annotations
from blocks.layouts.layout import Layout
from blocks.layouts.opened import PICTURES, Folder, media_kind
from blocks.layouts.xml_file import read_xml
from blocks.values import identifier, mapping, text
from exporters.model import Annotation, Category, Dataset, Entry, Media, State
from exporters.shard import MediaChoice

CONFIG = "config.xml"
_TASK = frozenset(
    {("item.annotations", "start_array"), ("item.completions", "start_array"), ("item.data", "start_map")}
)
_NO_LIST = frozenset({("", "start_map")})
_CLASSES = ("Label", "Choice", "Relation")
_SPLIT = re.compile(r"tasks_(.+)")
_PREFIX = re.compile(r"[0-9a-f]{8}-")
"""Of names of files that were uploaded."""


class LabelStudioLayout(Layout):
    label: ClassVar[str] = "Label Studio"
    sought: ClassVar[str] = "a JSON list of tasks (Label Studio)"

    def __init__(self, folder: Folder, files: Sequence[str]) -> None:
        super().__init__(folder)
        self._files = files

    @classmethod
    def found_in(cls, folder: Folder) -> Self | None:
        names = [folder.only_file] if folder.only_file else [path for path, is_file in folder.listed("") if is_file]
        found = [
            path for path in names if path.endswith(".json") and first_keys(folder, path, _TASK | _NO_LIST) in _TASK
        ]
        return cls(folder, found) if found else None

    def catalog(self) -> list[Dataset]:
        return [self._dataset(path) for path in self._files]

    def dataset(self, found: Dataset) -> Dataset:
        path = self.folder.find(CONFIG)
        declared: list[str] = []
        if path:
            values = (one.get("value") for one in read_xml(self.folder, path).iter() if one.tag in _CLASSES)
            declared = list(dict.fromkeys(value for value in values if value))
        names = declared or sorted(self._labels(found))
        return replace(found, categories=tuple(Category(id=name, name=name) for name in names))

    def list_entries(self, dataset: Dataset) -> Iterator[bytes]:
        return (line for _, line in stream_json(self.folder, _file(dataset), "item"))

    def read(self, dataset: Dataset, listing: Sequence[bytes], media: MediaChoice) -> Iterator[Entry]:
        for line in listing:
            yield self._entry(orjson.loads(line), dataset, media)

    def _entry(self, task: dict[str, Any], dataset: Dataset, choice: MediaChoice) -> Entry:
        meta = mapping(task.get("meta"))
        id_ = identifier(meta.get("entry")) or identifier(task.get("id")) or identifier(task.get("inner_id")) or ""
        known = Task(task)
        original = self._original(task, known, id_, choice)
        opinions = known.opinions
        states: list[State] = ["rejected" if opinion.get("was_cancelled") else "completed" for opinion in opinions]
        state: State = "in_progress" if not states else "rejected" if set(states) == {"rejected"} else "completed"
        annotations: list[Annotation] = []
        for place, opinion in enumerate(opinions):
            is_skipped = bool(opinion.get("was_cancelled")) and state != "rejected"
            found = to_annotations(known, place, is_skipped=is_skipped, frame_rate=original.frame_rate)
            annotations += found
        return Entry(
            id=id_,
            dataset_id=dataset.id,
            name=text(meta.get("name")) or original.name,
            state=state,
            number=task["id"] if type(task.get("id")) is int and 0 <= task["id"] < 1 << 63 else None,
            split=dataset.split,
            medias=(original,),
            annotations=tuple(annotations),
            attributes=_attributes(task, meta),
            created_at=text(task.get("created_at")),
            updated_at=text(task.get("updated_at")),
            raw=Raw(orjson.dumps({key: value for key, value in task.items() if key not in ("annotations", "drafts")})),
        )

    def _original(self, task: dict[str, Any], known: Task, id_: str, choice: MediaChoice) -> Media:
        paths = [path for value in mapping(task.get("data")).values() if (path := _path(value))]
        tried = [one for path in paths for one in _places(path)]
        found = next(filter(None, map(self.folder.find, tried)), "")
        wanted = found or next(iter(paths), "") or f"file of task {id_}"
        kind = media_kind(wanted)
        width, height = known.size or (None, None)
        if found and posixpath.splitext(found)[1].lower() in PICTURES and not known.size:
            width, height = self.folder.upright_size(found) or (None, None)
        named = self.folder.original(
            found,
            choice,
            id_=id_,
            wanted=wanted,
            mime_type=kind,
            width=width,
            height=height,
            duration=known.duration,
            frame_rate=known.frame_rate,
            frames_count=known.frames_count,
        )
        return replace(named, name=_PREFIX.sub("", named.name, count=1))

    def _dataset(self, path: str) -> Dataset:
        id_ = path.removesuffix(".json")
        match = _SPLIT.fullmatch(posixpath.basename(id_))
        task = next((task for task, _ in stream_json(self.folder, path, "item")), {})
        kinds = [media_kind(one) or "" for value in mapping(task.get("data")).values() if (one := _path(value))]
        modality = next((kind.partition("/")[0] for kind in kinds if kind), "image")
        name = self.folder.name if len(self._files) == 1 or match else posixpath.basename(id_)
        return Dataset(id=id_, name=name, modality=modality, split=match[1] if match else None)

    def _labels(self, dataset: Dataset) -> set[str]:
        found: set[str] = set()
        for task, _ in stream_json(self.folder, _file(dataset), "item"):
            found |= set(labels_in(Task(task)))
        return found


def _file(dataset: Dataset) -> str:
    return f"{dataset.id}.json"


def _attributes(task: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any]:
    """What `data` has beside its first URL, how many predictions, and what our own exporter keeps elsewhere."""
    data = mapping(task.get("data"))
    url = next((name for name, value in data.items() if _path(value)), None)
    predictions = task.get("predictions")
    counted = {"predictions": len(predictions)} if predictions and isinstance(predictions, list) else {}
    own = mapping(meta.get("attributes")) if "entry" in meta else {}
    return counted | {name: value for name, value in data.items() if name != url} | own


def _path(value: Any) -> str:
    """The path that a URL leads to; empty for what is no URL of a file, such as a text that is labelled itself."""
    if not isinstance(value, str) or "\n" in value or len(value) > 2048:
        return ""
    try:
        url = urlsplit(value)
    except ValueError:
        return ""
    inner = parse_qs(url.query).get("d", [""])[0]  # of /data/local-files/?d=...
    path = inner or (unquote(url.path) if url.scheme in ("", "http", "https") else url.path)
    return path.lstrip("/") if "." in posixpath.basename(path) else ""


def _places(path: str) -> Iterator[str]:
    """Where a file may lie: under its path, with the first folders of it taken away one by one, or among `images`."""
    rest = path
    while rest:
        yield rest
        rest = rest.partition("/")[2]
    yield posixpath.join("images", posixpath.basename(path))
