"""Nothing of an entry is lost: what is written in the words of the record model is read back as it was."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from exporters.model import Annotation, Box, Category, Dataset, Entry, Media
from tests import strategies
from tests.exporters.upd.reading import read_datasets, read_entries, tables
from tests.exporters.upd.writing import write
from tests.fakes import hostile
from tests.fakes.datasets import annotation, dataset, entry, one_of_each, picture

BOX = Box(1.0, 2.0, 3.0, 4.5)
FULL = Entry(
    id="e1",
    dataset_id="d1",
    name="a/b.png",
    state="rejected",
    number=7,
    split="val",
    attributes={"weather": "rain", "é\n": [1, None, {"x": 1.5}]},
    created_at="2026-01-02T03:04:05Z",
    updated_at="2026-01-02 03:04:05 +0000",
    raw=msgspec.Raw(b'{"any":1.00,"any":2}'),
    medias=(
        Media(
            id="m1",
            name="b.png",
            ref="r1",
            size=9332,
            mime_type="image/png",
            width=64,
            height=48,
            duration=1.5,
            frame_rate=29.97,
            frames_count=45,
            raw=msgspec.Raw(b'{"m":1}'),
        ),
        Media(id="m3", name="z", ref="r3", key="z.webp", mime_type="x/" + "y" * 80),
        Media(id="m2", name="a", ref="r2", key="a.webp"),
    ),
    annotations=(
        Annotation(
            id="a2",
            shape=BOX,
            category_id="c-car",
            number=3,
            box=Box(0.5, 0.25, 1.0, 2.0),
            area=12.5,
            is_crowd=True,
            group_id="g1",
            attributes={"z": 1, "a": {"nested": [True]}},
            stage="review",
            created_by="a@example.org",
            created_at="yesterday",
            updated_at="2026-01-02T03:04:05.123456+02:00",
            raw=msgspec.Raw(b'{"a":1e3}'),
        ),
        Annotation(id="a1", shape=BOX, category_id=""),
        Annotation(id="a0", shape=BOX),
    ),
)
"""An entry with something in every field."""


def as_written(one: Entry) -> Entry:
    """The version of a media tells states of a file apart at its source; here its digest stands for it."""
    return replace(one, medias=tuple(replace(media, version="") for media in one.medias))


def test_the_sample_has_something_in_every_field() -> None:
    """A field that joins the model joins these tests."""
    parts = (FULL, *FULL.annotations, *FULL.medias)
    for kind, left in ((Entry, set()), (Annotation, set()), (Media, {"version", "frame"})):
        default = {field.name: field.default for field in msgspec.structs.fields(kind)}
        filled = {
            name for name in default for one in parts if type(one) is kind and getattr(one, name) != default[name]
        }
        assert set(default) - filled == left


def test_every_field_comes_back(tmp_path: Path) -> None:
    """Of entries, annotations and medias, their order included."""
    write(tmp_path / "f.upd", [FULL], media="none")
    assert read_entries(tmp_path / "f.upd") == [FULL]


def test_every_shape_comes_back(tmp_path: Path) -> None:
    """Under the name that the record model has for it, with all its values."""
    entries = [entry("e1", *one_of_each().values())]
    write(tmp_path / "f.upd", entries)
    assert read_entries(tmp_path / "f.upd") == entries
    assert [row["shape_type"] for row in tables(tmp_path / "f.upd")["annotations"]] == [
        f"outhaul:{name}" for name in one_of_each()
    ]


@settings(max_examples=30)
@given(strategies.entry_lists("d1", margin=30))
def test_any_entries_come_back(entries: list[Entry]) -> None:
    """Whatever they are."""
    with TemporaryDirectory() as folder:
        write(Path(folder) / "f.upd", entries, media="none")
        assert read_entries(Path(folder) / "f.upd") == list(map(as_written, entries))


def test_coordinates_on_the_stored_picture_say_so(tmp_path: Path) -> None:
    """Without its file nobody knows which way up a picture is: what it counts on is written beside it."""
    entries = [entry("e1", BOX, medias=(picture("m", frame="stored"),))]
    write(tmp_path / "f.upd", entries, media="none")
    assert read_entries(tmp_path / "f.upd") == entries


def test_datasets_come_back(tmp_path: Path) -> None:
    """With their classes, in the order asked for, empty ones too."""
    datasets = [
        dataset("d2", split="val", attributes={"x": 1}, entries_count=9),
        Dataset(id="d1", name="", modality="audio"),
        hostile.categories("d3"),
        dataset("d4", [Category(id="c", name="c")], modality="m" * 80),
        dataset("d5", name="n" * 80),
    ]
    write(tmp_path / "f.upd", {}, datasets)
    assert read_datasets(tmp_path / "f.upd") == datasets
    found = tables(tmp_path / "f.upd")["datasets"]
    assert [row["modality"] for row in found][:2] == ["outhaul-image", "outhaul-audio"]
    assert all(len(row["name"]) <= 64 and len(row["modality"]) <= 64 for row in found)


def test_names_come_through_unchanged(tmp_path: Path) -> None:
    """Quotes, line breaks, SQL, what a shell would run: of entries, datasets, classes, attributes and keys."""
    names = [
        *hostile.NAMES,
        "'; DROP TABLE entries; --",
        '"',
        "\\",
        "$(touch owned)",
        "`id`",
        "{}",
        "%s",
        "\x00COL\x00",
    ]
    entries = [
        entry(
            f"e{number}",
            annotation(f"a{number}", BOX, category_id=name or "none", attributes={name: name}, created_by=name),
            name=name,
            medias=(picture(f"m{number}", name=name, key=name[:200] or "key"),),
            attributes={name: [name]},
        )
        for number, name in enumerate(names)
    ]
    asked = [dataset(name=names[-8], categories=[Category(id=name, name=name) for name in dict.fromkeys(names)])]
    write(tmp_path / "f.upd", entries, asked, media="none")
    assert read_entries(tmp_path / "f.upd") == entries
    assert read_datasets(tmp_path / "f.upd") == asked


def test_ids_that_do_not_fit_are_told_in_full_beside_it(tmp_path: Path) -> None:
    """Over 64 characters, or empty: the column has a short one, unlike all others, and the row the true one."""
    ids = ("", *hostile.IDS, "x" * 299 + "y", "~" + "0" * 32)
    entries = [
        entry(id_, annotation(id_, BOX), medias=(picture(id_ or "m"), picture(f"{id_}2", key="k" * 300))) for id_ in ids
    ]
    write(tmp_path / "f.upd", entries, media="none")
    assert read_entries(tmp_path / "f.upd") == entries
    found = tables(tmp_path / "f.upd")
    columns = [row["id"] for table in ("entries", "annotations", "medias") for row in found[table]]
    assert all(1 <= len(column) <= 64 for column in columns)


def test_ids_that_meet_are_told_apart(tmp_path: Path) -> None:
    """Two datasets that both count from 1 lie in one file; the true ids stand beside."""
    datasets = [dataset("d1"), dataset("d2")]
    entries = {
        one.id: [entry("1", annotation("1", BOX), dataset_id=one.id, medias=(picture("1", name=one.id),))]
        for one in datasets
    }
    write(tmp_path / "f.upd", entries, datasets, media="none")
    assert read_entries(tmp_path / "f.upd") == [*entries["d1"], *entries["d2"]]
    found = tables(tmp_path / "f.upd")
    for table in ("entries", "annotations", "medias"):
        columns = [row["id"] for row in found[table]]
        assert len(set(columns)) == 2
        assert all(column.startswith("1~") for column in columns)


def test_ids_that_meet_in_one_dataset_are_told_apart(tmp_path: Path) -> None:
    """Also where a source gives an id twice, to entries, annotations or keys of medias."""
    one = entry("e", annotation("a", BOX), annotation("a", BOX), medias=(picture("m"), picture("n")))
    entries = [one, replace(one, name="other", medias=(picture("m", name="other"),))]
    write(tmp_path / "f.upd", entries, media="none")
    assert read_entries(tmp_path / "f.upd") == entries


def test_ids_that_do_not_meet_stay_as_they_are(tmp_path: Path) -> None:
    """Several datasets alone change nothing."""
    datasets = [dataset("d1"), dataset("d2")]
    entries = {one.id: [entry(f"{one.id}-e", annotation(f"{one.id}-a", BOX), dataset_id=one.id)] for one in datasets}
    write(tmp_path / "f.upd", entries, datasets)
    found = tables(tmp_path / "f.upd")
    assert [row["id"] for row in found["entries"]] == ["d1-e", "d2-e"]
    assert [row["id"] for row in found["annotations"]] == ["d1-a", "d2-a"]


@pytest.mark.parametrize("table", ["datasets", "medias", "entries", "annotations"])
def test_metadata_is_an_object_with_dashed_keys(tmp_path: Path, table: str) -> None:
    """Of every row; the source's record is what it was."""
    write(tmp_path / "f.upd", [FULL], media="none")
    for row in tables(tmp_path / "f.upd")[table]:
        for key in json.loads(row["metadata"]):
            assert all(word[0].isupper() or word[0].isdigit() for word in key.split("-"))
