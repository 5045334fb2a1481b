"""Datasets in folders, in every layout that is read, and packed."""

from __future__ import annotations

import asyncio
import functools
import io
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson

from blocks.folder import FolderSource
from blocks.source import Source, Withdrawn
from exporters.errors import SkippableError
from exporters.model import Entry, decode_dataset, decode_entry, encode
from tests.blocks.samples import box, coco, exported, image, picture_bytes
from tests.fakes.layouts import SAMPLES
from tests.fuzz.breaking import Files
from tests.fuzz.running import Parser


def parsers() -> Iterator[Parser]:
    yield Parser("folder: coco", _coco, _read_folder)
    yield Parser("folder: jsonl", _jsonl, _read_folder)
    for name, sample in SAMPLES.items():
        yield Parser(f"folder: {name}", _of(sample), _read_folder)
    yield Parser(
        "folder: zip", lambda: [{"set.zip": _zipped(sample().files)} for sample in SAMPLES.values()], _read_zip
    )


def read_all(source: Source) -> list[Entry]:
    """All that a source has, with its files; each entry has to be one that can be kept and read again."""
    found: list[Entry] = []
    for one in source.catalog():
        dataset = source.dataset(one.id)
        decode_dataset(encode(dataset))
        listing = list(source.list_entries(dataset, {}))
        for entry in source.read(dataset, listing, "all"):
            if not isinstance(entry, Withdrawn):
                decode_entry(encode(entry))
                found.append(entry)
    asyncio.run(_read_medias(source, found))
    return found


async def _read_medias(source: Source, entries: Sequence[Entry]) -> None:
    async with source.open_media() as reader:
        for media in [media for entry in entries for media in entry.medias][:4]:
            try:
                async for _ in reader.read(media):
                    pass
            except SkippableError:
                continue


@contextmanager
def laid_out(files: Files) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "set"
        for path, data in files.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(data)
        yield place


def _read_folder(files: Files) -> object:
    with laid_out(files) as folder:
        return read_all(FolderSource(url=str(folder)))


def _read_zip(files: Files) -> object:
    with laid_out(files) as folder:
        return read_all(FolderSource(url=str(folder / "set.zip")))


def _of(sample: Callable[..., object]) -> Callable[[], Sequence[Files]]:
    return lambda: [sample().files]  # type: ignore[attr-defined]


@functools.cache
def _coco() -> Sequence[Files]:
    runs = {"size": [48, 64], "counts": [100, 50, 2922]}
    packed = {"size": [48, 64], "counts": "T3b0_O1"}
    records = [
        box(1), box(2, segmentation=[[4, 5, 14, 5, 14, 13.5]]), box(3, 2, iscrowd=1, segmentation=runs),
        box(4, 2, segmentation=packed), box(5, category_id=3, keypoints=[5, 6, 2, 7, 8, 1], num_keypoints=2),
    ]  # fmt: skip
    pictures = {f"images/{number}.png": picture_bytes(number) for number in (1, 2)}
    return [{"instances.json": orjson.dumps(coco(image(1), image(2), annotations=records)), **pictures}]


@functools.cache
def _jsonl() -> Sequence[Files]:
    return [exported()[0]]


def _zipped(files: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return buffer.getvalue()
