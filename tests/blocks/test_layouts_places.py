"""Where a dataset and its pictures lie: links, archives with one folder, splits that are told by names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from blocks.folder import FolderSource
from exporters.errors import RequestError, SkippableError
from tests.blocks.samples import coco, everything, image, lay_out, pack, picture_bytes, read_media
from tests.fakes.layouts import SAMPLES, imagefolder, picture, yolo

# -- links ------------------------------------------------------------------------------------------------------------


def test_linked_pictures_are_pictures(tmp_path: Path) -> None:
    """Pictures that are links, as DVC and git-annex lay them out, are read like others, wherever the bytes lie."""
    files = imagefolder().files
    folder = lay_out(tmp_path / "street", files)
    for path, data in files.items():
        cached = tmp_path / "cache" / path.replace("/", "-")
        cached.parent.mkdir(exist_ok=True)
        cached.write_bytes(data)
        (folder / path).unlink()
        (folder / path).symlink_to(cached)
    source = FolderSource(url=str(folder))
    found = {one.id: read_media(source, one.original) for one in everything(source) if one.original}
    assert found == dict(files)


def test_a_link_to_nothing_is_a_missing_picture(tmp_path: Path) -> None:
    """A picture whose contents git-annex has not fetched is an entry that can be skipped."""
    folder = lay_out(tmp_path / "street", {"cats/a.png": picture(1)})
    (folder / "cats" / "b.png").symlink_to("../.git/annex/objects/b")
    source = FolderSource(url=str(folder))
    there, missing = everything(source)
    assert there.original
    assert there.original.version
    assert missing.original
    with pytest.raises(SkippableError, match="its picture is not in the folder"):
        read_media(source, missing.original)


def test_linked_folders_inside_are_followed(tmp_path: Path) -> None:
    """A link to another folder of the dataset is that folder under another name."""
    folder = lay_out(tmp_path / "street", {"data.yaml": b"train: images\nnames: [a]", "2024/a.png": picture(1)})
    (folder / "images").symlink_to("2024")
    assert [one.id for one in everything(FolderSource(url=str(folder)))] == ["images/a.png"]


def test_links_in_a_circle_are_walked_once(tmp_path: Path) -> None:
    """Links back up, and folders that link to each other, neither end in a circle nor repeat a folder for ever."""
    folder = lay_out(tmp_path / "street", {"cats/a.png": picture(1), "dogs/b.png": picture(2)})
    (folder / "again").symlink_to(".")
    (folder / "cats" / "up").symlink_to("..")
    (folder / "cats" / "other").symlink_to("../dogs")
    (folder / "dogs" / "other").symlink_to("../cats")
    found = [one.id for one in everything(FolderSource(url=str(folder)))]
    assert found == ["cats/a.png", "cats/other/b.png", "dogs/b.png", "dogs/other/a.png"]


def test_linked_folders_outside_are_followed(tmp_path: Path) -> None:
    """A link to a folder elsewhere is followed, as tools that keep data apart from code make them."""
    folder = lay_out(tmp_path / "street", {"data.yaml": b"train: images\nnames: [a]"})
    lay_out(tmp_path / "elsewhere", {"a.png": picture(1)})
    (folder / "images").symlink_to(tmp_path / "elsewhere")
    assert [one.name for one in everything(FolderSource(url=str(folder)))] == ["a.png"]


# -- one folder around it ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["folder", "zip"])
@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_one_folder_around_a_dataset(tmp_path: Path, name: str, kind: str) -> None:
    """A dataset in the only folder of a zip or folder is read, pictures and all; what macOS adds to zips is no part."""
    sample = SAMPLES[name]()
    files: Mapping[str, Any] = {f"inner/{path}": data for path, data in sample.files.items()}
    files = {**files, "__MACOSX/inner/._a.png": b"x", ".DS_Store": b"x"}
    place = lay_out(tmp_path / "street", files) if kind == "folder" else pack(tmp_path / "street.zip", files)
    source = FolderSource(url=str(place))
    found = [one.original for one in everything(source) if one.original]
    assert sorted(read_media(source, one) for one in found) == sorted(
        sample.files[path] for path in sample.pictures.values()
    )


def test_what_is_wrong_inside_is_said(tmp_path: Path) -> None:
    """A dataset in the only folder of a zip that cannot be read is refused with its file."""
    archive = pack(tmp_path / "street.zip", {"inner/data.yaml": b"train: ["})
    with pytest.raises(RequestError, match=r"street\.zip/inner/data\.yaml is no sound YAML"):
        FolderSource(url=str(archive)).catalog()


# -- COCO -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stem", ["instances_val", "street_val", "captions_val2017", "person_keypoints_valid", "val"])
def test_pictures_of_another_split_are_never_taken(tmp_path: Path, stem: str) -> None:
    """A picture that its own split lacks is missing, though another split has one of that name."""
    document = coco(image(1, "a.png"), image(2, "b.png"))
    files = {f"annotations/{stem}.json": document, "train/a.png": picture_bytes(1), "train/b.png": picture_bytes(2)}
    source = FolderSource(url=str(lay_out(tmp_path, {**files, "val/a.png": picture_bytes(3)})))
    there, missing = (one.original for one in everything(source))
    assert there
    assert read_media(source, there) == picture_bytes(3)
    assert missing
    with pytest.raises(SkippableError):
        read_media(source, missing)


def test_pictures_of_several_splits_in_one_file(tmp_path: Path) -> None:
    """A file of no split finds its pictures in the folders of all, whichever comes first; the same name twice is
    refused with both places.
    """
    files = {
        "all.json": coco(image(1, "a.png"), image(2, "b.png"), image(3, "c.png")),
        "train/a.png": picture_bytes(1),
        "test/b.png": picture_bytes(2),
        "train/c.png": picture_bytes(3),
    }
    source = FolderSource(url=str(lay_out(tmp_path / "set", files)))
    found = [one.original.ref for one in everything(source) if one.original]
    assert found == ["train/a.png", "test/b.png", "train/c.png"]
    lay_out(tmp_path / "set", {"val/c.png": picture_bytes(4)})
    with pytest.raises(RequestError, match=r"all\.json has the picture 'c\.png', which lies in train and in val"):
        everything(FolderSource(url=str(tmp_path / "set")))


def test_official_coco_names_its_splits(tmp_path: Path) -> None:
    """Instances, key points and captions of the official dataset are each of the split in their names."""
    stems = [
        f"{kind}_{split}2017" for kind in ("captions", "instances", "person_keypoints") for split in ("train", "val")
    ]
    files = {f"annotations/{stem}.json": {"images": [image(1)]} for stem in [*stems, "image_info_test-dev2017"]}
    source = FolderSource(url=str(lay_out(tmp_path / "coco", files)))
    splits = {one.name: one.split for one in source.catalog()}
    assert splits == {stem: stem.rpartition("_")[2] for stem in [*stems, "image_info_test-dev2017"]}


# -- YOLO without data.yaml -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("picture_path", "label_path", "split"),
    [
        ("images/a.png", "labels/a.txt", None),
        ("images/val/a.png", "labels/val/a.txt", "val"),
        ("a.png", "a.txt", None),
    ],
)
def test_yolo_with_classes_only(tmp_path: Path, picture_path: str, label_path: str, split: str | None) -> None:
    """Label Studio and LabelImg write classes.txt and no data.yaml; notes.json beside is no dataset of COCO."""
    notes = {"categories": [{"id": 0, "name": "cat"}], "info": {"contributor": "Label Studio"}}
    files = {"classes.txt": b"cat\ndog\n", "notes.json": notes, picture_path: picture(1), label_path: b"1 .5 .5 .2 .2"}
    source = FolderSource(url=str(lay_out(tmp_path / "set", files)))
    (one,) = everything(source)
    assert (one.id, one.split, [found.category_id for found in one.annotations]) == (picture_path, split, ["1"])
    assert [category.name for category in source.dataset("set").categories] == ["cat", "dog"]


def test_classes_without_labels_are_not_to_be_removed(tmp_path: Path) -> None:
    """Where classes.txt lies beside pictures without labels, these are asked for: the list is no mistake."""
    source = FolderSource(url=str(lay_out(tmp_path, {"classes.txt": b"cat\n", "photos/a.png": picture(1)})))
    with pytest.raises(RequestError, match=r"also classes\.txt, as YOLO has; add the label files"):
        source.catalog()


def test_yolo_passes_over_a_test_that_is_not_there(tmp_path: Path) -> None:
    """Where data.yaml names a folder for testing that is not there, training and validation are read."""
    files = dict(yolo().files)
    files["data.yaml"] += b"test: ../test/images\n"
    assert len(everything(FolderSource(url=str(lay_out(tmp_path / "1", files))))) == 4
    files["data.yaml"] = b"train: train/images\ntest: nowhere\nnames: [a, b]\n"
    with pytest.raises(RequestError, match="nowhere"):
        everything(FolderSource(url=str(lay_out(tmp_path / "2", files))))


def test_yolo_lists_may_be_absolute(tmp_path: Path) -> None:
    """Absolute paths below the `path:` of data.yaml are paths in the folder."""
    files = {
        "data.yaml": b"path: /somewhere/street/\ntrain: train.txt\nval: /somewhere/street/images/val\nnames: [a]\n",
        "train.txt": b"/somewhere/street/images/train/a.png\n",
        "images/train/a.png": picture(1),
        "images/val/b.png": picture(2),
    }
    found = everything(FolderSource(url=str(lay_out(tmp_path, files))))
    assert [(one.id, one.split) for one in found] == [("images/train/a.png", "train"), ("images/val/b.png", "val")]
