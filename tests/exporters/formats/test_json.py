"""What the format `json` promises beside what every format does: the platform's records, untouched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from msgspec import Raw

from exporters.formats.json import JsonExporter
from exporters.model import compact
from tests.conformance.exporters import run_export
from tests.fakes.datasets import SQUARE, annotation, dataset, entry, one_of_each, picture

GOLDEN = Path(__file__).parent / "golden" / "json" / "export.json"

ODD = compact(
    b'{"id": 12345678901234567890123, "price": 1.00, "tiny": 1e-400, "again": 1, "again": 2,\n'
    b' "text": "\\u00e9\\ud83e\\udd96 \\/ \xc3\xa9", "b": [], "a": {}}'
)
"""What a parser and a writer would change: digits, trailing zeros, repeated keys, escapes, order."""


def exported(*entries: Any, **options: Any) -> bytes:
    return run_export(JsonExporter(), [dataset()], entries, **options).files["export.json"]


def test_golden_file() -> None:
    """A small export is, to the byte, the file that lies beside this test to be looked at."""
    shapes = one_of_each()
    entries = [
        entry("e1", shapes["box"], annotation("e1-tag", shapes["classification"], raw=ODD), raw=ODD),
        entry("e2", medias=()),
    ]
    assert exported(*entries) == GOLDEN.read_bytes()


def test_records_are_untouched() -> None:
    """Records of datasets, entries, annotations and media are delivered to the byte."""
    made = run_export(
        JsonExporter(),
        [dataset(raw=ODD)],
        [
            entry(
                "e1",
                annotation("a", one_of_each()["box"], raw=ODD),
                medias=(picture("m", raw=ODD),),
                raw=ODD,
            )
        ],
        media="none",
    )
    odd = bytes(ODD)
    assert made.files == {
        "export.json": b'{"datasets":[{"dataset":%b,"entries":[\n'
        b'{"entry":%b,"annotations":[%b],"medias":[%b],"files":{}}\n]}]}\n' % (odd, odd, odd, odd)
    }


def test_document_reads_back() -> None:
    """Any JSON reader finds the datasets with their entries, and these with annotations and media."""
    datasets = [dataset("d1"), dataset("d2"), dataset("d3")]
    entries = {
        "d1": [entry("e1", one_of_each()["box"]), entry("e2")],
        "d3": [entry("e3", dataset_id="d3", medias=(picture("p"), picture("q", key="preview")))],
    }
    for size in (1, 1000):
        made = run_export(JsonExporter(), datasets, entries, shard_size=size, media="all")
        read = json.loads(made.files["export.json"])["datasets"]
        assert [one["dataset"] for one in read] == [{"id": "d1"}, {"id": "d2"}, {"id": "d3"}]
        assert [[line["entry"]["entry"] for line in one["entries"]] for one in read] == [["e1", "e2"], [], ["e3"]]
        assert read[0]["entries"][0]["annotations"] == [{"annotation": "e1-a1"}]
        assert read[2]["entries"][0]["medias"] == [{"media": "p"}, {"media": "q"}]


def test_files_say_where_media_lie() -> None:
    """`files` has the path in the package of each media that is part of it, by the media's id."""
    one = entry("e1", name="a.png", medias=(picture("p"), picture("q", key="preview.png")))
    for media, count in (("none", 0), ("original", 1), ("all", 2)):
        made = run_export(JsonExporter(), [dataset()], [one], media=media)  # type: ignore[arg-type]
        files = json.loads(made.files["export.json"])["datasets"][0]["entries"][0]["files"]
        assert sorted(files.values()) == sorted(made.medias)
        assert len(files) == count


def test_one_entry_a_line() -> None:
    """Each entry stands on a line of its own, so that the file can be read as a stream."""
    lines = exported(*(entry(f"e{number}", *one_of_each().values()) for number in range(5))).splitlines()
    assert len(lines) == 1 + 5 + 1
    for line in lines[1:-1]:
        assert json.loads(line.rstrip(b","))["entry"]


def test_nothing_is_left_out() -> None:
    """Every shape and every state of an entry goes out."""
    entries = [entry("e1", *one_of_each().values()), entry("e2", state="rejected"), entry("e3", state="in_progress")]
    tally = run_export(JsonExporter(), [dataset()], entries).tally
    assert tally.left_out == ()
    assert tally.by_shape == dict.fromkeys(one_of_each(), 1)


def test_entry_without_record_is_written_in_the_record_model() -> None:
    """What no platform sent is written with all that is known of it, not as an empty object."""
    (read,) = json.loads(exported(entry("e1", SQUARE, raw=Raw(b"{}")), media="none"))["datasets"][0]["entries"]
    assert (read["entry"]["id"], read["entry"]["name"]) == ("e1", "e1.png")
    assert read["annotations"] == [{"annotation": "e1-a1"}]
