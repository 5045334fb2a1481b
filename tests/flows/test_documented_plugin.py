"""A plug-in written from the platform's documentation alone, its samples put into Python, is delivered."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from exporters import registry
from tests.flows.harness import Exports, Platform

SYNC = """
from .export import Complete, Media, ManyFiles, Push, Streamed


def init(context):
    for exporter in (Complete, ManyFiles, Streamed, Media, Push):
        context.register_exports(["idah-image"], exporter)
"""

EXPORT = """
import json, logging, os, urllib.request

logger = logging.getLogger("logger")


class Complete:
    name = "complete"
    description = "A single JSON file."

    def export(self, context):
        try:
            logger.info("Starting export for %d datasets", len(context.dataset_ids))
            file = context.io.file(format="json")
            all_data = []
            for dataset in context.datasets:
                all_data.append(self.export_dataset(dataset))
            with open(file.path, "w") as f:
                f.write(json.dumps(all_data))
            logger.info("Export complete")
        except Exception as e:
            logger.error("Export failed: %s", e)
            context.error(str(e))
            raise

    def export_dataset(self, dataset):
        entries = dataset.entries({"status": "completed"})
        return {"dataset": dataset.record, "entries": [self.export_entry(entry) for entry in entries]}

    def export_entry(self, entry):
        return {
            "id": entry.record.id,
            "annotations": [a.annotation for a in entry.annotations()],
            "boxes": [a.record.shape for a in entry.annotations({"type": "bounding_box"})],
            "medias": [{"filename": m.media.filename, "mime_type": m.media.mime_type} for m in entry.medias()],
        }


class ManyFiles:
    name = "many-files"
    description = "Several files, a summary, zipped."

    def export(self, context):
        dir = context.io.directory
        for idx, dataset in enumerate(context.datasets):
            with open(os.path.join(dir, f"dataset_{idx + 1}.json"), "w") as file:
                file.write(json.dumps({"dataset": dataset.record, "entries": [e.entry for e in dataset.entries()]}))
        with open(os.path.join(dir, "summary.txt"), "w") as file:
            file.write(f"Exported {len(context.dataset_ids)} datasets")
        zip_path = context.io.zip_directory()


class Streamed:
    name = "streamed"
    description = "A large dataset, piece by piece."

    def export(self, context):
        file = context.io.file(format="json")
        with open(file.path, "w") as f:
            f.write("[")
            for idx, dataset in enumerate(context.datasets):
                if idx > 0:
                    f.write(",")
                f.write(json.dumps({"id": dataset.record.id, "entries": [e.record.name for e in dataset.entries()]}))
            f.write("]")
        context.progress = 1.0


class Media:
    name = "media"
    description = "Files of the entries."

    def export(self, context):
        dir = context.io.directory
        try:
            for dataset in context.datasets:
                for entry in dataset.entries():
                    for media in entry.medias({"key": ""}):
                        with open(os.path.join(dir, f"{entry.record.id}.jpg"), "wb") as file:
                            file.write(media.download())
        finally:
            context.io.cleanup()


class Push:
    name = "push-from-docs"
    description = "Posts each dataset to an API."

    def export(self, context):
        for dataset in context.datasets:
            data = {"dataset": dataset.record, "entries": [entry.entry for entry in dataset.entries()]}
            headers = {"Authorization": f"Bearer {os.environ['TEST_API_KEY']}", "Content-Type": "application/json"}
            request = urllib.request.Request(os.environ["TEST_API_URL"], json.dumps(data).encode(), headers)
            with urllib.request.urlopen(request) as response:
                if response.status != 200:
                    raise RuntimeError(f"API error: {response.status}")
"""


@pytest.fixture
def documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path / "plugins" / "documented"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"name": "documented", "version": "1.0.0"}))
    (folder / "sync.py").write_text(SYNC)
    (folder / "export.py").write_text(EXPORT)
    monkeypatch.setenv("OUTHAUL_PLUGINS", str(folder))
    registry.reload()
    yield
    monkeypatch.undo()
    registry.reload()


def delivered(exports: Exports, platform: Platform, exporter: str) -> dict[str, bytes]:
    summary = exports.run(platform.source, exporter=exporter, package="directory")
    folder = Path(summary.delivery.url)
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    beside = ("contents.jsonl", "manifest.json", "receipt.json", "report.html")
    return {name: data for name, data in found.items() if name not in beside}


@pytest.mark.usefixtures("documented")
def test_samples_of_the_documentation_deliver(exports: Exports, platform: Platform) -> None:
    """The single file, the several files with a zip, the streamed file and the media: each is what its code says."""
    store = platform.sandbox.store
    entries = store.entries_of(store.datasets[0].id)

    ((_, data),) = delivered(exports, platform, "complete").items()
    (dataset,) = json.loads(data)
    assert dataset["dataset"]["id"] == store.datasets[0].id
    assert {one["id"] for one in dataset["entries"]} == {one.id for one in entries if one.status == "completed"}
    shapes = [shape for one in dataset["entries"] for shape in one["boxes"]]
    assert shapes
    assert {shape["type"] for shape in shapes} == {"idah-image:bounding-box"}

    files = delivered(exports, platform, "many-files")
    assert sorted(files) == ["dataset_1.json", "summary.txt"]
    assert files["summary.txt"] == b"Exported 1 datasets"
    assert len(json.loads(files["dataset_1.json"])["entries"]) == len(entries)

    ((_, data),) = delivered(exports, platform, "streamed").items()
    assert len(json.loads(data)[0]["entries"]) == len(entries)

    assert len(delivered(exports, platform, "media")) == len(entries)


@pytest.mark.usefixtures("documented")
def test_the_push_of_the_documentation_arrives(
    exports: Exports, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each dataset is posted with the bearer token, once."""
    posted: list[tuple[str | None, Any]] = []

    class Api(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            posted.append((self.headers["Authorization"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        monkeypatch.setenv("TEST_API_URL", f"http://127.0.0.1:{server.server_port}/import")
        monkeypatch.setenv("TEST_API_KEY", "s3cret")
        assert delivered(exports, platform, "push-from-docs") == {}
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    ((authorization, document),) = posted
    assert authorization == "Bearer s3cret"
    assert len(document["entries"]) == len(platform.sandbox.store.entries_of(document["dataset"]["id"]))
