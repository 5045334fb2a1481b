"""What the tests of blocks are made of: pictures, COCO folders, a logged-in client of nobody's making."""

from __future__ import annotations

import asyncio
import io
import json
import urllib.request
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
from PIL import Image

from blocks.sandbox.idah import DEMO_API_KEY
from blocks.source import Source
from exporters.formats.jsonl import DATASETS, ENTRIES, JsonlExporter
from exporters.model import Dataset, Entry, Media
from tests.conformance.exporters import run_export
from tests.fakes.datasets import HEIGHT, WIDTH, annotation, dataset, entry, one_of_each, picture

CATEGORIES = [
    {"id": 7, "name": "car", "supercategory": "vehicle"},
    {"id": 3, "name": "person", "keypoints": ["nose", "left_hand"], "skeleton": [[1, 2]]},
]


def picture_bytes(shade: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT), form: str = "PNG", **options: Any) -> bytes:
    """A file of one colour, another one for each `shade`."""
    buffer = io.BytesIO()
    Image.new("RGB", size, (shade % 256, 255 - shade % 256, 80)).save(buffer, form, **options)
    return buffer.getvalue()


def image(number: Any = 1, name: Any = None, **values: Any) -> dict[str, Any]:
    name = f"{number}.png" if name is None else name
    return {"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT, **values}


def box(number: Any = 1, image_id: Any = 1, **values: Any) -> dict[str, Any]:
    defaults = {"category_id": 7, "bbox": [4, 5, 10, 8.5], "area": 85.0, "iscrowd": 0}
    return {"id": number, "image_id": image_id, **defaults, **values}


def coco(*images: Any, annotations: Any = (), **values: Any) -> dict[str, Any]:
    return {"images": list(images), "annotations": list(annotations), "categories": CATEGORIES, **values}


def lay_out(folder: Path, files: Mapping[str, Any]) -> Path:
    """Files by path: bytes as they are, everything else as JSON."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(as_bytes(content))
    return folder


def pack(archive: Path, files: Mapping[str, Any]) -> Path:
    with zipfile.ZipFile(archive, "w") as handle:
        for name, content in files.items():
            handle.writestr(name, as_bytes(content))
    return archive


def as_bytes(content: Any) -> bytes:
    return content if isinstance(content, bytes) else orjson.dumps(content)


def exported() -> tuple[dict[str, bytes], list[Dataset], list[Entry]]:
    """A `jsonl` export with its pictures, file by path, and what was exported: two datasets, every kind of shape."""
    datasets = [dataset("d1"), dataset("d2", [], split="val", name="Second")]
    medias = [picture(f"m{index}", size=len(picture_bytes(index)), version=f"v{index}") for index in range(5)]
    shapes = list(one_of_each().values())
    entries = [
        entry("e0", *shapes, medias=(medias[0],), attributes={"weather": "rain"}),
        entry("e1", medias=(medias[1],), state="in_progress"),
        entry("e2", shapes[0], medias=(medias[2], picture("m2-small", key="small.png"))),
        entry("e3", medias=()),
        entry("e4", annotation("odd", shapes[3], category_id=None), dataset_id="d2", split="val", medias=(medias[4],)),
    ]
    by_dataset = {one.id: [each for each in entries if each.dataset_id == one.id] for one in datasets}
    made = run_export(JsonlExporter(), datasets, by_dataset, shard_size=2)
    files = {name: made.files[name] for name in (DATASETS, ENTRIES)}
    for line in made.files[ENTRIES].splitlines():
        for media_id, path in orjson.loads(line)["files"].items():
            files[path] = picture_bytes(int(media_id[1:]))
    return files, datasets, entries


def read_media(source: Source, media: Media) -> bytes:
    async def read() -> bytes:
        async with source.open_media() as reader:
            return b"".join([chunk async for chunk in reader.read(media)])

    return asyncio.run(read())


def everything(source: Source, dataset_id: str | None = None) -> list[Entry]:
    """All entries of a dataset, of the only one where none is named."""
    chosen = source.dataset(dataset_id) if dataset_id else source.dataset(source.catalog()[0].id)
    return list(source.read(chosen, list(source.list_entries(chosen, {})), "original"))


def ask_idah(url: str, path: str, **filters: str) -> list[dict[str, Any]]:
    """The rows of a listing, asked for with the standard library: shares no code with the product's client."""

    def call(path: str, body: bytes | None = None, **headers: str) -> Any:
        request = urllib.request.Request(f"{url}/api/v1/{path}", body, headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    body = json.dumps({"api_key": DEMO_API_KEY}).encode()
    token = call("iam/auth/api/login", body, **{"Content-Type": "application/json"})["meta"]["token"]
    query = "&".join(f"filter[{name}]={quote(value)}" for name, value in filters.items())
    rows: list[dict[str, Any]] = call(f"{path}?{query}", Authorization=f"Bearer {token}")["data"]
    return rows
