"""What the format `webdataset` promises beside what every format does, read by webdataset and by Hugging Face."""

from __future__ import annotations

import io
import json
import tarfile
from itertools import groupby
from pathlib import Path
from typing import Any

import datasets
import pytest
from hypothesis import example, given
from webdataset.tariterators import group_by_keys, tar_file_expander

from exporters import RequestError, read_options
from exporters.formats.webdataset import WebdatasetExporter
from exporters.model import Category, Entry, Track
from tests import strategies
from tests.conformance.exporters import Export, run_export
from tests.fakes import hostile
from tests.fakes.datasets import WIDTH, annotation, dataset, entry, media_bytes, one_of_each, picture

GOLDEN = Path(__file__).parent / "golden" / "webdataset"
BOX = one_of_each()["box"]


def export(*entries: Entry, **values: Any) -> Export:
    made = run_export(WebdatasetExporter(), [values.pop("dataset", dataset())], entries, **values)
    made.tally.check("the export")
    return made


def members(data: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.getmembers()


def tars(made: Export) -> list[str]:
    return sorted(path for path in made.files if path.endswith(".tar"))


def samples(made: Export) -> list[dict[str, Any]]:
    """All samples, as webdataset reads them."""
    streams = [{"url": path, "stream": io.BytesIO(made.files[path])} for path in tars(made)]
    return list(group_by_keys(tar_file_expander(streams)))


def prove(made: Export) -> list[dict[str, Any]]:
    """Raise unless each tar holds whole samples, of one field each, under keys of their own; gives the samples back."""
    read = samples(made)
    keys = []
    for path in tars(made):
        names = [member.name for member in members(made.files[path])]
        assert len(made.files[path]) % 512 == 0
        assert all(not name.startswith("/") and ".." not in name.split("/") for name in names)
        keys += [key for key, _ in groupby(names, lambda name: name.partition(".")[0])]
    assert len(keys) == len(set(keys)) == len(read) == made.tally.went_out.get("entries", 0)
    assert len({sample["__key__"] for sample in read}) == len(read)
    for sample in read:
        assert "json" in sample
        assert "." not in sample["__key__"]
    for path in (path for path in made.files if path.endswith("-index.json")):
        for shard in json.loads(made.files[path])["shardlist"]:
            assert len(made.files[shard["url"]]) == shard["filesize"]
            content = [member.name for member in members(made.files[shard["url"]])]
            assert sum(name.endswith(".json") for name in content) == shard["nsamples"] > 0
    return read


def test_golden_files() -> None:
    """The JSON of a small export is, to the byte, the files that lie beside this test, those of its tar unpacked."""
    shapes = one_of_each()
    crowd = annotation("e1-crowd", shapes["polygon"], is_crowd=True, attributes={"note": "é"})
    made = export(
        entry("e1", shapes["box"], crowd, shapes["classification"], split="train"), entry("e2", split="train")
    )
    assert sorted(made.files) == ["classes.json", "train-000000.tar", "train-index.json"]
    with tarfile.open(fileobj=io.BytesIO(made.files["train-000000.tar"])) as tar:
        unpacked = {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]
    assert list(unpacked) == ["train/e1.json", "train/e1.png", "train/e2.json", "train/e2.png"]
    for name in ("train/e1.json", "train/e2.json"):
        assert unpacked[name] == (GOLDEN / name).read_bytes()
    assert made.files["classes.json"] == (GOLDEN / "classes.json").read_bytes()


@example(entries=[entry("e0", name=".0", medias=(picture("e0-m", mime_type=None),))])
@given(entries=strategies.entry_lists("d1", margin=30))
def test_any_export_is_sound(entries: list[Entry]) -> None:
    """Whatever the entries, webdataset reads a sample of each that went out, with the pictures' own bytes."""
    made = export(*entries, shard_size=2, options={"samples_per_file": 2})
    by_id = {one.id: one for one in entries}
    for sample in prove(made):
        read = json.loads(sample["json"])
        original = by_id[read["id"]].original
        assert original is not None
        (field,) = (name for name in sample if name != "json" and not name.startswith("__"))
        assert sample[field] == media_bytes(original)
        assert read["name"] == by_id[read["id"]].name


def test_hugging_face_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`load_dataset("webdataset")` sees every picture and its annotations, also of a picture without any."""
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    entries = [entry("e1", BOX, split="train"), entry("e2", split="train"), entry("e3", BOX, BOX, split="train")]
    made = export(*entries, options={"samples_per_file": 2})
    made.write(tmp_path)
    files = {"train": [str(tmp_path / path) for path in tars(made)]}
    assert len(files["train"]) == 2
    loaded = datasets.load_dataset("webdataset", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert [row["__key__"] for row in loaded] == ["train/e1", "train/e2", "train/e3"]
    assert [len(row["json"]["annotations"]) for row in loaded] == [1, 0, 2]
    raw = loaded.cast_column("png", datasets.Image(decode=False))
    assert [row["png"]["bytes"] for row in raw] == [media_bytes(one.medias[0]) for one in entries]
    assert loaded[0]["png"].size[0] == WIDTH


def test_sample_says_all_of_an_annotation() -> None:
    """A sample's JSON has each annotation's class, extent in pixels, shape and attributes."""
    one = annotation("a", BOX, category_id="c-tree", group_id="g", attributes={"k": [1]}, is_crowd=True)
    made = export(entry("e1", one, attributes={"scene": "x"}, medias=(picture("m"),)))
    (sample,) = prove(made)
    assert json.loads(sample["json"]) == {
        "id": "e1",
        "dataset": "d1",
        "name": "e1.png",
        "split": None,
        "width": 64,
        "height": 48,
        "attributes": {"scene": "x"},
        "annotations": [
            {
                "id": "a",
                "category": "tree",
                "category_id": 2,
                "bbox": [8.0, 6.0, 16.5, 12.25],
                "area": 16.5 * 12.25,
                "iscrowd": 1,
                "group_id": "g",
                "shape": {"type": "box", "left": 8.0, "top": 6.0, "width": 16.5, "height": 12.25},
                "attributes": {"k": [1]},
            }
        ],
    }
    classes = json.loads(made.files["classes.json"])
    assert [(one["number"], one["name"]) for one in classes] == [(0, "car"), (1, "person"), (2, "tree")]


@pytest.mark.parametrize(
    ("name", "key", "field"),
    [
        ("22.05.png", "22~_05", "png"),
        ("cam.v2/a.JPG", "cam~_v2/a", "jpg"),
        ("a.seg.png", "a~_seg", "png"),
        (".hidden.png", "~_hidden", "png"),
        ("__x__/__a.png", "~-__x__/~-__a", "png"),
        ("a.json", "a", "bin"),
        ("a.b c", "a", "bin"),
    ],
)
def test_keys_have_no_dots(name: str, key: str, field: str) -> None:
    """A key has no dot, which would end it, nor a part that readers skip; what follows is one plain extension."""
    (sample,) = prove(export(entry("e1", BOX, name=name)))
    assert sample["__key__"] == key
    assert field in sample


def test_keys_of_like_names_differ() -> None:
    """Names that differ only in their extension, their dots, or what stands for dots, have keys of their own."""
    names = ["a.jpg", "a.png", "a..jpg", "a.", "a~2e.jpg", "a~_.jpg", "a.b.jpg", "a~_b.jpg", "b/a.jpg", "b~-a.jpg"]
    many = [entry(f"e{index}", name=name) for index, name in enumerate(names)]
    assert len(prove(export(*many, entry("split", name="a.jpg", split="b")))) == len(names) + 1


def test_hostile_entries_are_sound() -> None:
    """Hostile names, splits and classes give samples that webdataset keeps apart, each with its own name inside."""
    split = [entry(f"s{index}", BOX, split=name) for index, name in enumerate(hostile.SPLITS)]
    read = prove(export(*hostile.entries(), *split))
    names = [json.loads(sample["json"])["name"] for sample in read]
    assert sorted(names) == sorted([*hostile.NAMES, *(one.name for one in split)])
    many = hostile.categories()
    prove(export(*hostile.of_every_category(many), dataset=many))


def test_long_and_foreign_names_read_back() -> None:
    """A name that no plain tar header has room for, or of another script, is read back whole."""
    long, foreign = "f/" * 60 + "x" * 150, "写真/Фото"
    read = prove(export(entry("e1", name=f"{long}.png"), entry("e2", name=f"{foreign}.png")))
    assert [sample["__key__"] for sample in read] == [long, foreign]


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_files_are_cut_by_the_place_in_the_export(size: int) -> None:
    """Tar files have `samples_per_file` samples at most, whatever the size of shards; numbers have no gap."""
    splits = ["train", "train", None, "train", "val", None, None, "train", "val"]
    entries = [entry(f"e{index}", BOX, split=split) for index, split in enumerate(splits)]
    entries.insert(2, entry("gone", medias=(), split="train"))
    made = export(*entries, shard_size=size, options={"samples_per_file": 2})
    prove(made)
    counts = {
        path: [shard["nsamples"] for shard in json.loads(data)["shardlist"]]
        for path, data in made.files.items()
        if path.endswith("-index.json")
    }
    assert counts == {"data-index.json": [1, 2], "train-index.json": [2, 1, 1], "val-index.json": [1, 1]}
    assert tars(made)[:2] == ["data-000000.tar", "data-000001.tar"]


def test_split_called_data_is_no_lack_of_split() -> None:
    """Entries without a split are not mixed with those of a split that has the name of their files."""
    made = export(entry("e1", split="data"), entry("e2"))
    prove(made)
    assert tars(made) == ["data-000000.tar", "data~-000000.tar"]


def test_tar_members_say_nothing_of_the_machine() -> None:
    """Time, owner and mode of every member are constants."""
    for member in members(export(entry("e1", BOX)).files["data-000000.tar"]):
        assert (member.mtime, member.uid, member.gid, member.uname, member.gname) == (0, 0, 0, "", "")
        assert (member.mode, member.isreg()) == (0o644, True)


def test_cls_is_the_number_of_the_only_class() -> None:
    """With `cls`, each sample has its class's number from 0; entries of no class or of two are left out by name."""
    tag = one_of_each()["classification"]
    two = (annotation("t1", tag), annotation("t2", tag, category_id="c-tree"))
    tree = annotation("t", tag, category_id="c-tree")
    made = export(entry("e1", tree, BOX), entry("e2", *two), entry("e3"), options={"cls": True})
    (sample,) = prove(made)
    assert sample["cls"] == b"2"
    reasons = {left.reason: left.count for left in made.tally.left_out if left.kind == "entries"}
    assert reasons == {"it has not exactly one class": 2}


def test_media_can_have_one_field() -> None:
    """With `media_field`, media of any extension are that one field of every sample."""
    made = export(entry("e1", name="a.png"), entry("e2", name="b.jpg"), options={"media_field": "jpg"})
    assert [sorted(sample)[-2:] for sample in prove(made)] == [["jpg", "json"]] * 2


@pytest.mark.parametrize("field", ["json", "cls", "a.b", "JPG"])
def test_media_field_must_be_free(field: str) -> None:
    """A `media_field` that samples have already, or that is no plain extension, is refused by its name."""
    with pytest.raises(RequestError, match="media_field="):
        read_options(WebdatasetExporter(), {"media_field": field})


def test_sounds_texts_and_videos_are_samples_too() -> None:
    """Any modality is held: a video's track with its key frames, a text with its spans."""
    shapes = one_of_each()
    video = picture("v", name="v.mp4", mime_type="video/mp4")
    text = picture("t", name="t.txt", mime_type="text/plain")
    made = export(
        entry("e1", shapes["track"], name="v.mp4", medias=(video,)),
        entry("e2", shapes["text_span"], name="t.txt", medias=(text,)),
    )
    one, other = prove(made)
    track = shapes["track"]
    assert isinstance(track, Track)
    assert len(json.loads(one["json"])["annotations"][0]["shape"]["keyframes"]) == len(track.keyframes)
    assert other["txt"] == media_bytes(text)


def test_classes_keep_their_numbers_when_empty() -> None:
    """A class without annotations keeps its number, in the order of the project."""
    many = dataset(categories=[Category(id=name, name=name) for name in ("b", "a", "c")])
    made = export(entry("e1", annotation("x", BOX, category_id="c")), dataset=many)
    assert [one["name"] for one in json.loads(made.files["classes.json"])] == ["b", "a", "c"]
