"""The folder source: COCO as people really keep it, our own exports read back, and input that means no good."""

from __future__ import annotations

import json
import posixpath
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import fsspec
import msgspec
import orjson
import pytest
from prefect.blocks.fields import SecretDict
from pydantic import SecretStr

from blocks.catalog import find_source
from blocks.folder import FolderSource
from blocks.layouts.opened import Folder
from blocks.storage import Storage
from exporters.errors import RequestError, SkippableError
from exporters.formats.jsonl import DATASETS, ENTRIES
from exporters.model import (
    Box,
    Category,
    Entry,
    Part,
    Polygon,
    Skeleton,
    Unknown,
    decode_dataset,
    decode_entry,
    encode,
)
from exporters.shapes import cocorle, masks
from tests.blocks.samples import (
    as_bytes,
    box,
    coco,
    everything,
    exported,
    image,
    lay_out,
    pack,
    picture_bytes,
    read_media,
)
from tests.fakes import hostile
from tests.fakes.datasets import BLOB, HEIGHT, WIDTH
from tests.s3_server import S3Server

ONE = picture_bytes(1)


def open_coco(folder: Path, document: Any, **pictures: bytes) -> FolderSource:
    """A folder with one COCO file, and pictures under their stems."""
    files = {f"images/{name}.png": data for name, data in pictures.items()}
    return FolderSource(url=str(lay_out(folder / "set", {"annotations.json": document, **files})))


def only(source: FolderSource) -> Entry:
    (entry,) = everything(source)
    return entry


def shape_of(folder: Path, **values: Any) -> Any:
    """What becomes of the only annotation of the only image."""
    source = open_coco(folder, coco(image(), annotations=[box(**values)]))
    return only(source).annotations[0].shape


# Layouts


@pytest.mark.parametrize(
    ("json_path", "picture_path", "split", "name"),
    [
        ("annotations/instances_val.json", "val/1.png", "val", "instances_val"),
        ("annotations/instances_val2017.json", "val2017/1.png", "val2017", "instances_val2017"),
        ("annotations/instances_val.json", "images/1.png", "val", "instances_val"),
        ("annotations/instances_val.json", "images/val/1.png", "val", "instances_val"),
        ("annotations/person_keypoints_train.json", "images/train/1.png", "train", "person_keypoints_train"),
        ("annotations/instances_default.json", "images/default/1.png", None, "set"),
        ("annotations/instances_default.json", "images/1.png", None, "set"),
        ("instances_val.json", "val/1.png", "val", "instances_val"),
        ("train/_annotations.coco.json", "train/1.png", "train", "train"),
        ("valid/_annotations.coco.json", "valid/1.png", "valid", "valid"),
        ("_annotations.coco.json", "1.png", None, "set"),
        ("annotations.json", "images/1.png", None, "set"),
        ("annotations.json", "1.png", None, "set"),
        ("result.json", "images/1.png", None, "set"),
        ("labels.json", "data/1.png", None, "set"),
        ("train.json", "train/1.png", "train", "train"),
        ("val/annotations.json", "val/1.png", None, "set"),
        ("my cars.json", "images/1.png", None, "my cars"),
        ("Машины №1.json", "images/1.png", None, "Машины №1"),
    ],
)
@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_the_usual_layouts(
    tmp_path: Path, kind: str, json_path: str, picture_path: str, split: str | None, name: str
) -> None:
    """Wherever people keep the annotations and the pictures of a COCO dataset, both are found, and the split's name."""
    files = {json_path: coco(image(), annotations=[box()]), picture_path: ONE}
    place = lay_out(tmp_path / "set", files) if kind == "folder" else pack(tmp_path / "set.zip", files)
    source = FolderSource(url=str(place))
    (dataset,) = source.catalog()
    assert (dataset.name, dataset.split) == (name, split)
    entry = only(source)
    assert (entry.split, len(entry.annotations)) == (split, 1)
    assert entry.original is not None
    assert read_media(source, entry.original) == ONE


@pytest.mark.parametrize(
    ("json_path", "picture_path"),
    [
        ("annotations/instances_val.json", "images/1.png"),
        ("annotations/instances_val.json", "val/1.png"),
        ("deep/er/instances_val.json", "deep/er/1.png"),
        ("some.json", "images/1.png"),
        ("train/_annotations.coco.json", "train/1.png"),
    ],
)
def test_one_json_file_is_given(tmp_path: Path, json_path: str, picture_path: str) -> None:
    """Of a folder with several datasets one can be picked by its file; its pictures are found from there."""
    files = {json_path: coco(image()), "other.json": coco(image(2)), picture_path: ONE}
    source = FolderSource(url=str(lay_out(tmp_path, files) / json_path))
    assert len(source.catalog()) == 1
    original = only(source).original
    assert original is not None
    assert read_media(source, original) == ONE


def test_roboflow_splits_are_datasets(tmp_path: Path) -> None:
    """A Roboflow export is a dataset for each split, all of them exported where none is named."""
    splits = ("test", "train", "valid")
    files = {f"{split}/_annotations.coco.json": coco(image(number)) for number, split in enumerate(splits, 1)}
    files |= {f"{split}/{number}.png": picture_bytes(number) for number, split in enumerate(splits, 1)}
    source = FolderSource(url=str(lay_out(tmp_path, files)))
    assert [(one.name, one.split) for one in source.catalog()] == [(split, split) for split in splits]
    assert [one.id for one in source.choose([])] == [one.id for one in source.catalog()]
    for number, split in enumerate(splits, 1):
        (entry,) = everything(source, split)
        assert entry.original is not None
        assert (entry.split, read_media(source, entry.original)) == (split, picture_bytes(number))


def test_splits_do_not_mix(tmp_path: Path) -> None:
    """Where two splits have a picture of the same name, each gets its own."""
    files = {
        **{f"annotations/instances_{split}.json": coco(image(1, "a.png")) for split in ("train", "val")},
        "images/train/a.png": picture_bytes(1),
        "images/val/a.png": picture_bytes(2),
    }
    source = FolderSource(url=str(lay_out(tmp_path, files)))
    found = [entry.original for one in source.catalog() for entry in everything(source, one.id)]
    assert [read_media(source, media) for media in found if media] == [picture_bytes(1), picture_bytes(2)]


def test_file_names_with_folders(tmp_path: Path) -> None:
    """A file name may have folders, from the top or from the pictures' folder."""
    document = coco(image(1, "images/a/x.png"), image(2, "a/y.png"), image(3, "./images/a/../a/x.png"))
    source = open_coco(tmp_path, document, **{"a/x": ONE, "a/y": picture_bytes(2)})
    refs = [entry.original.ref for entry in everything(source) if entry.original]
    assert refs == ["images/a/x.png", "images/a/y.png", "images/a/x.png"]


def test_what_is_no_dataset_is_passed_over(tmp_path: Path) -> None:
    """Manifests and other JSON beside a dataset are not taken for one; nor is the order of its keys relied on."""
    files = {
        "manifest.json": coco(image()),
        "receipt.json": coco(image()),
        "settings.json": {"zoom": [{"images": 5}]},
        "list.json": ["images"],
        "empty.json": b"",
        "text.json": b"hello",
        "deep.json": b"[" * 2000,
        "late.json": {"info": {"x": 1}, "licenses": [], "annotations": [], "images": [image()]},
    }
    assert [one.id for one in FolderSource(url=str(lay_out(tmp_path, files))).catalog()] == ["late"]


@pytest.mark.parametrize("name", ["set[1]", "a*b", "what?", "{x}", "50%", "a#b", "ü Ж 写", " blank "])
def test_folders_of_any_name(tmp_path: Path, name: str) -> None:
    """Whatever a folder is called, its dataset is found: brackets and stars are letters like others."""
    files = {"annotations/instances_val.json": coco(image(1, f"{name}.png")), f"images/{name}.png": ONE}
    source = FolderSource(url=str(lay_out(tmp_path / name, files)))
    original = only(source).original
    assert original is not None
    assert read_media(source, original) == ONE


@pytest.mark.parametrize("form", ["{}", "{}/", "file://{}"])
def test_forms_of_a_path(tmp_path: Path, form: str) -> None:
    """A path may end in a slash, and may be a URL."""
    lay_out(tmp_path / "set", {"annotations.json": coco(image())})
    source = FolderSource(url=form.format(tmp_path / "set"))
    assert source.catalog()[0].name == "set"
    assert source.identity() == {"platform": "folder", "name": "set"}
    assert only(source).id == "1"


# What is understood


def test_all_of_an_image_and_its_annotations(tmp_path: Path) -> None:
    """Ids, sizes, areas, attributes and the order of ids are COCO's; what COCO does not know is kept as attributes."""
    document = coco(
        image(10, licence=1, date_captured=None),
        image(9),
        annotations=[box(3, 10), box(2, 10, score=0.25, attributes={"occluded": True}), box(8, 10, category_id=None)],
        licenses=[{"id": 1, "name": "CC0"}],
    )
    source = open_coco(tmp_path, document)
    assert source.dataset("set").attributes == {"licenses": [{"id": 1, "name": "CC0"}]}
    assert source.dataset("set").categories == (
        Category(id="7", name="car", number=7, parent="vehicle"),
        Category(id="3", name="person", number=3, keypoints=("nose", "left_hand"), skeleton=((0, 1),)),
    )
    first, second = everything(source)
    assert [(one.id, one.number, one.name) for one in (first, second)] == [("9", 9, "9.png"), ("10", 10, "10.png")]
    assert second.attributes == {"licence": 1, "date_captured": None}
    assert second.original is not None
    assert (second.original.width, second.original.height, second.original.frame) == (WIDTH, HEIGHT, "upright")
    two, three, eight = second.annotations
    assert [one.number for one in (two, three, eight)] == [2, 3, 8]
    assert (three.category_id, three.box, three.area) == ("7", Box(4.0, 5.0, 10.0, 8.5), 85.0)
    assert (two.attributes, eight.category_id) == ({"occluded": True}, None)
    assert two.record["score"] == 0.25


@pytest.mark.parametrize("number", [2**31, 2**32 + 1, 2**53 + 1, 2**63 - 1])
def test_ids_of_any_size(tmp_path: Path, number: int) -> None:
    """Ids over 32 bits are kept to the last digit, for images and annotations."""
    entry = only(open_coco(tmp_path, coco(image(number), annotations=[box(number, number)])))
    assert (entry.id, entry.number) == (str(number), number)
    assert (entry.annotations[0].id, entry.annotations[0].number) == (str(number), number)


@pytest.mark.parametrize("number", [2**63, 2**64, 2**70, -(2**70)])
def test_numbers_that_no_reader_can_hold(tmp_path: Path, number: int) -> None:
    """A number over 63 bits is kept as a text, or refused in a sentence; it is no breakdown."""
    for document in (coco(image(number)), coco(image(extra=number))):
        source = open_coco(tmp_path, json.dumps(document).encode())
        try:
            entry = only(source)
        except RequestError:
            continue
        assert entry.number in (None, 1)


def test_ids_that_are_texts(tmp_path: Path) -> None:
    """Ids may be texts, as some tools write them; they are no numbers then."""
    document = coco(image("b"), image("a"), annotations=[box("x", "b"), box("y", "b")])
    first, second = everything(open_coco(tmp_path, document))
    assert [(one.id, one.number) for one in (first, second)] == [("a", None), ("b", None)]
    assert [(one.id, one.number) for one in second.annotations] == [("x", None), ("y", None)]


@pytest.mark.parametrize(
    ("ids", "numbers"),
    [((0, 1), [2, 1]), ((5, 0), [5, 6]), ((0, None), None), ((1, None), None), ((-5, 2), None)],
    ids=str,
)
def test_annotation_ids_that_cannot_be_kept(tmp_path: Path, ids: tuple[Any, ...], numbers: list[int] | None) -> None:
    """The id 0, a miss for COCO's evaluator, gives way to a free one; missing or negative ids leave all to be made."""
    document = coco(image(1), image(2), annotations=[box(ids[0], 1), box(ids[1], 2)])
    entries = everything(open_coco(tmp_path, document))
    assert [one.number for entry in entries for one in entry.annotations] == (numbers or [None, None])
    assert [one.record["id"] for entry in entries for one in entry.annotations] == list(ids)


def test_polygons(tmp_path: Path) -> None:
    """A segmentation of several rings is one object of several parts, in float pixels."""
    flat = [[1, 1, 5.5, 1, 5.5, 9], [20, 20, 30, 20, 30, 30, 20, 30]]
    assert shape_of(tmp_path, segmentation=flat) == Polygon(
        (
            Part(((1.0, 1.0), (5.5, 1.0), (5.5, 9.0))),
            Part(((20.0, 20.0), (30.0, 20.0), (30.0, 30.0), (20.0, 30.0))),
        )
    )


@pytest.mark.parametrize("form", ["runs", "text"])
def test_crowds(tmp_path: Path, form: str) -> None:
    """A crowd's mask is read from run lengths and from their compressed text, to the same pixels."""
    counts = list(BLOB.counts) if form == "runs" else cocorle.compress(BLOB.counts)
    segmentation = {"size": [HEIGHT, WIDTH], "counts": counts}
    source = open_coco(tmp_path, coco(image(), annotations=[box(iscrowd=1, segmentation=segmentation)]))
    (annotation,) = only(source).annotations
    assert (annotation.shape, annotation.is_crowd) == (BLOB, True)


def test_compressed_masks_as_pycocotools_writes_them(tmp_path: Path) -> None:
    """The compressed text of the format's own tool is read to the pixels that the tool was given."""
    tool = pytest.importorskip("pycocotools.mask")
    pixels = masks.to_pixels(BLOB)
    written = tool.encode(pixels.astype("uint8", order="F"))
    segmentation = {"size": written["size"], "counts": written["counts"].decode()}
    assert shape_of(tmp_path, segmentation=segmentation) == BLOB


@pytest.mark.parametrize(
    "segmentation",
    [
        {"size": [HEIGHT, WIDTH], "counts": [1, 2, 3]},
        {"size": [HEIGHT, WIDTH], "counts": [-1, HEIGHT * WIDTH + 1]},
        {"size": [HEIGHT, WIDTH], "counts": "o"},
        {"size": [HEIGHT, WIDTH], "counts": "写"},
        {"size": [HEIGHT, WIDTH], "counts": None},
        {"size": [WIDTH, HEIGHT], "counts": [WIDTH * HEIGHT]},
        {"size": [10**9, 10**9], "counts": [10**18]},
        {"size": [HEIGHT], "counts": [HEIGHT]},
        {"counts": []},
        {},
        [[1, 2, 3, 4, 5, 6, 7]],
        [1, 2, 3, 4, 5, 6],
        [[1, 2, 3, 4, 5, "x"]],
        [[1, 2, 3, 4, 5, None]],
        [None],
        [{"size": [1, 1], "counts": [1]}],
        "text",
    ],
    ids=str,
)
def test_segmentations_that_cannot_be_read(tmp_path: Path, segmentation: Any) -> None:
    """A segmentation of wrong runs, odd coordinates or none at all does not stop the others, and its record is kept."""
    source = open_coco(tmp_path, coco(image(), annotations=[box(segmentation=segmentation), box(2)]))
    broken, sound = only(source).annotations
    assert isinstance(broken.shape, Unknown | Box)
    assert broken.record["segmentation"] == segmentation
    assert sound.shape == Box(4.0, 5.0, 10.0, 8.5)


def test_keypoints(tmp_path: Path) -> None:
    """Keypoints come with what is seen of each, and with the outline where there is one."""
    points = [3, 4.5, 2, 0, 0, 0]
    bare = Skeleton(((3.0, 4.5), (0.0, 0.0)), (2, 0))
    assert shape_of(tmp_path / "a", keypoints=points, num_keypoints=1, category_id=3) == bare
    outlined = shape_of(tmp_path / "b", keypoints=points, segmentation=[[1, 1, 5, 1, 5, 9]], category_id=3)
    assert outlined == msgspec.structs.replace(bare, outline=Polygon((Part(((1.0, 1.0), (5.0, 1.0), (5.0, 9.0))),)))
    assert shape_of(tmp_path / "c", keypoints=[], segmentation=[]) == Box(4.0, 5.0, 10.0, 8.5)


@pytest.mark.parametrize(
    "values",
    [
        {"keypoints": [1, 2]},
        {"keypoints": [1, 2, "x"]},
        {"keypoints": [None, None, 0]},
        {"keypoints": [[1, 2, 2]]},
        {"keypoints": "abc"},
        {"bbox": None},
        {"bbox": []},
        {"bbox": [1, 2, 3]},
        {"bbox": {"x": 1}},
        {"bbox": ["a", 1, 2, 3]},
        {"area": "large"},
        {"area": None},
        {"iscrowd": None},
        {"attributes": []},
        {"attributes": "text"},
        {"area": True},
        {"bbox": ["nan", 1, 2, 3]},
        {"bbox": ["inf", 1, 2, 3]},
        {"segmentation": [["nan", 2, 3, 4, 5, 6]]},
        {"keypoints": ["nan", 2, 2]},
        {"keypoints": [1, 2, 1e300]},
        {"category_id": "seven"},
        {"category_id": {"a": 1}},
        {"id": {"a": 1}},
    ],
    ids=str,
)
def test_odd_values_stop_nothing(tmp_path: Path, values: dict[str, Any]) -> None:
    """A value of the wrong kind costs what it stands for, not the export."""
    source = open_coco(tmp_path, coco(image(), annotations=[box(**values)]))
    entry = only(source)
    (annotation,) = entry.annotations
    name, value = next(iter(values.items()))
    assert annotation.record[name] == value
    assert decode_entry(encode(entry)) == entry


@pytest.mark.parametrize(
    "values", [{"supercategory": 5}, {"supercategory": ["x"]}, {"name": 7}, {"name": None}], ids=str
)
def test_odd_categories_stop_nothing(tmp_path: Path, values: dict[str, Any]) -> None:
    """A category whose name or parent is no text is kept, and can be stored and read back."""
    source = open_coco(tmp_path, coco(image(), categories=[{"id": 1, "name": "car", **values}]))
    dataset = source.dataset(source.catalog()[0].id)
    assert decode_dataset(encode(dataset)) == dataset
    assert dataset.categories[0].name == {7: "7", None: "1"}.get(values.get("name", ""), "car")


def test_an_annotation_of_nothing(tmp_path: Path) -> None:
    """An annotation without box or segmentation is kept, as a shape that is unknown."""
    document = coco(image(), annotations=[{"id": 1, "image_id": 1, "category_id": 7}])
    (annotation,) = only(open_coco(tmp_path, document)).annotations
    assert isinstance(annotation.shape, Unknown)


@pytest.mark.parametrize("size", [(None, None), (0, 0), ("64", "48"), (-1, 5)], ids=str)
def test_images_of_unknown_size(tmp_path: Path, size: tuple[Any, Any]) -> None:
    """An image whose size is missing or senseless has none, and its annotations are read all the same."""
    document = coco(image(width=size[0], height=size[1]), annotations=[box()])
    entry = only(open_coco(tmp_path, document))
    assert entry.original is not None
    assert entry.original.width is None
    assert entry.annotations[0].shape == Box(4.0, 5.0, 10.0, 8.5)


def test_records_have_the_values_of_the_file(tmp_path: Path) -> None:
    """Texts and numbers of the records are those of the file, whatever key or value stands there."""
    odd = {"a": 0.1, "b": 1e300, "c": 2**53, "d": "\u2028\u0000🦖", "": [], "e": {"f": None}, "g": -0.0, "h": True}
    entry = only(open_coco(tmp_path, coco(image(extra=odd), annotations=[box(extra=odd)])))
    assert entry.record["extra"] == entry.annotations[0].record["extra"] == odd
    assert isinstance(entry.record["width"], int)


def test_images_without_annotations_and_the_reverse(tmp_path: Path) -> None:
    """A file without annotations, or of no images, is a dataset like others; one with categories only is none."""
    assert only(open_coco(tmp_path / "a", {"images": [image()]})).annotations == ()
    assert everything(open_coco(tmp_path / "b", {"images": [], "annotations": []})) == []
    with pytest.raises(RequestError, match="holds no dataset that is known here"):
        everything(open_coco(tmp_path / "c", {"categories": []}))


# What is refused


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (coco(image(1), image(1)), "two images with one id"),
        (coco(image(1), image("1")), "two images with one id"),
        (coco(image(1), annotations=[box(1, 2), box(2, 2), box(3, 1)]), "has 2 annotations .*first of image 2"),
        (coco(image(1), annotations=[box(1, None)]), "a record without image_id"),
        (coco(image(1), annotations=[box(7, 1), box(7, 1)]), "has two annotations with the id 7; give each its own"),
        ({"images": [image(1)], "annotations": "no", "categories": []}, "is not COCO: its annotations are no list"),
        (coco({"file_name": "a.png"}), "a record without id"),
        (coco(image(1), annotations=["text"]), "not COCO: annotations.item must be objects"),
        (coco(image(1), 5), "not COCO: images.item must be objects"),
        (orjson.dumps(coco(image(1)))[:-20], "no sound JSON"),
        (orjson.dumps(coco(image(1))).replace(b'"1.png"', b"NaN"), "no sound JSON"),
        (orjson.dumps(coco(image(1))).replace(b"1.png", b"\xff\xfe.png"), "no sound JSON"),
        (orjson.dumps(coco(image(1))).replace(b"1.png", b"line\nbreak.png"), "no sound JSON"),
        (orjson.dumps(coco(image(1))) + b"{}", "no sound JSON"),
    ],
)  # fmt: skip
def test_files_that_are_refused(tmp_path: Path, document: Any, said: str) -> None:
    """What would lose or mix up something is refused before anything is exported, naming the file and the fault."""
    source = open_coco(tmp_path, document)
    with pytest.raises(RequestError, match=said) as caught:
        everything(source)
    assert "annotations.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "categories",
    [[{"name": "car"}], [{"id": 1, "skeleton": [[1]]}], [{"id": 1, "skeleton": [5]}], [{"id": 1, "keypoints": 5}], [5]],
    ids=str,
)
def test_categories_that_are_refused(tmp_path: Path, categories: Any) -> None:
    """A category that cannot be read is refused in a sentence that names the file."""
    source = open_coco(tmp_path, coco(image(), categories=categories))
    with pytest.raises(RequestError, match=r"annotations\.json"):
        source.dataset("set")


def test_half_a_surrogate(tmp_path: Path) -> None:
    """A text that is no Unicode is replaced or refused in a sentence; it is no breakdown."""
    source = open_coco(tmp_path, rb'{"images":[{"id":1,"file_name":"half \ud800.png"}],"annotations":[]}')
    try:
        assert only(source).name.startswith("half")
    except RequestError as error:
        assert "annotations.json" in str(error)  # noqa: PT017 - either will do


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "holds no dataset"),
        ({"a.json": {"a": 1}}, "holds no dataset"),
        ({"a.json": b"{"}, "holds no dataset"),
        ({"images/a.png": ONE}, "holds no dataset"),
        ({DATASETS: b"", "a.txt": b""}, "holds no dataset"),
    ],
)
def test_folders_without_a_dataset(tmp_path: Path, files: dict[str, Any], said: str) -> None:
    """A folder that holds no dataset is refused, saying what was looked for."""
    (tmp_path / "set").mkdir()
    with pytest.raises(RequestError, match=said):
        FolderSource(url=str(lay_out(tmp_path / "set", files))).catalog()


@pytest.mark.parametrize("content", [{"a": 1}, [], 5, b"", b"{", b"\x00\x01", ONE], ids=lambda value: ascii(value)[:12])
def test_a_file_that_is_not_coco(tmp_path: Path, content: Any) -> None:
    """A JSON file that is given by name and is no COCO is refused: it is not exported as a dataset of nothing."""
    lay_out(tmp_path, {"some.json": content})
    source = FolderSource(url=str(tmp_path / "some.json"))
    with pytest.raises(RequestError, match=r"some\.json"):
        everything(source)


@pytest.mark.parametrize("name", ["nowhere", "nowhere.zip", "nowhere.json", "file.txt/deeper", "file.txt", "not a.zip"])
def test_places_that_are_none(tmp_path: Path, name: str) -> None:
    """A path where nothing is, or something else, is refused by its name."""
    lay_out(tmp_path, {"file.txt": b"text", "not a.zip": b"no zip"})
    with pytest.raises(RequestError, match=name.split("/", maxsplit=1)[0]):
        FolderSource(url=str(tmp_path / name)).catalog()


# Pictures, and names that mean no good


def test_pictures_that_are_missing(tmp_path: Path) -> None:
    """An image whose picture is not in the folder is listed with its annotations; only its bytes cannot be had."""
    source = open_coco(tmp_path, coco(image(1), image(2), annotations=[box(1, 2)]), **{"1": ONE})
    there, missing = everything(source)
    assert there.original is not None
    assert missing.original is not None
    assert read_media(source, there.original) == ONE
    assert len(missing.annotations) == 1
    with pytest.raises(SkippableError) as caught:
        read_media(source, missing.original)
    assert caught.value.reason == "its picture is not in the folder"


def test_missing_pictures_are_told_apart(tmp_path: Path) -> None:
    """Pictures that are not there have names of their own, and a name alone opens no file."""
    images = (image(1, "a.png"), image(2, "b.png"), image(3, ""), image(4, ""), image(5, "../secret.png"))
    (tmp_path / "secret.png").write_bytes(b"secret")
    source = open_coco(tmp_path, coco(*images))
    originals = [entry.original for entry in everything(source) if entry.original]
    assert [one.ref for one in originals[:2]] == ["a.png", "b.png"]
    assert len({one.ref for one in originals}) == len(images)
    for one in originals:
        for asked in (one, msgspec.structs.replace(one, ref="../secret.png", version="x")):
            with pytest.raises(SkippableError, match="its picture is not in the folder"):
                read_media(source, asked)


@pytest.mark.parametrize(
    ("before", "after", "is_same"),
    [
        ({"ETag": "1", "size": 5}, {"ETag": "1", "size": 5}, True),
        ({"ETag": "1", "size": 5}, {"ETag": "2", "size": 5}, False),
        ({"Last-Modified": "1", "size": 5}, {"Last-Modified": "1", "size": 6}, False),
        ({"size": 5}, {"size": 5}, False),
        ({}, {}, False),
    ],
)
def test_versions_of_files_on_the_web(before: dict[str, Any], after: dict[str, Any], is_same: bool) -> None:
    """A file on a web server is the one of last time only where the server says so."""
    storage = Storage("memory://")

    def version(info: dict[str, Any]) -> str:
        storage.fs = SimpleNamespace(
            info=lambda path: {"name": "https://h/1.png", **info}, ukey=lambda path: "constant"
        )
        return Folder(storage, "", "").version("1.png")

    assert (version(before) == version(after)) == is_same


def test_a_signed_address_is_in_no_name() -> None:
    """The query of a web address is not in the identity: it may be a signature."""
    assert FolderSource(url="https://h/set.zip?sig=canary").identity() == {"platform": "folder", "name": "set"}


def test_a_zip_behind_a_presigned_link(tmp_path: Path, s3: str, s3_server: S3Server) -> None:
    """What follows the ? is a secret field of its own, or OUTHAUL_QUERY, and opens what would be closed without."""
    open_coco(tmp_path / "set", {"images": [{"id": 1, "file_name": "a.png", "width": 4, "height": 3}]}, a=b"x")
    made = shutil.make_archive(str(tmp_path / "set"), "zip", tmp_path / "set")
    bucket = Storage(s3, {"endpoint_url": s3_server.endpoint_url})
    bucket.write("set.zip", [Path(made).read_bytes()])
    bucket.link_seconds = 600
    url, _, query = bucket.link("set.zip").partition("?")
    assert "X-Amz-Signature" in query
    for mark in ("", "?"):
        assert only(FolderSource(url=url, query=SecretStr(mark + query))).name == "a.png"
    assert only(cast("FolderSource", find_source(f"folder:{url}", {"OUTHAUL_QUERY": query}))).name == "a.png"
    assert query not in repr(FolderSource(url=url, query=SecretStr(query)))
    with pytest.raises(RequestError, match="may not be read"):
        FolderSource(url=url).catalog()


def test_a_user_name_does_not_hinder_a_password_does() -> None:
    """A folder with a password in its address is refused when it is opened."""
    with pytest.raises(RequestError, match="options of a saved block"):
        FolderSource(url="memory://someone:canary@nowhere/x").catalog()


NAMES = (
    "../secret.png",
    "../../secret.png",
    "images/../../secret.png",
    "/etc/passwd",
    "//etc/passwd",
    "file:///etc/passwd",
    "http://example.org/a.png",
    ".",
    "..",
    "./",
    "sub",
    "images",
    "images/",
    "..\\secret.png",
    None,
    5,
    *hostile.NAMES,
)


@pytest.mark.parametrize("kind", ["folder", "zip"])
@pytest.mark.parametrize("name", NAMES, ids=lambda value: ascii(value)[:24])
def test_file_names_that_mean_no_good(tmp_path: Path, kind: str, name: Any) -> None:
    """No file name reaches out of the folder, or stops the export: what is no picture in there can be skipped."""
    (tmp_path / "secret.png").write_bytes(b"secret")
    files = {"annotations.json": coco(image(1, name, file_name=name)), "images/sub/a.txt": b"x", "images/1.png": ONE}
    place = lay_out(tmp_path / "set", files) if kind == "folder" else pack(tmp_path / "set.zip", files)
    source = FolderSource(url=str(place))
    original = only(source).original
    assert original is not None
    with pytest.raises(SkippableError):
        read_media(source, original)


@pytest.mark.parametrize("name", ["..hidden.png", "a..b.png", ".hidden.png", "写真 #1%.png", "a\\b.png", "con.png"])
def test_file_names_that_only_look_odd(tmp_path: Path, name: str) -> None:
    """A picture in the folder is found whatever it is called."""
    source = FolderSource(url=str(lay_out(tmp_path, {"a.json": coco(image(1, name)), f"images/{name}": ONE})))
    original = only(source).original
    assert original is not None
    assert read_media(source, original) == ONE


def test_versions_tell_other_bytes_apart(tmp_path: Path) -> None:
    """A picture's version stays while the file does, and changes when the file does."""
    document = coco(image(1))

    def version() -> str:
        original = only(open_coco(tmp_path, document, **{"1": data})).original
        assert original is not None
        return original.version

    data = ONE
    path = tmp_path / "set" / "images" / "1.png"
    first = version()
    assert only(FolderSource(url=str(tmp_path / "set"))).original.version == first  # type: ignore[union-attr]
    data = picture_bytes(2, (300, 300))
    assert version() != first
    assert path.read_bytes() == data


# Our own exports


def test_exports_are_read_back(tmp_path: Path) -> None:
    """An export in the format jsonl is a source: its datasets and entries come back equal, and so do the pictures."""
    files, datasets, entries = exported()
    source = FolderSource(url=str(lay_out(tmp_path / "moved", files)))
    assert source.catalog() == datasets
    read = [entry for one in source.choose([]) for entry in everything(source, one.id)]
    assert [_placeless(entry) for entry in read] == [_placeless(entry) for entry in entries]
    for entry in read:
        if entry.original:
            number = int(entry.original.id[1:])
            assert read_media(source, entry.original) == picture_bytes(number)


def test_zipped_exports_are_read_back(tmp_path: Path) -> None:
    """The same export packed as a zip is the same source."""
    files, _, entries = exported()
    source = FolderSource(url=str(pack(tmp_path / "export.zip", files)))
    assert [_placeless(entry) for entry in everything(source, "d1")] == [_placeless(entry) for entry in entries[:4]]
    original = everything(source, "d1")[0].original
    assert original is not None
    assert read_media(source, original) == picture_bytes(0)


def test_exports_without_media(tmp_path: Path) -> None:
    """An export without its pictures is read back; the pictures can be skipped."""
    files, _, entries = exported()
    files = {name: data for name, data in files.items() if name in (DATASETS, ENTRIES)}
    source = FolderSource(url=str(lay_out(tmp_path, files)))
    read = everything(source, "d1")
    assert [_placeless(entry) for entry in read] == [_placeless(entry) for entry in entries[:4]]
    assert read[0].original is not None
    with pytest.raises(SkippableError):
        read_media(source, read[0].original)


def _placeless(entry: Entry) -> Entry:
    """The entry without what says where its files lie: that is another place now."""
    medias = tuple(msgspec.structs.replace(one, ref="", version="") for one in entry.medias)
    return msgspec.structs.replace(entry, medias=medias)


@pytest.mark.parametrize("path", ["../secret.png", "/etc/passwd", "images/../../secret.png", "", ".", "images", "\x00"])
def test_exports_that_mean_no_good(tmp_path: Path, path: str) -> None:
    """An export from elsewhere cannot make us read files outside its folder, nor stop at what is no file."""
    files, _, _ = exported()
    (tmp_path / "secret.png").write_bytes(b"secret")
    first, _, rest = files[ENTRIES].partition(b"\n")
    line = orjson.loads(first)
    line["files"] = {media["id"]: path for media in line["medias"]}
    source = FolderSource(url=str(lay_out(tmp_path / "set", files | {ENTRIES: orjson.dumps(line) + b"\n" + rest})))
    original = everything(source, "d1")[0].original
    assert original is not None
    with pytest.raises(SkippableError):
        read_media(source, original)


@pytest.mark.parametrize("name", [DATASETS, ENTRIES])
@pytest.mark.parametrize("line", [b"{", b"5", b"{}", b'{"id":"e","dataset_id":"d1"}', b'{"id":5}', b"\xff"])
def test_exports_with_broken_lines(tmp_path: Path, name: str, line: bytes) -> None:
    """A line that is no dataset or no entry is refused in a sentence that names the file."""
    files, _, _ = exported()
    source = FolderSource(url=str(lay_out(tmp_path, files | {name: files[name] + line + b"\n"})))
    with pytest.raises(RequestError, match=name):
        [everything(source, one.id) for one in source.catalog()]


# Places


def test_a_folder_in_memory() -> None:
    """A folder is read from any place that fsspec reaches; memory is one."""
    memory = fsspec.filesystem("memory")
    memory.pipe({"/folder-test/annotations.json": as_bytes(coco(image())), "/folder-test/images/1.png": ONE})
    try:
        source = FolderSource(url="memory://folder-test")
        original = only(source).original
        assert original is not None
        assert read_media(source, original) == ONE
    finally:
        memory.rm("/folder-test", recursive=True)


@pytest.fixture
def bucket(s3: str, forgotten: None) -> Any:
    """The S3 server's file system."""
    import s3fs  # noqa: PLC0415 - the server's address stands in the environment only now

    return s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)


def test_a_folder_in_a_bucket(s3: str, bucket: Any) -> None:
    """A dataset is read from a bucket, missing pictures and all, like from a disk."""
    document = coco(image(1), image(2), image(3, "sub"), annotations=[box()])
    bucket.pipe({f"{s3}/annotations/a.json": as_bytes(document), f"{s3}/images/1.png": ONE, f"{s3}/images/sub/x": b""})
    source = FolderSource(url=s3)
    there, *missing = everything(source)
    assert there.original is not None
    assert read_media(source, there.original) == ONE
    for entry in missing:
        assert entry.original is not None
        with pytest.raises(SkippableError):
            read_media(source, entry.original)
    assert everything(FolderSource(url=f"{s3}/annotations/a.json")) == everything(FolderSource(url=s3))
    with pytest.raises(RequestError, match="does not exist"):
        FolderSource(url=f"{s3}/nowhere").catalog()


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_credentials_of_the_block(
    s3: str, bucket: Any, s3_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    """The block's own options open the bucket where the environment has none, for a folder and for a zip in it."""
    files = {"annotations.json": coco(image()), "images/1.png": ONE}
    archive = pack(tmp_path / "a.zip", files)
    bucket.pipe({f"{s3}/{name}": as_bytes(content) for name, content in files.items()})
    bucket.put_file(str(archive), f"{s3}.zip")
    for name in s3_server.environment:
        monkeypatch.delenv(name)
    options = {
        "key": s3_server.access_key_id,
        "secret": s3_server.secret_access_key,
        "endpoint_url": s3_server.endpoint_url,
    }
    source = FolderSource(url=f"{s3}.zip" if packed else s3, options=SecretDict(options))
    original = only(source).original
    assert original is not None
    assert read_media(source, original) == ONE


def test_a_zip_in_a_bucket(s3: str, bucket: Any, tmp_path: Path) -> None:
    """A zip is read from a bucket with the environment's credentials, without being copied."""
    archive = pack(tmp_path / "a.zip", {"annotations.json": coco(image()), "images/1.png": ONE})
    bucket.put_file(str(archive), f"{s3}.zip")
    original = only(FolderSource(url=f"{s3}.zip")).original
    assert original is not None
    assert read_media(FolderSource(url=f"{s3}.zip"), original) == ONE


@pytest.mark.parametrize("url", ["memory://someone:canary@nowhere/x", "sftp://someone:canary@127.0.0.1/x"])
def test_passwords_in_an_address_are_not_shown(url: str) -> None:
    """A password in the address of a folder is in no message and not in the identity."""
    source = FolderSource(url=url)
    assert "canary" not in str(source.identity())
    assert "canary" not in str(FolderSource(url=posixpath.dirname(url)).identity())
    with pytest.raises(RequestError) as caught:
        source.catalog()
    assert "canary" not in str(caught.value)


# Size

_MEASURE = """
import resource, sys
from blocks.folder import FolderSource
source = FolderSource(url=sys.argv[1])
dataset = source.dataset(source.catalog()[0].id)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = sum(1 for line in source.list_entries(dataset, {}))
print(count, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A COCO file of 60 MB is listed entry by entry within a fraction of its size in memory."""
    images = b",".join(orjson.dumps(image(number)) for number in range(1000))
    padding = "a" * 30_000
    with (tmp_path / "annotations.json").open("wb") as handle:
        handle.write(b'{"annotations":[')
        for number in range(1, 2001):
            one = box(number, number % 1000, segmentation={"size": [HEIGHT, WIDTH], "counts": padding})
            handle.write(orjson.dumps(one) + (b"" if number == 2000 else b","))
        handle.write(b'],"images":[' + images + b"]}")
    size = (tmp_path / "annotations.json").stat().st_size / 1024 / 1024
    assert size > 55
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(tmp_path)],
        check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    count, grown = done.stdout.split()
    assert int(count) == 1000
    assert float(grown) < 25


def test_a_listing_is_not_read_ahead(tmp_path: Path) -> None:
    """The entries of an export are taken from the file one at a time."""
    files, _, _ = exported()
    line = files[ENTRIES].splitlines()[0]
    lay_out(tmp_path, files | {ENTRIES: line + b"\nbroken\n"})
    source = FolderSource(url=str(tmp_path))
    listing = source.list_entries(source.dataset("d1"), {})
    assert next(listing) == line
    with pytest.raises(RequestError):
        next(listing)
