"""The harness for tests of exporters: what goes in, what comes out, and that it finds what it is there to find."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard

from exporters import RequestError
from exporters.contextual import Context
from exporters.errors import FatalError
from exporters.examples.single_file import SingleFile
from exporters.examples.validated_options import ValidatedOptions
from exporters.formats.json import JsonExporter
from exporters.formats.jsonl import JsonlExporter
from exporters.model import encode
from exporters.testing import conformance, fetched_shard, plain_data, platform_data, run, sample_data
from tests.fakes.datasets import SQUARE, dataset, entry, media_bytes

TestSingleFile = conformance(SingleFile)
TestSharded = conformance(JsonExporter)
TestWithOptions = conformance(ValidatedOptions, delimiter="tab")

STREET = {
    "name": "Street",
    "entries": [
        {
            "id": "e1",
            "name": "a.jpg",
            "annotations": [{"dimensions": {"type": "entry:root"}, "annotation": {"category": "day"}}],
            "medias": [{"filename": "a.jpg", "bytes": b"picture"}],
        }
    ],
}


class Everything:
    name = "everything"
    description = "Records, and the bytes of medias."

    def export(self, context: Context) -> None:
        directory = context.io.directory
        for one in context.datasets:
            for each in one.entries():
                records = [each.record, *(found.record for found in each.annotations())]
                (directory / f"{each.record.id}.json").write_bytes(orjson.dumps(records))
                for media in each.medias():
                    (directory / media.safe_name).write_bytes(media.download())


def test_plain_data_becomes_records() -> None:
    """Attributes as they were given, ids made up where there were none, bytes behind medias."""
    result = run(Everything, plain_data(STREET))
    one, found = result.json("e1.json")
    assert (one["name"], one["dataset_id"], one["type"]) == ("a.jpg", "dataset-1", "dataset:entries")
    assert (found["annotation"], found["entry_id"]) == ({"category": "day"}, "e1")
    assert result.bytes("a~id-media-1.jpg") == b"picture"
    result.assert_complete()


def test_plain_data_may_have_the_platforms_form() -> None:
    """Documents as the platform sends them, with entries inside their dataset."""
    document = {
        "type": "dataset:datasets",
        "id": "d1",
        "attributes": {"name": "Street", "modality": "idah-video"},
        "entries": [
            {
                "type": "dataset:entries",
                "id": "e1",
                "attributes": {"name": "a.jpg", "status": "errored"},
                "relationships": {"dataset": {"data": {"type": "dataset:datasets", "id": "d1"}}},
            }
        ],
    }
    data = plain_data(document)
    (one,) = data.entries(data.datasets[0])
    assert (data.datasets[0].modality, one.state) == ("video", "rejected")
    assert one.record == {
        "type": "dataset:entries",
        "id": "e1",
        "attributes": {"dataset_id": "d1", "name": "a.jpg", "status": "errored"},
        "relationships": {"dataset": {"data": {"type": "dataset:datasets", "id": "d1"}}},
    }


def test_structs_of_the_record_model_are_data_too() -> None:
    """For exporters that work with shapes in pixels, sharded ones above all."""
    data = plain_data((dataset("d1"), [entry("e1", SQUARE)]), files={"e1-m": b"x"})
    result = run(JsonlExporter, data)
    assert {"entries.jsonl", "datasets.jsonl"} < result.files.keys()
    assert result.lines("entries.jsonl")[0]["annotations"][0]["shape"]["type"] == "polygon"
    result.assert_complete()


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.zst"])
def test_a_fetched_shard_is_data(tmp_path: Path, suffix: str) -> None:
    """As it lies in a workspace, compressed or not; its datasets are made up of what the entries name."""
    lines = b"".join(encode(one) + b"\n" for one in (entry("e1", SQUARE), entry("e2", dataset_id="d2")))
    path = tmp_path / f"shard{suffix}"
    path.write_bytes(zstandard.compress(lines) if suffix.endswith("zst") else lines)
    data = fetched_shard(path)
    assert [one.id for one in data.datasets] == ["d1", "d2"]
    assert run(SingleFile, data).counts["annotations"] == {"in": 1, "out": 1, "left_out": 0}


def test_a_jsonl_export_is_data_with_its_files(tmp_path: Path) -> None:
    """Datasets, entries and the bytes of their medias, from where an export was unpacked."""
    made = run(JsonlExporter, plain_data((dataset("d1"), [entry("e1", SQUARE)]), files={"e1-m": b"picture"}))
    for path, content in made.files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    result = run(Everything, fetched_shard(tmp_path / "entries.jsonl"))
    assert result.bytes("e1-m~id-e1-m.png") == b"picture"
    result.assert_complete()


def test_a_platform_is_data() -> None:
    """Anything with the three methods of a source; `where` is its to apply."""
    asked: list[Any] = []

    class Platform:
        def choose(self, wanted: Any) -> Any:
            return [dataset(one) for one in wanted]

        def list_entries(self, one: Any, where: Any) -> Any:
            asked.append((one.id, where))
            return iter([b"e1", b"e2"])

        def read(self, one: Any, listing: Any, media: Any) -> Any:
            asked.append((listing, media))
            return (entry(line.decode(), SQUARE, dataset_id=one.id) for line in listing)

    data = platform_data(Platform(), "d1", where={"status": ["completed"]}, read_media=media_bytes)
    assert asked == [("d1", {"status": ["completed"]}), ([b"e1", b"e2"], "original")]
    result = run(Everything, data)
    assert result.bytes("e1-m~id-e1-m.png") == media_bytes(entry("e1").medias[0])
    result.assert_complete()


def test_options_are_read_as_on_the_command_line() -> None:
    """Texts are converted, unknown ones refused."""
    assert run(ValidatedOptions, plain_data(STREET), delimiter="semicolon", least="1").text() == "e1;a.jpg;1\n"
    with pytest.raises(RequestError, match="no option 'leest'"):
        run(ValidatedOptions, plain_data(STREET), leest=1)


def test_what_an_exporter_raises_is_raised() -> None:
    """With its traceback, for the author to see; only what it says to the context is in the result."""

    class Broken(SingleFile):
        def export(self, context: Context) -> None:
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        run(Broken, plain_data(STREET))
    with pytest.raises(FatalError, match="has no method export"):
        run(type("Nothing", (), {"name": "n", "description": "d"}), plain_data(STREET))


def test_a_result_says_what_is_missing() -> None:
    """Its helpers name the files there are, and what was left out."""
    result = run(Everything, plain_data(STREET))
    with pytest.raises(AssertionError, match=r"has no file 'x', but \['a~id-media-1.jpg', 'e1.json'\]"):
        result.bytes("x")
    with pytest.raises(AssertionError, match="has 2 files, say which"):
        result.json()
    with pytest.raises(AssertionError, match=r"medias were left out: \{'the exporter did not read it': 1\}"):
        run(SingleFile, plain_data(STREET)).assert_complete("medias")


class Unstable(SingleFile):
    def export(self, context: Context) -> None:
        context.io.file(format="txt").write(str(random.random()))


class Fragile(SingleFile):
    def export(self, context: Context) -> None:
        for one in context.datasets:
            context.io.file().write(next(iter(one.entries())).record.name)


class Careless(SingleFile):
    def export(self, context: Context) -> None:
        for one in context.datasets:
            for each in one.entries():
                for media in each.medias():
                    (context.io.directory / media.record.filename).write_bytes(media.download())


@pytest.mark.parametrize(
    ("exporter", "test"),
    [
        (Unstable, "test_the_same_entries_give_the_same_bytes"),
        (Fragile, "test_an_empty_dataset_is_an_export_too"),
        (Careless, "test_it_ends_well"),
    ],
)
def test_the_suite_finds_what_exporters_get_wrong(exporter: type, test: str) -> None:
    """Bytes that differ, datasets without entries, names that lead elsewhere."""
    with pytest.raises(BaseException):  # noqa: B017 - whatever the exporter meets
        getattr(conformance(exporter)(), test)()


def test_a_test_takes_no_time() -> None:
    """Well under a second, so that plug-ins are tested as they are written."""
    data = sample_data()
    started = time.process_time()
    for _ in range(10):
        run(SingleFile, data)
    assert time.process_time() - started < 5
