"""Every source keeps the promises of `tests.conformance.sources`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import orjson
import pytest
from prefect.blocks.fields import SecretDict
from pydantic import SecretStr

from blocks.folder import FolderSource
from blocks.idah import IdahSource
from blocks.sandbox.idah import DEMO_API_KEY, IdahSandbox
from blocks.upd import UpdSource
from exporters.formats.jsonl import ENTRIES
from exporters.model import Media
from tests.blocks.ango.hub import brushed, serving, truth
from tests.blocks.samples import ask_idah, box, coco, exported, image, lay_out, pack, picture_bytes
from tests.conformance.sources import CANARY, SourceCase, SourceConformance
from tests.fakes.upd import archived, forget_media


class TestIdah(SourceConformance):
    @pytest.fixture
    def case(self) -> Iterator[SourceCase]:
        sandbox = IdahSandbox(entries=9, datasets=2)
        store = sandbox.store
        store.add_entry(resource=None)
        with sandbox.serve() as url:
            entries = ask_idah(url, "dataset/entries")
            yield SourceCase(
                open=lambda: IdahSource(url=url, api_key=SecretStr(DEMO_API_KEY)),
                pictures={one["id"]: store.scene(one["id"]).jpeg() for one in entries if one["attributes"]["resource"]},
                records={one["id"]: one for one in entries + ask_idah(url, "dataset/annotations")},
                lose=lambda media: store.delete_media(media.ref, media.key),
                locked=lambda: IdahSource(url=url, api_key=SecretStr(CANARY), password=SecretStr(CANARY)),
            )


class TestAngo(SourceConformance):
    @pytest.fixture
    def case(self) -> Iterator[SourceCase]:
        with serving(12, video_tasks=0, document_tasks=0) as hub:
            project = hub.sandbox.project()
            rows, colors = hub.rows(), project.ontology.colors("brush")
            records = {id_: record for row in rows for id_, record in truth(row).items()}
            pictures = {}
            for row in rows:
                index = project.place(row["task"]["taskId"])
                scenes = project.scenes(index)
                pages = [f"/{page:04}" for page in range(len(scenes))] if len(scenes) > 1 else [""]
                pictures |= {
                    row["task"]["taskId"] + page: scene.jpeg() for page, scene in zip(pages, scenes, strict=True)
                }
                records |= brushed(row, project.traces(index), colors)
            yield SourceCase(
                open=hub.source,
                pictures=pictures,
                records=records,
                lose=lambda media: project.lost.add(unquote(urlsplit(media.ref).path)),
                locked=lambda: hub.source(api_key=SecretStr(CANARY)),
            )


class TestCocoFolder(SourceConformance):
    @pytest.fixture
    def case(self, tmp_path: Path) -> SourceCase:
        files = _coco_files()
        folder = lay_out(tmp_path / "traffic", files)
        return _coco_case(str(folder), files, lambda media: (folder / media.ref).unlink(), str(tmp_path))


class TestJsonlFolder(SourceConformance):
    @pytest.fixture
    def case(self, tmp_path: Path) -> SourceCase:
        files, _, _ = exported()
        folder = lay_out(tmp_path / "export", files)
        lines = [orjson.loads(line) for line in files[ENTRIES].splitlines()]
        originals = {line["id"]: media["id"] for line in lines for media in line.get("medias", [])[:1]}
        paths = {media_id: path for line in lines for media_id, path in line["files"].items()}
        return SourceCase(
            open=lambda: FolderSource(url=str(folder)),
            pictures={entry_id: files[paths[media_id]] for entry_id, media_id in originals.items()},
            records={one["id"]: one["record"] for line in lines for one in (line, *line.get("annotations", []))},
            lose=lambda media: (folder / media.ref).unlink(),
            locked=lambda: FolderSource(url=str(tmp_path / "nowhere"), options=SecretDict({"token": CANARY})),
            private=[str(tmp_path)],
        )


def _coco_files() -> dict[str, bytes]:
    """Two splits; ids over all of both are different."""
    train = coco(
        *(image(number, licence=2, coco_url=f"http://example.org/{number}") for number in (4, 1, 3, 2)),
        annotations=[box(11, 4), box(12, 2, bbox=[1, 2, 3, 4]), box(13, 2, attributes={"occluded": True})],
        licenses=[{"id": 2, "name": "CC0"}],
    )
    val = coco(image(5), image(6), annotations=[box(14, 6)])
    pictures = {f"images/{'val' if number > 4 else 'train'}/{number}.png": number for number in range(1, 7)}
    return {
        "annotations/instances_train.json": orjson.dumps(train),
        "annotations/instances_val.json": orjson.dumps(val),
        **{path: picture_bytes(number) for path, number in pictures.items()},
    }


def _coco_case(url: str, files: dict[str, bytes], lose: Callable[[Media], None], *private: str) -> SourceCase:
    documents = [orjson.loads(data) for name, data in files.items() if name.endswith(".json")]
    pictures = {Path(name).stem: data for name, data in files.items() if name.endswith(".png")}

    return SourceCase(
        open=lambda: FolderSource(url=url),
        pictures=pictures,
        records={str(one["id"]): one for each in documents for one in each["images"] + each["annotations"]},
        lose=lose,
        locked=lambda: FolderSource(url=f"{url}/nowhere", options=SecretDict({"token": CANARY})),
        private=private,
    )


class TestZippedCoco(SourceConformance):
    @pytest.fixture
    def case(self, tmp_path: Path) -> SourceCase:
        files = _coco_files()
        archive = pack(tmp_path / "traffic.zip", files)

        def lose(media: Media) -> None:
            pack(archive, {name: data for name, data in files.items() if name != media.ref})

        return _coco_case(str(archive), files, lose, str(tmp_path))


class TestUpd(SourceConformance):
    @pytest.fixture
    def case(self, tmp_path: Path) -> SourceCase:
        archive = archived(tmp_path / "street.upd")
        return SourceCase(
            open=lambda: UpdSource(url=str(archive.path)),
            pictures=archive.pictures,
            records=archive.records,
            lose=lambda media: forget_media(archive.path, media.ref.removeprefix("local:"), media.key),
            locked=lambda: UpdSource(url=str(tmp_path / "nowhere.upd"), options=SecretDict({"token": CANARY})),
            private=[str(tmp_path)],
        )
