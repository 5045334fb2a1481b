"""Any format is also a way in: what is exported, read back from the folder and exported again, is the same package."""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from PIL import Image

from blocks.folder import FolderSource
from exporters import registry
from exporters.model import Box, Dataset, Ellipse, Entry, Keyframe, Media, Track
from exporters.pictures.upright import MediaFile
from tests.conformance.exporters import Export, run_export
from tests.fakes.datasets import (
    CATEGORIES,
    PAIR,
    annotation,
    dataset,
    entry,
    media_bytes,
    one_of_each,
)

SHAPES = one_of_each()
NAME = "street"
"""Of the dataset, and of the folder: several formats take a dataset's name from there."""


@dataclass(frozen=True)
class Case:
    """An export that is to come back. `shapes` of the first entry, of which each has a place in the format."""

    format: str
    shapes: Sequence[Any] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    splits: Sequence[str | None] = ("train", "train", "val")
    names: Sequence[str] = ("a.png", "c.png", "night/b.png")
    media: Mapping[str, Any] = field(default_factory=dict)
    """What its files are beside pictures."""

    def __str__(self) -> str:
        return "-".join([self.format, *filter(None, [self.splits[0]])])


def shapes(*names: str) -> list[Any]:
    return [SHAPES[name] for name in names]


FLAT = ("a.png", "b.png", "c.png")
FRAMES = ("cam/000001.png", "cam/000002.png", "cam/000003.png")
ROWS = [
    annotation("r1", Box(8.0, 6.0, 16.5, 12.25), attributes={"truncated": 0.5, "occluded": 2, "alpha": -1.25}),
    annotation("r2", Box(0.0, 0.0, 64.0, 48.0), attributes={"dimensions": [1.5, 1.6, 3.9], "rotation_y": 0.5}),
]
MOVING = [
    annotation("t1", Box(8.0, 6.0, 16.5, 12.25), attributes={"track_id": 4, "visibility": 0.5}),
    annotation("t2", Box(1.0, 1.0, 9.0, 9.0), attributes={"track_id": 7, "ignored": True}),
]
TRACKS = [
    annotation("m1", SHAPES["track"], attributes={"track_id": 1}),
    annotation("m2", Track((Keyframe(1, SHAPES["polyline"]), Keyframe(9, SHAPES["polyline"])))),  # type: ignore[arg-type]
    annotation("m3", Track((Keyframe(0, SHAPES["skeleton"]), Keyframe(4, SHAPES["skeleton"])))),  # type: ignore[arg-type]
]
VIDEO = {"mime_type": "video/mp4", "frame_rate": 25.0, "frames_count": 50, "duration": 2.0}
VIDEOS = ("a.mp4", "b.mp4", "c.mp4")
SOUND = {"mime_type": "audio/x-wav", "duration": 3.5, "width": None, "height": None}
SOUNDS = ("a.wav", "b.wav", "c.wav")
SAID = annotation("s1", SHAPES["time_span"], attributes={"transcript": "hello"})
TEXT = {"mime_type": "text/plain", "width": None, "height": None}
TEXTS = ("a.txt", "b.txt", "c.txt")
LINES = ("box", "polygon", "polyline", "mask", "classification")
PICTURES = ("box", "rotated_box", "polygon", "polyline", "mask", "classification")
CASES = [
    Case("coco", shapes("box", "polygon", "mask", "skeleton"), splits=(None, None, None)),
    Case("pascal_voc", shapes("box", "polygon", "mask")),
    Case("pascal_voc", shapes("box"), {"masks": False}, splits=(None, None, None)),
    Case("yolo", shapes("box")),
    Case("yolo_segment", shapes("polygon")),
    Case("yolo_pose", shapes("skeleton", "box")),
    Case("kitti", ROWS),
    Case("kitti", ROWS, splits=(None, None, "test")),
    Case("mot", MOVING, names=FRAMES, splits=("train", "train", "train")),
    Case("labelme", [*shapes(*LINES), PAIR, Ellipse(30.0, 20.0, 8.0, 8.0)]),
    Case("cvat", [*shapes(*PICTURES, "ellipse"), annotation("s", SHAPES["skeleton"])]),
    Case("cvat", shapes(*PICTURES), splits=(None, None, None)),
    Case("label_studio", [*shapes(*PICTURES, "ellipse"), PAIR], splits=(None, None, None)),
    Case("datumaro", [*shapes(*PICTURES, "ellipse", "skeleton"), PAIR], splits=(None, None, None)),
    Case("datumaro", shapes("box"), splits=("train", "train", "train")),
    Case("imagefolder", shapes("classification"), names=FLAT),
    Case("imagefolder_metadata", shapes("box", "classification"), names=FLAT),
    Case("imagefolder_metadata", shapes("box"), names=FLAT, splits=(None, None, None)),
    Case("cvat_video", TRACKS, names=VIDEOS, media=VIDEO),
    Case("mot", TRACKS[:1], names=VIDEOS, media=VIDEO, splits=(None, None, None)),
    Case("label_studio_audio", [SAID], names=SOUNDS, media=SOUND, splits=(None, None, None)),
    Case("label_studio_text", shapes("text_span"), names=TEXTS, media=TEXT, splits=(None, None, None)),
    Case("imagefolder", shapes("classification"), names=FLAT, splits=(None, None, None)),
]


def exported(case: Case) -> tuple[Export, list[Entry]]:
    entries = [
        entry(f"e{number}", *(case.shapes if number == 1 else ()), name=name, split=split)
        for number, (name, split) in enumerate(zip(case.names, case.splits, strict=True), 1)
    ]
    entries = [
        replace(one, medias=tuple(replace(media, name=one.name, ref=one.name, **case.media) for media in one.medias))
        for one in entries
    ]
    made = run_export(registry.get(case.format), [_dataset(case)], entries, options=case.options)  # type: ignore[arg-type]
    return made, entries


def _dataset(case: Case) -> Dataset:
    """Label Studio does not say which key points are of one class: there, no class has any."""
    categories = (
        [replace(one, keypoints=(), skeleton=()) for one in CATEGORIES] if "label" in case.format else CATEGORIES
    )
    modality = case.media.get("mime_type", "image/png").partition("/")[0]
    return dataset(categories=categories, name=NAME, modality=modality)


def lay_out(made: Export, entries: Sequence[Entry], folder: Path) -> FolderSource:
    """The package in a folder, with the bytes of its media."""
    contents = {hashlib.sha256(data).hexdigest(): data for one in entries for data in map(media_bytes, one.medias)}
    files = made.files | {path: contents[file.sha256] for path, file in made.medias.items()}
    for path, data in files.items():
        (folder / NAME / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / NAME / path).write_bytes(data)
    return FolderSource(url=str(folder / NAME))


def read_back(source: FolderSource) -> tuple[list[Dataset], dict[str, list[Entry]]]:
    datasets = source.choose([])
    return datasets, {
        one.id: list(source.read(one, list(source.list_entries(one, {})), "original")) for one in datasets
    }


def again(case: Case, folder: Path, datasets: Sequence[Dataset], entries: Mapping[str, Sequence[Entry]]) -> Export:
    """The same export of what was read."""

    def fetched(media: Media) -> MediaFile:
        data = (folder / NAME / media.ref).read_bytes()
        size: tuple[int | None, int | None] = (None, None)
        if (media.mime_type or "image").startswith("image"):
            with Image.open(io.BytesIO(data)) as opened:
                size = opened.size
        return MediaFile(
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            crc32=zlib.crc32(data),
            width=size[0],
            height=size[1],
        )

    return run_export(registry.get(case.format), datasets, entries, options=case.options, files=fetched)  # type: ignore[arg-type]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_package_comes_back_byte_for_byte(tmp_path: Path, case: Case) -> None:
    """What is exported, read back and exported again has the same files with the same bytes, media and all."""
    first, entries = exported(case)
    assert first.tally.came_in["entries"] == first.tally.went_out["entries"] == len(entries)
    datasets, found = read_back(lay_out(first, entries, tmp_path))
    second = again(case, tmp_path, datasets, found)
    assert second.files.keys() == first.files.keys()
    for path, data in first.files.items():
        assert second.files[path] == data, path
    assert {path: file.sha256 for path, file in second.medias.items()} == {
        path: file.sha256 for path, file in first.medias.items()
    }


@pytest.mark.parametrize(
    ("format_name", "names"),
    [
        ("coco", ["box", "polygon", "mask", "skeleton"]),
        ("cvat", ["box", "rotated_box", "ellipse", "polygon", "polyline", "mask", "skeleton", "classification"]),
        ("datumaro", ["box", "rotated_box", "ellipse", "polygon", "polyline", "mask", "skeleton", "classification"]),
        ("labelme", ["box", "rotated_box", "polygon", "polyline", "mask", "classification"]),
        ("label_studio", ["box", "rotated_box", "ellipse", "polygon", "polyline", "mask", "classification"]),
        ("yolo_pose", ["skeleton"]),
    ],
)
def test_shapes_come_back(tmp_path: Path, format_name: str, names: list[str]) -> None:
    """Shapes come back as the kind they were, coordinates to a ten-thousandth of a pixel, masks to the pixel."""
    case = Case(format_name, shapes(*names))
    made, entries = exported(case)
    datasets, found = read_back(lay_out(made, entries, tmp_path))
    first = next(one for dataset in datasets for one in found[dataset.id] if one.annotations)
    given = sorted((_flat(one.shape) for one in entries[0].annotations), key=repr)
    back = sorted((_flat(one.shape) for one in first.annotations), key=repr)
    assert [one[0] for one in back] == [one[0] for one in given]
    for (_, numbers), (_, expected) in zip(back, given, strict=True):
        assert numbers == pytest.approx(expected, abs=1e-4)


def _flat(shape: Any) -> tuple[str, list[float]]:
    """The kind of a shape, and all its numbers."""
    numbers: list[float] = []

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            value = value.values()
        if isinstance(value, int | float):
            numbers.append(value)
        elif not isinstance(value, str | None):
            for one in value:
                collect(one)

    collect(msgspec.to_builtins(shape))
    return type(shape).__name__, numbers
