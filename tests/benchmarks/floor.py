"""The floor: the same export by hand. One asyncio script, no orchestration, no retries, no checks, no second run.

It reads a sandbox IDAH platform and writes COCO and pictures into a zip, as fast as a person would bother to make it.
"""

from __future__ import annotations

import asyncio
import sys
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import aiohttp
import orjson

FILES_AT_ONCE = 8


async def export(url: str, key: str, target: Path) -> None:
    base = f"{url}/api/v1"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=FILES_AT_ONCE)) as session:
        login = await session.post(f"{base}/iam/auth/api/login", json={"api_key": key})
        session.headers["Authorization"] = f"Bearer {(await login.json(content_type=None))['meta']['token']}"

        async def get(path: str) -> Any:
            async with session.get(f"{base}/{path}") as response:
                return orjson.loads(await response.read())["data"]

        async def all_pages(path: str) -> list[Any]:
            rows: list[Any] = []
            while len(page := await get(f"{path}&page[number]={len(rows) // 1000 + 1}&page[size]=1000")) == 1000:
                rows += page
            return rows + page

        (dataset,) = await get("dataset/datasets")
        project = dataset["attributes"]["project_id"]
        entries = await all_pages(f"dataset/entries?filter[dataset_id]={dataset['id']}")
        annotations = defaultdict(list)
        for annotation in await all_pages(f"dataset/annotations?filter[dataset_id]={dataset['id']}"):
            annotations[annotation["attributes"]["entry_id"]].append(annotation["attributes"])
        medias = {
            row["attributes"]["resource"]: row["attributes"]["meta"]
            for row in await all_pages(f"media/medias?filter[project_id]={project}&filter[key]=")
        }
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("annotations.json", orjson.dumps(_coco(entries, annotations, medias)))
            waiting = iter(entries)

            async def work() -> None:
                for entry in waiting:
                    resource = entry["attributes"]["resource"]
                    async with session.get(f"{base}/media/medias/files/{resource}") as response:
                        archive.writestr(f"images/{resource}", await response.read())

            await asyncio.gather(*(work() for _ in range(FILES_AT_ONCE)))


def _coco(entries: list[Any], annotations: dict[str, list[Any]], medias: dict[str, Any]) -> dict[str, Any]:
    images, rows = [], []
    for number, entry in enumerate(entries, 1):
        size = medias[entry["attributes"]["resource"]]
        images.append({"id": number, "file_name": entry["attributes"]["resource"], **size})
        for one in annotations[entry["id"]]:
            if one["dimensions"]["type"] == "idah-image:bounding-box":
                points = one["dimensions"]["points"]
                left, top = points[0][0] * size["width"], points[0][1] * size["height"]
                right, bottom = points[2][0] * size["width"], points[2][1] * size["height"]
                box = [left, top, right - left, bottom - top]
                rows.append({"id": len(rows) + 1, "image_id": number, "category_id": 1, "bbox": box})
    return {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "any"}]}


if __name__ == "__main__":
    asyncio.run(export(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
