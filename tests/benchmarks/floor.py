"""The floor: the same export by hand. One asyncio script, no orchestration, no retries, no checks, no second run.

It reads a sandbox IDAH platform and sends COCO and pictures to S3 as a zip that is never whole anywhere, as fast as a
person would bother to make it: 64 connections, parts that go out while the next ones fill.
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from queue import Queue
from typing import Any

import aiohttp
import obstore
import orjson
from obstore.store import S3Store

PART_BYTES = 16 << 20


def export(url: str, key: str, place: str, connections: int) -> None:
    bucket, _, name = place.removeprefix("s3://").partition("/")
    chunks: Queue[bytes] = Queue(8)

    async def both() -> None:
        upload = asyncio.to_thread(_upload, bucket, f"{name}.zip", chunks)
        await asyncio.gather(upload, _fetch(f"{url}/api/v1", key, connections, chunks))

    asyncio.run(both())


def _upload(bucket: str, name: str, chunks: Queue[bytes]) -> None:
    store = S3Store(bucket, client_options={"allow_http": True})  # the rest is in the environment
    obstore.put(store, name, iter(chunks.get, b""), use_multipart=True, chunk_size=PART_BYTES, max_concurrency=4)


def download(url: str, key: str, connections: int) -> None:
    """All files, and nothing is done with them."""

    async def work() -> None:
        async with _connected(f"{url}/api/v1", key, connections) as platform:
            entries = await platform.rows(f"dataset/entries?filter[dataset_id]={(await platform.dataset())['id']}")
            async for _ in platform.files(entries, connections):
                pass

    asyncio.run(work())


async def _fetch(base: str, key: str, connections: int, chunks: Queue[bytes]) -> None:
    async with _connected(base, key, connections) as platform:
        dataset = await platform.dataset()
        entries = await platform.rows(f"dataset/entries?filter[dataset_id]={dataset['id']}")
        annotations, medias = await asyncio.gather(
            platform.rows(f"dataset/annotations?filter[dataset_id]={dataset['id']}"),
            platform.rows(f"media/medias?filter[project_id]={dataset['attributes']['project_id']}&filter[key]="),
        )
        archive = Archive(chunks)
        await archive.add("annotations.json", orjson.dumps(_coco(entries, annotations, medias)))
        async for resource, data in platform.files(entries, connections):
            await archive.add(f"images/{resource}", data)
        await archive.close()


@asynccontextmanager
async def _connected(base: str, key: str, connections: int) -> AsyncIterator[Platform]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:
        login = await session.post(f"{base}/iam/auth/api/login", json={"api_key": key})
        session.headers["Authorization"] = f"Bearer {(await login.json(content_type=None))['meta']['token']}"
        yield Platform(base, session)


class Platform:
    """What is asked of it, without a second thought."""

    def __init__(self, base: str, session: aiohttp.ClientSession) -> None:
        self._base, self._session = base, session

    async def get(self, path: str) -> bytes:
        async with self._session.get(f"{self._base}/{path}") as response:
            return await response.read()

    async def dataset(self) -> Any:
        return orjson.loads(await self.get("dataset/datasets"))["data"][0]

    async def rows(self, path: str) -> list[Any]:
        found: list[Any] = []
        number = 1
        while page := orjson.loads(await self.get(f"{path}&page[number]={number}&page[size]=1000"))["data"]:
            found += page
            number += 1
        return found

    async def files(self, entries: list[Any], at_once: int) -> AsyncIterator[tuple[str, bytes]]:
        waiting: deque[tuple[str, asyncio.Task[bytes]]] = deque()
        for entry in entries:
            resource = entry["attributes"]["resource"]
            waiting.append((resource, asyncio.create_task(self.get(f"media/medias/files/{resource}"))))
            if len(waiting) == at_once:
                name, data = waiting.popleft()
                yield name, await data
        for name, data in waiting:
            yield name, await data


class Archive:
    """A stored zip below 4 GiB, into a queue."""

    def __init__(self, chunks: Queue[bytes]) -> None:
        self._chunks, self._directory, self._offset = chunks, list[bytes](), 0

    async def add(self, path: str, data: bytes) -> None:
        name = path.encode()
        fields = struct.pack("<HHHHIIIHH", 0x800, 0, 0, 0x21, zlib.crc32(data), len(data), len(data), len(name), 0)
        self._directory.append(
            struct.pack("<IHH", 0x02014B50, 20, 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, self._offset) + name
        )
        await self._put(struct.pack("<IH", 0x04034B50, 20) + fields + name)
        await self._put(data)

    async def close(self) -> None:
        count, start, directory = len(self._directory), self._offset, b"".join(self._directory)
        await self._put(directory)
        await self._put(struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(directory), start, 0))
        await self._put(b"")

    async def _put(self, data: bytes) -> None:
        self._offset += len(data)
        while self._chunks.full():  # noqa: ASYNC110 - a thread empties it
            await asyncio.sleep(0.001)
        self._chunks.put_nowait(data)


def _coco(entries: list[Any], annotations: list[Any], medias: list[Any]) -> dict[str, Any]:
    sizes = {row["attributes"]["resource"]: row["attributes"]["meta"] for row in medias}
    of_entry = defaultdict(list)
    for annotation in annotations:
        of_entry[annotation["attributes"]["entry_id"]].append(annotation["attributes"]["dimensions"])
    return {"images": list(_images(entries, sizes)), "annotations": list(_boxes(entries, of_entry, sizes))}


def _images(entries: list[Any], sizes: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for number, entry in enumerate(entries, 1):
        resource = entry["attributes"]["resource"]
        yield {"id": number, "file_name": resource, **sizes[resource]}


def _boxes(entries: list[Any], of_entry: dict[str, list[Any]], sizes: dict[str, Any]) -> Iterator[dict[str, Any]]:
    found = 0
    for number, entry in enumerate(entries, 1):
        size = sizes[entry["attributes"]["resource"]]
        for shape in of_entry[entry["id"]]:
            if shape["type"] == "idah-image:bounding-box":
                found += 1
                (left, top), _, (right, bottom), _ = shape["points"]
                width, height = size["width"], size["height"]
                box = [left * width, top * height, (right - left) * width, (bottom - top) * height]
                yield {"id": found, "image_id": number, "category_id": 1, "bbox": box}
