"""What the format `parquet` promises beside what every format does, read by Hugging Face datasets and by pyarrow."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given

from exporters import RequestError
from exporters.formats import parquet_files
from exporters.formats.parquet import ParquetExporter, features, split_names
from exporters.model import Entry, encode
from tests import strategies
from tests.conformance.exporters import Export, run_export
from tests.fakes import hostile
from tests.fakes.datasets import HEIGHT, WIDTH, annotation, dataset, entry, media_bytes, one_of_each, picture

SHAPES = one_of_each()
BOX = SHAPES["box"]
PATH = "data/train-00000-of-00001.parquet"


def export(*entries: Entry, **values: Any) -> Export:
    made = run_export(ParquetExporter(), [values.pop("dataset", dataset())], entries, **values)
    made.tally.check("the export")
    return made


def tables(made: Export) -> list[str]:
    return sorted(path for path in made.files if path.endswith(".parquet"))


def rows(made: Export) -> list[dict[str, Any]]:
    """All rows of an export that proves sound."""
    found: list[dict[str, Any]] = []
    classes = [one.name for one in made.classes.classes]
    schema = datasets.Features.from_dict(features(classes)).arrow_schema
    for path in tables(made):
        table = pq.read_table(io.BytesIO(made.files[path]))
        assert table.schema.equals(schema)
        assert json.loads(table.schema.metadata[b"huggingface"])["info"]["features"] == features(classes)
        found += table.to_pylist()
    assert len(found) == made.tally.went_out.get("entries", 0)
    for row in found:
        objects, tags = row["objects"], row["tags"]
        assert len({len(column) for column in objects.values()}) == 1
        assert len({len(column) for column in tags.values()}) == 1
        assert all(-1 <= number < len(classes) for number in (row["label"], *objects["category"], *tags["category"]))
        assert all(json.loads(shape)["type"] in SHAPES for shape in objects["shape"])
    head = yaml.safe_load(made.files["README.md"].decode().split("---\n")[1])
    assert sum(one["num_examples"] for one in head["dataset_info"]["splits"]) == len(found)
    return found


def loaded(made: Export, folder: Path, **values: Any) -> Any:
    """The dataset, as `load_dataset` reads a delivered folder that was moved to another place."""
    made.write(folder / "first")
    moved = (folder / "first").rename(folder / "moved")
    return datasets.load_dataset(str(moved), cache_dir=str(folder / "cache"), **values)


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()


def test_hugging_face_reads_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """`load_dataset` of the folder sees every split, picture, box and class, with the pictures' own bytes."""
    train = [
        entry("e1", BOX, SHAPES["polygon"], split="train"),
        entry("e2", split="train"),
        entry("e3", annotation("e3-tag", SHAPES["classification"], category_id="c-tree"), split="train"),
    ]
    made = export(*train, entry("e4", BOX, split="val"), shard_size=2)
    read = loaded(made, tmp_path)
    assert {name: split.num_rows for name, split in read.items()} == {"train": 3, "val": 1}
    assert not caplog.records  # such as: the README was ignored
    assert read["train"].features == datasets.Features.from_dict(features(["car", "person", "tree"]))
    raw = read["train"].cast_column("image", datasets.Image(decode=False))
    assert [row["image"]["bytes"] for row in raw] == [media_bytes(one.medias[0]) for one in train]
    assert [row["image"].size for row in read["train"]] == [(WIDTH, HEIGHT)] * 3
    first, second, third = read["train"]
    assert first["objects"]["bbox"] == [[8.0, 6.0, 16.5, 12.25], [10.0, 10.0, 10.0, 10.0]]
    assert second["objects"]["bbox"] == []
    assert read["train"].features["label"].int2str(third["label"]) == "tree"


def test_entries_without_a_split_are_for_training(tmp_path: Path) -> None:
    """Where no entry has a split, all are `train`, which is what the hub calls the only split."""
    assert loaded(export(entry("e1", BOX)), tmp_path, split="train").num_rows == 1


def test_empty_dataset_has_its_columns() -> None:
    """An export without entries has one file, without rows, with all columns."""
    made = export()
    assert tables(made) == [PATH]
    assert rows(made) == []
    assert "data/train-*.parquet" in made.files["README.md"].decode()


@given(strategies.entry_lists("d1", margin=30))
def test_any_export_is_sound(entries: list[Entry]) -> None:
    """Whatever the entries, the columns are the declared ones, lists have one length, and boxes come back exactly."""
    by_id = {one.id: one for one in entries}
    for row in rows(export(*entries, shard_size=2, options={"out_of_picture": "keep"})):
        one = by_id[row["id"]]
        assert row["name"] == one.name
        assert json.loads(row["attributes"]) == json.loads(encode(one.attributes))
        shapes = {annotation.id: annotation.shape for annotation in one.annotations}
        for id_, shape in zip(row["objects"]["id"], row["objects"]["shape"], strict=True):
            assert shape.encode() == encode(shapes[id_])
        assert (row["image"] is None) == (one.original is None)


def test_row_says_all_of_an_annotation() -> None:
    """A row has each annotation's id, class, extent in pixels, area, crowd, group, shape and attributes."""
    one = annotation("a", BOX, category_id="c-tree", group_id="g", attributes={"k": [1]}, is_crowd=True)
    other = annotation("b", SHAPES["classification"], category_id=None)
    (row,) = rows(export(entry("e1", one, other, attributes={"scene": "é"})))
    assert row.pop("image") == {"bytes": media_bytes(picture("e1-m")), "path": "e1.png"}
    assert row == {
        "id": "e1",
        "dataset": "d1",
        "name": "e1.png",
        "width": WIDTH,
        "height": HEIGHT,
        "label": -1,
        "attributes": '{"scene":"é"}',
        "objects": {
            "id": ["a"],
            "category": [2],
            "group_id": ["g"],
            "attributes": ['{"k":[1]}'],
            "bbox": [[8.0, 6.0, 16.5, 12.25]],
            "area": [16.5 * 12.25],
            "iscrowd": [1],
            "shape": ['{"type":"box","left":8.0,"top":6.0,"width":16.5,"height":12.25}'],
        },
        "tags": {"id": ["b"], "category": [-1], "group_id": [None], "attributes": ["{}"]},
    }


def test_label_is_that_of_the_only_class() -> None:
    """A picture of one class has it for its label; one of none or of two has none."""
    tag = SHAPES["classification"]
    two = (annotation("a", tag), annotation("b", tag, category_id="c-tree"))
    made = export(entry("e1", annotation("c", tag, category_id="c-tree"), BOX), entry("e2", *two), entry("e3", BOX))
    assert [row["label"] for row in rows(made)] == [2, -1, -1]


def test_export_without_media_has_no_pictures() -> None:
    """Where no media was asked for, the column of pictures is empty, and all else is there."""
    (row,) = rows(export(entry("e1", BOX), media="none"))
    assert row["image"] is None
    assert row["objects"]["category"] == [0]


def test_groups_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are written in groups of a hundred, or less where media are large, with an index of pages."""
    many = [entry(f"e{index}", BOX) for index in range(205)]
    file = pq.ParquetFile(io.BytesIO(export(*many).files[PATH]))
    assert [file.metadata.row_group(one).num_rows for one in range(file.num_row_groups)] == [100, 100, 5]
    assert file.metadata.row_group(0).column(0).has_column_index
    monkeypatch.setattr(parquet_files, "GROUP_BYTES", len(media_bytes(picture("p"))) * 3)
    file = pq.ParquetFile(io.BytesIO(export(*many[:7]).files[PATH]))
    assert [file.metadata.row_group(one).num_rows for one in range(file.num_row_groups)] == [3, 3, 1]


def test_no_more_than_a_group_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes are handed on while the shard is written: none is kept for its end but those of the last group."""
    monkeypatch.setattr(parquet_files, "GROUP_ROWS", 2)
    held = []

    def watch(entries: Any, shard: Any) -> Any:
        for one in entries:
            yield one
            files = shard.memory["file"]
            held.append(sum(len(data) for _, _, data in files.outbox()))

    export(*(entry(f"e{index}") for index in range(40)), watch=watch)
    assert max(held) < 3 * len(media_bytes(picture("p")))


def test_large_files_are_followed_by_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that has grown large enough is closed, and the next one goes on with the rows of its split, in order."""
    monkeypatch.setattr(parquet_files, "GROUP_ROWS", 2)
    monkeypatch.setattr(parquet_files, "FILE_BYTES", 500)
    splits = ["train", "val", "train", "train", "val", "train", "train"]
    made = export(*(entry(f"e{index}", split=split) for index, split in enumerate(splits)), shard_size=6)
    assert tables(made) == [f"data/train-0000{index}-of-00003.parquet" for index in range(3)] + [
        "data/val-00000-of-00001.parquet"
    ]
    assert [row["id"] for row in rows(made)] == ["e0", "e2", "e3", "e5", "e6", "e1", "e4"]


@pytest.mark.parametrize("bad", [0, 1, 2, 3, 4])
def test_entry_that_fails_late_leaves_no_row(bad: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that turns out bad only after its row was made takes neither a row nor the bytes of others with it."""
    monkeypatch.setattr(parquet_files, "GROUP_ROWS", 2)
    # Of a film it cannot be told that no position is in it.
    kinds = ["video/mp4" if index == bad else "image/png" for index in range(5)]
    entries = [
        entry(f"e{index}", medias=(picture(f"p{index}", key="preview", mime_type=kind), picture(f"m{index}")))
        for index, kind in enumerate(kinds)
    ]
    made = export(*entries, media="all", skips_faults=True, options={"redact": ["positions"]})
    assert made.tally.left_out_count("entries") == 1
    assert [row["id"] for row in rows(made)] == [f"e{index}" for index in range(5) if index != bad]


def test_hostile_entries_are_sound(tmp_path: Path) -> None:
    """Hostile names and classes come back as they were; hostile splits under names that `datasets` allows."""
    assert [row["name"] for row in rows(export(*hostile.entries()))] == list(hostile.NAMES)
    many = hostile.categories()
    rows(export(*hostile.of_every_category(many), dataset=many))
    made = export(*(entry(f"s{index}", BOX, split=name) for index, name in enumerate(hostile.SPLITS)))
    assert len(rows(made)) == sum(split.num_rows for split in loaded(made, tmp_path).values()) == len(hostile.SPLITS)


def test_split_names_are_told_apart() -> None:
    """Splits get names of letters, digits and `_`, none that means all, no two alike; their own stand in the README."""
    names = split_names(["", "a b", "a_b", "A-B", "all", "Поезд"])
    assert names == {"": "unsplit", "A-B": "A_B", "a b": "a_b_", "a_b": "a_b__", "all": "all_", "Поезд": "Поезд"}
    readme = export(entry("e1", split="a b")).files["README.md"].decode()
    assert "- `a_b` is the split “a b”.\n" in readme


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyarrow, the refusal says what to install."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RequestError, match=r"pyarrow.*pip install 'outhaul\[parquet\]'"):
        export(entry("e1", BOX))
