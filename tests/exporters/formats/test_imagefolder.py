"""What `imagefolder` and `imagefolder_metadata` promise beside what every format does, read by datasets."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from exporters.base import Exporter
from exporters.errors import RequestError
from exporters.formats.imagefolder import EXTENSIONS, ImageFolderExporter, ImageFolderMetadataExporter
from exporters.model import Box, Category, Classification, Entry
from tests.conformance.exporters import Export, run_export
from tests.fakes import hostile
from tests.fakes.datasets import annotation, dataset, entry, media_bytes, picture

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import datasets

GOLDEN = Path(__file__).parent / "golden"
CAR, TREE = "c-car", "c-tree"
BOX = Box(1.0, 2.0, 3.0, 4.0)


def export(exporter: Exporter[Any], *entries: Entry, **values: Any) -> Export:
    made = run_export(exporter, [values.pop("dataset", dataset())], entries, **values)
    made.tally.check("the export")
    return made


def folders(*entries: Entry, **values: Any) -> Export:
    return export(ImageFolderExporter(), *entries, **values)


def metadata(*entries: Entry, **values: Any) -> Export:
    return export(ImageFolderMetadataExporter(), *entries, **values)


def of_class(id_: str, *category_ids: str, **values: Any) -> Entry:
    tags = [annotation(f"{id_}-{one}", Classification(), category_id=one) for one in category_ids]
    return entry(id_, *tags, **values)


def laid_out(made: Export, entries: list[Entry], folder: Path) -> Path:
    """The package as a folder with its pictures, moved away from where it was written."""
    pictures = {media.id: media_bytes(media) for one in entries for media in one.medias}
    by_digest = {file.sha256: path for path, file in made.medias.items()}
    for data in pictures.values():
        path = by_digest.get(hashlib.sha256(data).hexdigest())
        if path:
            (folder / "first" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "first" / path).write_bytes(data)
    for path, data in made.files.items():
        (folder / "first" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "first" / path).write_bytes(data)
    return (folder / "first").rename(folder / "moved")


@pytest.fixture
def load(tmp_path: Path) -> Any:
    datasets.disable_progress_bars()

    def loaded(folder: Path, **values: Any) -> Any:
        return datasets.load_dataset("imagefolder", data_dir=str(folder), cache_dir=str(tmp_path / "cache"), **values)

    return loaded


def listed(made: Export, path: str) -> list[Any]:
    data = made.files[path]
    return [json.loads(line) for line in data.splitlines()] if path.endswith(".jsonl") else json.loads(data)


def reasons(made: Export, kind: str = "entries") -> list[str]:
    return [left.reason for left in made.tally.left_out if left.kind == kind]


# -- folders ----------------------------------------------------------------------------------------------------------


def test_golden_files() -> None:
    """A small export of each format is, to the byte, the files that lie beside this test to be looked at."""
    tagged = [of_class("e1", CAR, split="train"), of_class("e2", TREE, split="val"), of_class("e3", split="val")]
    made = folders(*tagged)
    assert sorted(made.medias) == ["splits/train/car/e1.png", "splits/val/tree/e2.png", "unlabelled/val/e3.png"]
    for path in ("classes.json", "labels.jsonl"):
        assert made.files[path] == (GOLDEN / "imagefolder" / path).read_bytes()
    boxes = entry(
        "e1", annotation("a", BOX, attributes={"note": "é"}), annotation("t", Classification()), split="train"
    )
    made = metadata(boxes, entry("e2", split="train"))
    for path in ("classes.json", "splits/train/metadata.jsonl"):
        golden = GOLDEN / "imagefolder_metadata" / path.rpartition("/")[2]
        assert made.files[path] == golden.read_bytes()


def test_datasets_reads_classes_and_splits(load: Any, tmp_path: Path) -> None:
    """Datasets finds every picture in its split with its class, under the numbers that classes.json says."""
    entries = [
        of_class("e1", TREE, split="train"),
        of_class("e2", CAR, split="train", name="deep/e2.png"),
        of_class("e3", CAR, split="val"),
        of_class("e4", split="val"),
    ]
    made = folders(*entries)
    read = load(laid_out(made, entries, tmp_path) / "splits")
    assert {split: len(rows) for split, rows in read.items()} == {"train": 2, "validation": 1}
    names = read["train"].features["label"].names
    used = {"car", "tree"}
    assert [one["folder"] for one in listed(made, "classes.json") if one["folder"] in used] == names
    assert sorted(names[row["label"]] for row in read["train"]) == ["car", "tree"]


def test_numbers_are_those_of_sorted_folders() -> None:
    """Classes have the numbers that readers give them: by plain order of their folders' names, 10 before 2."""
    names = ["b", "10", "2", "Z", "a"]
    many = dataset(categories=[Category(id=name, name=name) for name in names])
    made = folders(*(of_class(f"e{name}", name) for name in names), dataset=many)
    assert [(one["number"], one["name"]) for one in listed(made, "classes.json")] == list(enumerate(sorted(names)))
    assert {one["class"]: one["number"] for one in listed(made, "labels.jsonl")} == {
        name: number for number, name in enumerate(sorted(names))
    }


def test_numbered_folders_keep_the_order_of_the_project(load: Any, tmp_path: Path) -> None:
    """With folders=numbered, readers number classes as the project, or a class map, does."""
    names = [f"n{number}" for number in range(11, 0, -1)]
    many = dataset(categories=[Category(id=name, name=name) for name in names])
    entries = [of_class(f"e{name}", name) for name in names]
    made = folders(*entries, dataset=many, options={"folders": "numbered"})
    read = load(laid_out(made, entries, tmp_path) / "images", split="train")
    assert read.features["label"].names == [f"{number:02d}_{name}" for number, name in enumerate(names)]
    given = folders(*entries, dataset=many, options={"folders": "numbered", "class_map": "n1=0"})
    assert listed(given, "classes.json")[0]["name"] == "n1"


def test_class_map_needs_numbered_folders() -> None:
    """A class map that sorting would overrule is refused, with the way out."""
    with pytest.raises(RequestError, match="folders=numbered"):
        folders(of_class("e1", CAR), options={"class_map": "car=0"})


def test_pictures_of_several_classes_are_left_out() -> None:
    """A picture of two classes is left out, and the format that takes it named; one class twice is one."""
    made = folders(of_class("e1", CAR, TREE), of_class("e2", CAR, CAR))
    assert list(made.medias) == ["images/car/e2.png"]
    assert "imagefolder_metadata" in reasons(made)[0]


def test_pictures_without_a_class_lie_apart(load: Any, tmp_path: Path) -> None:
    """A picture that was given no class is delivered, where no reader takes its folder for a class."""
    entries = [of_class("e1", CAR), of_class("e2"), of_class("e3", TREE)]
    made = folders(*entries)
    assert sorted(made.medias) == ["images/car/e1.png", "images/tree/e3.png", "unlabelled/e2.png"]
    assert len(load(laid_out(made, entries, tmp_path) / "images", split="train")) == 2


def test_hostile_classes_have_folders_of_their_own() -> None:
    """Classes of any name have a folder each, that no system refuses and no reader skips as hidden."""
    many = hostile.categories()
    entries = [of_class(f"e{index}", category.id) for index, category in enumerate(many.categories)]
    made = folders(*entries, dataset=many)
    classes = listed(made, "classes.json")
    assert len({one["folder"].casefold() for one in classes}) == len(many.categories)
    assert not any(one["folder"].startswith((".", "__")) for one in classes)
    assert {path.split("/")[1] for path in made.medias} == {one["folder"] for one in classes}
    assert len({path.split("/")[1] for path in made.medias}) == len(made.medias)


def test_every_picture_is_seen_by_readers() -> None:
    """Whatever pictures are called, they lie right in their class's folder, visible, with a picture's extension."""
    names = [*hostile.NAMES, "scan.v2", "scan.v2.png", "metadata.jsonl", "__init__.png"]
    made = folders(*(of_class(f"e{index}", CAR, name=name) for index, name in enumerate(names)))
    assert len(made.medias) == len(names)
    for path in made.medias:
        top, folder, name = path.split("/")
        assert (top, folder) == ("images", "car")
        assert name.lower().endswith(EXTENSIONS)
        assert not name.startswith((".", "__"))


@pytest.mark.parametrize("size", [1, 1000])
def test_names_that_differ_in_their_extension_stay(size: int) -> None:
    """Readers tell pictures apart by their whole names, so those keep them; only what would be one file is renamed."""
    names = ["z.jpg", "z.png", "y.png", "Y.png"]
    entries = [of_class(f"e{at}", CAR, name=name) for at, name in enumerate(names)]
    expected = ["images/car/Y~id-e3.png", "images/car/y~id-e2.png", "images/car/z.jpg", "images/car/z.png"]
    assert sorted(folders(*entries, shard_size=size).medias) == expected
    made = metadata(*(entry(f"e{at}", BOX, name=name) for at, name in enumerate(names)), shard_size=size)
    assert sorted(made.medias) == [path.replace("car/", "") for path in expected]


def test_splits_are_in_small_letters() -> None:
    """Splits have the names that datasets knows, whatever the source's letters are."""
    assert list(folders(of_class("e1", CAR, split="Train")).medias) == ["splits/train/car/e1.png"]


# -- metadata ---------------------------------------------------------------------------------------------------------


def test_datasets_reads_boxes_and_labels(load: Any, tmp_path: Path) -> None:
    """Datasets finds, with each picture, its boxes, their classes, ids, attributes, and the picture's own classes."""
    boxes = annotation(
        "a", Box(1.5, 2.0, 3.0, 4.25), category_id=TREE, attributes={"note": "é", "n": [1]}, is_crowd=True
    )
    entries = [
        entry("e0", split="train"),
        entry("e1", boxes, annotation("b", BOX), split="train", name="deep/e1.png"),
        of_class("e2", TREE, CAR, split="train"),
        entry("e3", BOX, *of_class("x", CAR).annotations, split="val"),
    ]
    made = metadata(*entries)
    read = load(laid_out(made, entries, tmp_path) / "splits")
    rows = {row["objects"]["id"][0] if row["objects"]["id"] else "": row for row in read["train"]}
    objects = rows["a"]["objects"]
    assert objects["bbox"] == [[1.5, 2.0, 3.0, 4.25], [1.0, 2.0, 3.0, 4.0]]
    assert objects["category"] == [2, 0]
    assert objects["is_crowd"] == [True, False]
    assert [json.loads(text) for text in objects["attributes"]] == [{"note": "é", "n": [1]}, {}]
    assert rows["a"]["image"].size == (64, 48)
    assert sorted(row["labels"] for row in read["train"]) == [[], [], [2, 0]]
    assert [row["labels"] for row in read["validation"]] == [[0]]
    assert [one["name"] for one in listed(made, "classes.json")] == ["car", "person", "tree"]


def test_whole_numbers_are_written_as_floats() -> None:
    """Boxes of whole pixels are floats all the same: readers infer one type from the first rows."""
    made = metadata(entry("e1", Box(1, 2, 3, 4)))
    assert b'"bbox":[[1.0,2.0,3.0,4.0]]' in made.files["images/metadata.jsonl"]


def test_names_in_metadata_are_those_beside_it() -> None:
    """Each line names a picture that lies in the folder of its metadata file, whatever it is called."""
    entries = [entry(f"e{index}", BOX, name=name) for index, name in enumerate(hostile.NAMES)]
    made = metadata(*entries, entry("s", BOX, split="Val"), entry("t", BOX, split="val"))
    named = [
        f"{path.rpartition('/')[0]}/{row['file_name']}"
        for path in ("images/metadata.jsonl", "splits/val/metadata.jsonl")
        for row in listed(made, path)
    ]
    assert sorted(named) == sorted(made.medias)


def test_attributes_of_whole_pictures_are_counted() -> None:
    """Attributes that the format has no place for are counted."""
    one = annotation("a", Classification(), attributes={"a": 1})
    assert metadata(entry("e1", one)).tally.changed == {"attributes are held for boxes only": 1}
    assert folders(entry("e1", one)).tally.changed == {"attributes are not held": 1}


def test_picture_of_no_known_type_keeps_its_name() -> None:
    """Where nobody knows a picture's type, its name stays as it is."""
    one = entry("e1", *of_class("x", CAR).annotations, name="scan.v2", medias=(picture("m", mime_type=None),))
    assert list(folders(one).medias) == ["images/car/scan.v2"]
