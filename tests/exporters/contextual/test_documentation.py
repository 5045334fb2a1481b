"""Code as the platform's documentation teaches it, put into Python line by line: it runs, and exports what it says.

The names are the documentation's (`entry.entry`, `media.media`, `dimensions["type"]`), its habits too: files written by
their path, a zip at the end, errors reported and raised again. What had to be added is a name and a description.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from exporters.errors import FatalError
from exporters.testing import Result, plain_data, run, sample_data


class Exporter:
    name = "your-plugin"
    description = "From the documentation."


class ApiOptions(BaseModel):
    api_key: str | None = None


def result_of(exporter: type, **options: Any) -> Result:
    return run(exporter, sample_data(), **options)


def test_the_skeleton() -> None:
    """Ids, options and io taken from the context, datasets one after the other, progress set at the end."""

    class Export(Exporter):
        def export(self, context: Any) -> None:
            dataset_ids = context.dataset_ids
            options = context.options
            io = context.io
            for dataset in context.datasets:
                self.export_dataset(dataset, io, options)
            context.progress = 1.0
            assert len(dataset_ids) == 2

        def export_dataset(self, dataset: Any, io: Any, options: Any) -> None:
            """Here the export logic goes."""

    assert result_of(Export).progress == [1.0]


def test_the_data_contexts() -> None:
    """Every attribute and method that the documentation lists for datasets, entries, annotations and medias."""
    seen: dict[str, Any] = {}

    class Export(Exporter):
        def export(self, context: Any) -> None:
            for dataset in context.datasets:
                dataset_data = dataset.record
                seen["dataset"] = (dataset.record.id, dataset.record.name, dataset.record.modality, dataset_data)
                entries = dataset.entries({"status": "completed"})
                for entry in entries:
                    self.read(entry)

        def read(self, entry: Any) -> None:
            entry_data = entry.entry
            seen.setdefault("entry", (entry.entry.id, entry.entry.resource, entry.entry.status, entry_data))
            boxes = entry.annotations({"type": "bounding_box"})
            for annotation in boxes:
                annotation_data = annotation.annotation
                assert annotation_data is annotation.record
                assert annotation.annotation.dimensions["type"] == "idah-image:bounding-box"
                seen["annotation"] = (annotation.annotation.id, annotation.annotation.annotation)
            (original,) = entry.medias({"key": ""})
            media = original.media
            seen.setdefault("media", (media.resource, media.key, media.filename, media.mime_type, original.download()))

    result = result_of(Export)
    assert seen["dataset"][:3] == ("dataset-2", "Few", None)
    assert seen["entry"][:3] == ("entry-1", None, "completed")
    assert seen["annotation"][1]["category"] == "vehicles/car"
    assert seen["media"] == (None, "", "a.jpg", "image/jpeg", b"picture 0")
    assert result.counts["annotations"]["out"] == 3


def test_the_complete_example() -> None:
    """A single JSON file written by its path, with logging; a failure is reported to the context and raised again."""

    class Export(Exporter):
        def export(self, context: Any) -> None:
            logger = logging.getLogger("logger")
            try:
                logger.info("Starting export for %d datasets", len(context.dataset_ids))
                file = context.io.file(format="json")
                all_data = []
                for dataset in context.datasets:
                    all_data.append(self.export_dataset(dataset))  # noqa: PERF401 - as documented
                with open(file.path, "w") as handle:  # noqa: PTH123 - as documented
                    handle.write(json.dumps(all_data))
                logger.info("Export complete")
            except Exception as e:
                logger.exception("Export failed")
                context.error(str(e))
                raise

        def export_dataset(self, dataset: Any) -> dict[str, Any]:
            return {"id": dataset.record.id, "name": dataset.record.name}

    result = result_of(Export)
    assert [one["name"] for one in result.json("export.json")] == ['Crossing, "north" d\'été', "Few"]
    assert result.log == ["Starting export for 2 datasets", "Export complete"]

    class Failing(Export):
        def export_dataset(self, dataset: Any) -> dict[str, Any]:
            raise OSError(f"no room for {dataset.record.name}")

    assert result_of(Failing).errors == ['no room for Crossing, "north" d\'été']


@pytest.fixture
def api() -> Iterator[list[tuple[str | None, Any]]]:
    """Takes what is posted to `Export.API_URL`: the authorization, and the document."""
    posted: list[tuple[str | None, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(
                (self.headers["Authorization"], json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            )
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    PushExport.API_URL = f"http://127.0.0.1:{server.server_port}/import"
    yield posted
    server.shutdown()
    server.server_close()
    thread.join()


class PushExport(Exporter):
    API_URL: ClassVar[str]
    options = ApiOptions

    def export(self, context: Any) -> None:
        api_key = context.options["api_key"]
        for dataset in context.datasets:
            data = self.prepare_dataset_data(dataset)
            self.send_to_api(data, api_key)

    def prepare_dataset_data(self, dataset: Any) -> dict[str, Any]:
        return {"dataset": dataset.record, "entries": [entry.entry for entry in dataset.entries()]}

    def send_to_api(self, data: Any, api_key: str) -> None:
        headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.API_URL, json.dumps(data).encode(), headers)
        with urllib.request.urlopen(request) as response:
            if response.status != 200:
                raise RuntimeError(f"API error: {response.status}")


def test_export_to_an_external_api(api: list[tuple[str | None, Any]]) -> None:
    """Each dataset is posted with the bearer token; there is no file, which is an export all the same."""
    result = result_of(PushExport, api_key="s3cret")
    assert [authorization for authorization, _ in api] == ["Bearer s3cret"] * 2
    assert [len(document["entries"]) for _, document in api] == [9, 2]
    assert result.files == {}
    result.assert_complete("entries")


def test_export_to_multiple_files() -> None:
    """A file for each dataset, a summary, and a zip at the end, which made the original fail."""

    class Export(Exporter):
        def export(self, context: Any) -> None:
            dir = context.io.directory  # noqa: A001 - as documented
            for idx, dataset in enumerate(context.datasets):
                filename = f"dataset_{idx + 1}.json"
                data = self.export_dataset_data(dataset)
                with open(os.path.join(dir, filename), "w") as file:  # noqa: PTH118, PTH123 - as documented
                    file.write(json.dumps(data))
            summary = self.generate_summary(context.dataset_ids)
            with open(os.path.join(dir, "summary.txt"), "w") as file:  # noqa: PTH118, PTH123
                file.write(summary)
            zip_path = context.io.zip_directory()
            context.log.info("Export zipped to %s", zip_path)

        def export_dataset_data(self, dataset: Any) -> Any:
            return {"dataset": dataset.record, "entries": [{"id": entry.entry.id} for entry in dataset.entries()]}

        def generate_summary(self, dataset_ids: list[str]) -> str:
            return f"Exported {len(dataset_ids)} datasets"

    result = result_of(Export)
    assert sorted(result.files) == ["dataset_1.json", "dataset_2.json", "summary.txt"]
    assert result.json("dataset_1.json")["dataset"]["name"] == 'Crossing, "north" d\'été'
    assert result.text("summary.txt") == "Exported 2 datasets"


def test_large_datasets_in_batches() -> None:
    """A JSON array written piece by piece into the file that the context made."""

    class Export(Exporter):
        def export(self, context: Any) -> None:
            file = context.io.file(format="json")
            with open(file.path, "w") as f:  # noqa: PTH123 - as documented
                f.write("[")
                for idx, dataset in enumerate(context.datasets):
                    if idx > 0:
                        f.write(",")
                    f.write(json.dumps({"id": dataset.record.id}))
                f.write("]")

    assert result_of(Export).json() == [{"id": "dataset-1"}, {"id": "dataset-2"}]


def test_errors_of_one_dataset() -> None:
    """A dataset that fails is logged, and the next one is exported."""

    class Export(Exporter):
        def export(self, context: Any) -> None:
            for dataset in context.datasets:
                try:
                    self.export_dataset(dataset)
                except Exception as e:  # noqa: BLE001 - as documented
                    context.log.warning("Failed to export dataset %s: %s", dataset.record.id, e)

        def export_dataset(self, dataset: Any) -> None:
            if dataset.record.name == "Few":
                raise RuntimeError("too few")

    assert result_of(Export).log == ["Failed to export dataset dataset-2: too few"]


def test_progress_by_hand() -> None:
    """Set after each dataset id."""

    class Export(Exporter):
        def export(self, context: Any) -> None:
            total = len(context.dataset_ids)
            for idx, _id in enumerate(context.dataset_ids):
                context.progress = (idx + 1) / total

    assert result_of(Export).progress == [0.5, 1.0]


def test_validation() -> None:
    """A missing option and an empty list of datasets are raised by the exporter itself."""

    class Export(Exporter):
        options = ApiOptions

        def export(self, context: Any) -> None:
            if not context.options["api_key"]:
                raise ValueError("API key required")
            if not context.dataset_ids:
                raise ValueError("No datasets to export")

    with pytest.raises(ValueError, match="API key required"):
        result_of(Export)
    with pytest.raises(ValueError, match="No datasets to export"):
        run(Export, plain_data(), api_key="x")
    assert result_of(Export, api_key="x").errors == []


def test_export_with_media() -> None:
    """Medias written under the names they were uploaded as; those that lead elsewhere are found out."""

    class Export(Exporter):
        def export(self, context: Any) -> None:
            dir = context.io.directory  # noqa: A001 - as documented
            for dataset in context.datasets:
                for entry in dataset.entries():
                    for media in entry.medias({"key": ""}):
                        with open(os.path.join(dir, media.media.filename), "wb") as file:  # noqa: PTH118, PTH123
                            file.write(media.download())

    sound = plain_data({"entries": [{"medias": [{"filename": f"{number}.jpg", "bytes": b"x"}]} for number in range(2)]})
    assert run(Export, sound).files == {"0.jpg": b"x", "1.jpg": b"x"}
    with pytest.raises(FatalError, match=r"“up\.jpg” was written beside context\.io\.directory"):
        run(Export, plain_data({"entries": [{"medias": [{"filename": "../up.jpg", "bytes": b"x"}]}]}))
