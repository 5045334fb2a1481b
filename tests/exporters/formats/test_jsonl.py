"""What the format `jsonl` promises beside what every format does: all that is known, to be read back."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
from hypothesis import given
from msgspec import Raw

from exporters.formats.jsonl import DATASETS, ENTRIES, JsonlExporter
from exporters.model import Entry, Media, decode_dataset, decode_entry
from exporters.pictures.upright import MediaFile
from exporters.shapes import geometry
from tests import strategies
from tests.conformance.exporters import run_export
from tests.exporters.formats.test_json import ODD
from tests.fakes import hostile
from tests.fakes.datasets import HEIGHT, WIDTH, annotation, dataset, entry, fetched, one_of_each, picture

GOLDEN = Path(__file__).parent / "golden" / "jsonl"


def as_delivered(entry: Entry) -> Entry:
    """The entry with the digest of each file that is taken along for its version, whatever its source called that."""
    medias = (
        msgspec.structs.replace(media, version="" if media.key else fetched(media).sha256) for media in entry.medias
    )
    return msgspec.structs.replace(entry, medias=tuple(medias))


def test_golden_files() -> None:
    """A small export is, to the byte, the files that lie beside this test to be looked at."""
    shapes = one_of_each()
    entries = [
        entry("e1", shapes["box"], shapes["polygon"], annotation("e1-tag", shapes["classification"], raw=ODD)),
        entry("e2", medias=(), state="in_progress"),
    ]
    made = run_export(JsonlExporter(), [dataset()], entries)
    assert made.files == {name: (GOLDEN / name).read_bytes() for name in (DATASETS, ENTRIES)}


@given(strategies.entry_lists("d1", margin=30))
def test_entries_read_back(entries: list[Entry]) -> None:
    """Each line decodes to the entry that it was made of, whatever that is."""
    made = run_export(JsonlExporter(), [dataset()], entries, shard_size=2)
    assert [decode_entry(line) for line in made.files[ENTRIES].splitlines()] == list(map(as_delivered, entries))


def test_every_shape_reads_back() -> None:
    """Nothing is left out: every shape and every state of an entry comes back."""
    entries = [entry("e1", *one_of_each().values()), entry("e2", state="rejected"), entry("e3", state="in_progress")]
    made = run_export(JsonlExporter(), [dataset()], entries)
    assert made.tally.left_out == ()
    assert [decode_entry(line) for line in made.files[ENTRIES].splitlines()] == list(map(as_delivered, entries))


def test_what_tells_states_of_a_file_apart_at_its_source_is_not_delivered() -> None:
    """The same file, fetched on another day or from a copy of its folder, gives the same line."""
    lines = {
        run_export(JsonlExporter(), [dataset()], [entry("e1", medias=(picture("m", version=version),))]).files[ENTRIES]
        for version in ("monday", "tuesday")
    }
    assert len(lines) == 1


def test_hostile_entries_read_back() -> None:
    """Names of any kind come back as they were, one entry a line."""
    entries = hostile.entries()
    made = run_export(JsonlExporter(), [dataset()], entries)
    assert [decode_entry(line) for line in made.files[ENTRIES].split(b"\n")[:-1]] == list(map(as_delivered, entries))


def test_datasets_read_back() -> None:
    """Datasets come back with their categories, one a line in the order asked for, empty ones too."""
    datasets = [dataset("d1"), dataset("d2", [], split="val"), hostile.categories("d3")]
    made = run_export(JsonlExporter(), datasets, {"d1": [entry("e1")]})
    assert [decode_dataset(line) for line in made.files[DATASETS].split(b"\n")[:-1]] == datasets


def test_records_are_untouched() -> None:
    """Under `record` each thing is what the platform sent, to the byte."""
    one = entry("e1", annotation("a", one_of_each()["box"], raw=ODD), medias=(picture("m", raw=ODD),), raw=ODD)
    made = run_export(JsonlExporter(), [dataset(raw=ODD)], [one])
    assert made.files[ENTRIES].count(bytes(ODD)) == 3
    assert made.files[DATASETS].count(bytes(ODD)) == 1


def test_files_say_where_media_lie() -> None:
    """`files` has the path in the package of each media that is part of it, by the media's id."""
    one = entry("e1", name="a.png", medias=(picture("p"), picture("q", key="preview.png")), raw=Raw(b"{}"))
    made = run_export(JsonlExporter(), [dataset()], [one], media="all")
    files = json.loads(made.files[ENTRIES])["files"]
    assert files == {"p": "images/a.png", "q": "derived/images/a.png/preview.png"}
    assert set(files.values()) == set(made.medias)


def test_coordinates_are_upright() -> None:
    """An entry whose coordinates count on the stored pixels is written as the picture is shown, and says so."""

    def sideways(media: Media) -> MediaFile:
        return msgspec.structs.replace(fetched(media), orientation=6)

    one = entry("e1", one_of_each()["box"], medias=(picture("m", frame="stored"),))
    made = run_export(JsonlExporter(), [dataset()], [one], files=sideways)
    read = decode_entry(made.files[ENTRIES])
    assert read.original is not None
    assert (read.original.width, read.original.height, read.original.frame) == (HEIGHT, WIDTH, "upright")
    assert read.annotations[0].shape == geometry.to_upright(one.annotations[0].shape, WIDTH, HEIGHT, 6)
