"""Datasets for tests of exporters: from plain Python data, from a fetched shard, or from a platform.

Plain data may have the form that the platform sends (type, id, attributes) or just the attributes. Entries lie in their
dataset, annotations and medias in their entry, the bytes of a media under `bytes`; ids that are left out are made up.

    plain_data({"name": "Street", "entries": [{
        "name": "a.jpg", "status": "completed",
        "annotations": [{"dimensions": {"type": "idah-image:bounding-box", "points": [...]},
                         "annotation": {"category": "car"}}],
        "medias": [{"key": "", "filename": "a.jpg", "mime_type": "image/jpeg", "bytes": b"..."}],
    }]})
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

import msgspec
import zstandard

from exporters.contextual.source import Counts
from exporters.model import Annotation, Dataset, Entry, Media, State, Unknown, compact, decode_dataset, decode_entry
from exporters.shard import MEDIA_NOT_ASKED_FOR, MediaChoice

ReadMedia = Callable[[Media], bytes | None]
"""The bytes of a media; None when there are none."""
Fields = Mapping[str, Any]

TYPES = {"dataset": "dataset:datasets", "entry": "dataset:entries", "annotation": "dataset:annotations"}
STATES: dict[str, State] = {"completed": "completed", "errored": "rejected"}


class Datasets:
    """Datasets with their entries, held in memory."""

    def __init__(self, datasets: Sequence[tuple[Dataset, Sequence[Entry]]], read_media: ReadMedia) -> None:
        self.datasets = [dataset for dataset, _ in datasets]
        self.read_media = read_media
        self._entries = {dataset.id: tuple(entries) for dataset, entries in datasets}

    def entries(self, dataset: Dataset) -> Iterator[Entry]:
        return iter(self._entries[dataset.id])

    def counts(self, dataset: Dataset) -> Counts:
        entries = self._entries[dataset.id]
        return Counts(
            len(entries), sum(len(one.annotations) for one in entries), sum(len(one.medias) for one in entries)
        )

    def missing(self, media: Media) -> str:
        return MEDIA_NOT_ASKED_FOR if self.read_media(media) is None else ""

    def open(self, media: Media) -> IO[bytes]:
        return io.BytesIO(self.read_media(media) or b"")

    def path(self, media: Media) -> Path | None:  # noqa: ARG002
        return None


def plain_data(
    *datasets: Fields | tuple[Dataset, Sequence[Entry]], files: Mapping[str, bytes] | None = None
) -> Datasets:
    """Datasets from mappings, or from structs of the record model; `files` has the bytes of medias by their id."""
    contents = dict(files or {})
    made = _Maker(contents)
    return Datasets(
        [one if isinstance(one, tuple) else made.dataset(one) for one in datasets], lambda media: contents.get(media.id)
    )


def fetched_shard(path: Path, *datasets: Dataset) -> Datasets:
    """The entries of a JSON-lines file, compressed (`.zst`) or not: a shard in a workspace, or a `jsonl` export.

    The datasets are those given, else those in `datasets.jsonl` beside it, else made up of what the entries name; the
    files of an export are found where its lines say.
    """
    lines = _lines(path)
    entries = [decode_entry(line) for line in lines]
    beside = path.with_name("datasets.jsonl")
    known = datasets or (tuple(map(decode_dataset, _lines(beside))) if beside.is_file() else ())
    named = known or [
        Dataset(id=id_, name=id_, modality="image") for id_ in dict.fromkeys(one.dataset_id for one in entries)
    ]
    places = {
        media: path.parent / place for line in lines for media, place in json.loads(line).get("files", {}).items()
    }
    return Datasets(
        [(dataset, [one for one in entries if one.dataset_id == dataset.id]) for dataset in named],
        lambda media: places[media.id].read_bytes() if media.id in places else None,
    )


class Platform(Protocol):
    """What is asked of a platform: every source block has it, that of a sandbox too."""

    def choose(self, wanted: Sequence[str]) -> list[Dataset]: ...

    def list_entries(self, dataset: Dataset, where: Mapping[str, Sequence[str]]) -> Iterator[bytes]: ...

    def read(self, dataset: Dataset, listing: Sequence[bytes], media: MediaChoice) -> Iterator[Any]: ...


def platform_data(
    platform: Platform,
    *datasets: str,
    where: Mapping[str, Sequence[str]] | None = None,
    media: MediaChoice = "original",
    read_media: ReadMedia = lambda _media: None,
) -> Datasets:
    """Datasets by id or name, read from a platform now; meant for a sandbox of a few entries."""
    chosen = platform.choose(datasets)
    read = []
    for one in chosen:
        found = platform.read(one, list(platform.list_entries(one, where or {})), media)
        read.append((one, [entry for entry in found if isinstance(entry, Entry)]))  # others have gone meanwhile
    return Datasets(read, read_media)


class _Maker:
    """Turns mappings into the record model, as far as exporters of records need it: shapes stay the platform's."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        self._contents = contents
        self._made: Counter[str] = Counter()

    def dataset(self, fields: Fields) -> tuple[Dataset, list[Entry]]:
        id_, attributes, raw = self._record("dataset", fields, without=("entries",))
        dataset = Dataset(
            id=id_,
            name=str(attributes.get("name", id_)),
            modality=str(attributes.get("modality", "idah-image")).removeprefix("idah-"),
            raw=raw,
        )
        return dataset, [self._entry(one, id_) for one in fields.get("entries", ())]

    def _entry(self, fields: Fields, dataset_id: str) -> Entry:
        id_, attributes, raw = self._record(
            "entry", fields, without=("annotations", "medias"), dataset_id=dataset_id, status="completed"
        )
        return Entry(
            id=id_,
            dataset_id=dataset_id,
            name=str(attributes.get("name") or ""),
            state=STATES.get(attributes["status"], "in_progress"),
            medias=tuple(self._media(one) for one in fields.get("medias", ())),
            annotations=tuple(self._annotation(one, id_) for one in fields.get("annotations", ())),
            raw=raw,
        )

    def _annotation(self, fields: Fields, entry_id: str) -> Annotation:
        id_, attributes, raw = self._record("annotation", fields, entry_id=entry_id)
        label = attributes.get("annotation") or {}
        return Annotation(
            id=id_,
            shape=Unknown(str((attributes.get("dimensions") or {}).get("type", ""))),
            category_id=label.get("category"),
            attributes=label.get("attributes") or {},
            created_by=attributes.get("created_by_email"),
            raw=raw,
        )

    def _media(self, fields: Fields) -> Media:
        id_, attributes, raw = self._record("media", fields, without=("bytes",), key="")
        meta = attributes.get("meta") or {}
        if "bytes" in fields:
            self._contents[id_] = fields["bytes"]
        return Media(
            id=id_,
            name=str(attributes.get("filename") or ""),
            ref=str(attributes.get("resource") or id_),
            key=str(attributes.get("key") or ""),
            size=len(fields["bytes"]) if "bytes" in fields else attributes.get("size"),
            mime_type=attributes.get("mime_type"),
            width=meta.get("width"),
            height=meta.get("height"),
            raw=raw,
        )

    def _record(
        self, kind: str, fields: Fields, *, without: tuple[str, ...] = (), **otherwise: Any
    ) -> tuple[str, Fields, msgspec.Raw]:
        """The id, the attributes, and the document as the platform would have sent it."""
        self._made[kind] += 1
        id_ = str(fields.get("id", f"{kind}-{self._made[kind]}"))
        given = fields.get("attributes")
        plain = {name: value for name, value in fields.items() if name not in ("id", "type", *without)}
        attributes = {**otherwise, **(given if isinstance(given, Mapping) else plain)}
        document = {"type": TYPES.get(kind, "media:medias"), "id": id_, "attributes": attributes}
        if given is not None and "relationships" in fields:
            document["relationships"] = fields["relationships"]
        return id_, attributes, compact(msgspec.json.encode(document))


def _lines(path: Path) -> list[bytes]:
    data = path.read_bytes()
    if path.suffix == ".zst":
        data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return [line for line in data.split(b"\n") if line]
