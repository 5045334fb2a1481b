"""The examples that plug-ins begin with: each does what it says, and all of them pass the suite."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from exporters.errors import FatalError, RequestError, RetriableError
from exporters.examples.cleaning_up import CleaningUp
from exporters.examples.entry_errors import EntryErrors
from exporters.examples.push import Push
from exporters.examples.several_files import SeveralFiles
from exporters.examples.single_file import SingleFile
from exporters.examples.streaming import Streaming
from exporters.examples.validated_options import ValidatedOptions
from exporters.examples.with_media import WithMedia
from exporters.testing import conformance, plain_data, run, sample_data

TestSingleFile = conformance(SingleFile)
TestSeveralFiles = conformance(SeveralFiles)
TestWithMedia = conformance(WithMedia)
TestStreaming = conformance(Streaming)
TestValidatedOptions = conformance(ValidatedOptions)
TestCleaningUp = conformance(CleaningUp)
TestEntryErrors = conformance(EntryErrors)


def test_single_file() -> None:
    """Completed entries with their annotations; the others are counted as left out."""
    result = run(SingleFile, sample_data())
    many, few = result.json()
    assert (len(many["entries"]), few["entries"]) == (9, [])
    assert many["entries"][0]["annotations"][0]["label"]["category"] == "vehicles/car"
    assert result.left_out("entries") == {"a filter of the exporter excludes it": 2}


def test_several_files() -> None:
    """A file for each dataset and a summary, whole records in them."""
    result = run(SeveralFiles, sample_data())
    assert sorted(result.files) == ["dataset_1.json", "dataset_2.json", "summary.txt"]
    assert result.text("summary.txt").splitlines()[1] == "dataset_2.json: Few, 2 entries"
    assert result.json("dataset_2.json")["dataset"]["name"] == "Few"
    assert result.log == ["Wrote 2 datasets."]
    result.assert_complete("entries", "annotations")


def test_with_media() -> None:
    """Every upload under a name of its own, also those that share one or lead elsewhere."""
    result = run(WithMedia, sample_data())
    index = result.lines("index.jsonl")
    assert [result.bytes(line["file"]) for line in index] == [b"picture %d" % number for number in range(9)]
    assert index[2]["uploaded_as"] == "../up.jpg"
    result.assert_complete("medias")


def test_streaming() -> None:
    """One valid JSON array of all annotations, in order."""
    result = run(Streaming, sample_data())
    assert len(result.json()) == 55
    assert run(Streaming, plain_data()).json() == []
    result.assert_complete("annotations")


def test_entry_errors() -> None:
    """Boxes in pixels; entries without are left out by choice, an entry of unknown size is a fault."""
    result = run(EntryErrors, sample_data(), skips_faults=True)
    assert result.lines()[0]["boxes"][0] == [
        pytest.approx(corner) for corner in [[30, 50], [90, 50], [90, 100], [30, 100]]
    ]
    assert result.left_out("entries") == {"it has no boxes": 9}

    box = {"dimensions": {"type": "idah-image:bounding-box", "points": [[0, 0]] * 4}}
    unknown = plain_data({"entries": [{"id": "e1", "annotations": [box], "medias": [{"filename": "a", "meta": {}}]}]})
    faulty = run(EntryErrors, unknown, skips_faults=True)
    assert faulty.left_out("entries") == {"its boxes cannot be placed on its picture": 1}
    assert faulty.tally.has_faults
    with pytest.raises(FatalError, match="Entry e1 cannot be exported: its boxes cannot be placed"):
        run(EntryErrors, unknown)


def test_validated_options() -> None:
    """A table as it was asked for; options that contradict each other are refused before anything is read."""
    result = run(ValidatedOptions, sample_data(), delimiter="tab", least=9)
    rows = list(csv.reader(io.StringIO(result.text()), delimiter="\t"))
    assert [int(row[2]) for row in rows] == [10, 9]
    with pytest.raises(RequestError, match="most=1 leaves no room above least=2"):
        run(ValidatedOptions, sample_data(), least=2, most=1)


def test_cleaning_up(tmp_path: Path) -> None:
    """A database that was made in a temporary folder, whole after that folder is gone."""
    result = run(CleaningUp, sample_data())
    (tmp_path / "db").write_bytes(result.bytes())
    with sqlite3.connect(tmp_path / "db") as connection:
        assert connection.execute("select count(*), count(distinct entry) from annotations").fetchone() == (55, 10)
    connection.close()


# -- push, to a real server -------------------------------------------------------------------------------------------


@dataclass
class Api:
    """What was posted, and what is answered: the statuses in this order, then 201."""

    url: str = ""
    posted: list[Any] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    answers: list[int] = field(default_factory=list)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    made = Api()
    monkeypatch.setenv("PUSH_TOKEN", "s3cret")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.tokens.add(self.headers["Authorization"])
            status = made.answers.pop(0) if made.answers else 201
            if status < 300:
                made.posted.append((self.path, json.loads(body)))
            self.send_response(status)
            self.send_header("Retry-After", "7")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_port}/import?mode=full"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


def test_push(api: Api) -> None:
    """Every entry is posted with the token, and the export says which."""
    result = run(Push, sample_data(), url=api.url)
    assert api.tokens == {"Bearer s3cret"}
    assert {path for path, _ in api.posted} == {"/import?mode=full"}
    assert [document["entry"]["id"] for _, document in api.posted] == [line["entry"] for line in result.lines()]
    assert sum(len(document["annotations"]) for _, document in api.posted) == 55
    assert b"s3cret" not in result.bytes()
    result.assert_complete("entries", "annotations")


def test_push_to_a_busy_api(api: Api) -> None:
    """It is tried again later, after the time that the API asks for."""
    api.answers = [201, 503]
    with pytest.raises(RetriableError, match="is busy") as busy:
        run(Push, sample_data(), url=api.url)
    assert busy.value.delay_seconds == 7


def test_push_to_an_api_that_refuses(api: Api) -> None:
    """The entry is named."""
    api.answers = [422]
    with pytest.raises(ValueError, match=r"127\.0\.0\.1 answers 422 to entry entry-1"):
        run(Push, sample_data(), url=api.url)


def test_push_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """An API that is not there, a missing token, a wrong address: each says so."""
    monkeypatch.setenv("PUSH_TOKEN", "x")
    with pytest.raises(RetriableError, match="cannot be reached"):
        run(Push, sample_data(), url="http://127.0.0.1:9/import")
    with pytest.raises(RequestError, match="url='no url'"):
        run(Push, sample_data(), url="no url")
    monkeypatch.delenv("PUSH_TOKEN")
    assert run(Push, sample_data(), url="http://127.0.0.1:9/").errors == [
        "the environment has no PUSH_TOKEN; put the API's token there"
    ]
