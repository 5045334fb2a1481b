"""Pictures without annotations, and annotations without a picture: each half is an entry all the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from blocks.folder import FolderSource
from exporters import registry
from exporters.errors import SkippableError
from exporters.model import Entry, Unknown
from tests.blocks.samples import everything, lay_out, read_media
from tests.conformance.exporters import run_export
from tests.fakes import layouts
from tests.fakes.layouts import picture

BLANK = picture(9)


def with_more(folder: Path, name: str, more: Mapping[str, bytes]) -> dict[str, Entry]:
    """The entries of the sample of a layout, with more files in it, by id."""
    files = {**layouts.SAMPLES[name]().files, **more}
    return {one.id: one for one in everything(FolderSource(url=str(lay_out(folder / "street", files))))}


@pytest.mark.parametrize(
    ("name", "path", "id_", "split"),
    [
        ("pascal_voc", "JPEGImages/more.png", "more", None),
        ("labelme", "train/more.png", "train/more.png", "train"),
        ("metadata_folder", "train/deep/more.png", "train/deep/more.png", "train"),
        ("mot", "test/MOT-02/img1/000001.jpg", "test/MOT-02#1", "test"),
        ("kitti", "testing/image_2/000001.png", "testing/000001", "test"),
        ("imagefolder", "train/more.png", "train/more.png", "train"),
    ],
)
def test_pictures_without_annotations_are_in_progress(
    tmp_path: Path, name: str, path: str, id_: str, split: str | None
) -> None:
    """A picture that nothing is said of is an entry nobody has finished; all others are what they are without it."""
    found = with_more(tmp_path / "1", name, {path: BLANK})
    more = found.pop(id_)
    assert (more.state, more.split, more.annotations) == ("in_progress", split, ())
    assert more.original
    assert (more.original.ref, more.original.width, bool(more.original.version)) == (path, layouts.WIDTH, True)
    before = with_more(tmp_path / "2", name, {})
    assert [(one.id, one.state) for one in found.values()] == [(one.id, one.state) for one in before.values()]


def test_what_is_in_progress_is_counted_by_training_formats(tmp_path: Path) -> None:
    """Exported for training, a picture without annotations is left out with its reason, and the books balance."""
    files = {**layouts.pascal_voc().files, "JPEGImages/more.png": BLANK}
    source = FolderSource(url=str(lay_out(tmp_path / "street", files)))
    exporter: Any = registry.get("coco")
    made = run_export(exporter, [source.dataset("street")], everything(source), media="none")
    made.tally.check("coco")
    assert made.tally.came_in["entries"] == 5
    left_out = [(one.reason, one.count) for one in made.tally.left_out if one.kind == "entries"]
    assert left_out == [("it has no annotations yet", 1)]


def test_voc_lists_name_entries(tmp_path: Path) -> None:
    """A name in a list is an entry, its picture there or missing; blank lines, quotes and extensions are no names."""
    lists = {
        "ImageSets/Main/train.txt": b'000001\n\nmore\n"a b"\n',
        "ImageSets/Main/val.txt": b"000002.png\n\n",
        "ImageSets/Main/trainval.txt": b"000001\nmore\n000003\ngone\n",
    }
    found = with_more(tmp_path, "pascal_voc", {"JPEGImages/more.png": BLANK, "JPEGImages/a b.png": BLANK, **lists})
    assert {id_: one.split for id_, one in found.items()} == {
        "000001": "train",
        "000002": "val",
        "000003": None,
        "000004": None,
        "a b": "train",
        "gone": None,
        "more": "train",
    }
    assert [id_ for id_, one in found.items() if one.original and not one.original.version] == ["gone"]


def test_voc_beside_pictures_has_plain_ids(tmp_path: Path) -> None:
    """Where XML and pictures lie side by side, an entry is called after its stem, labelled or not."""
    document = b"<annotation><filename>a.jpg</filename></annotation>"
    files = {"train/a.jpg.rf.x1.xml": document, "train/a.jpg.rf.x1.jpg": BLANK, "train/b.jpg": BLANK}
    found = everything(FolderSource(url=str(lay_out(tmp_path / "set", files))))
    assert [(one.id, one.name, one.state, one.split) for one in found] == [
        ("train/a.jpg.rf.x1", "a.jpg", "completed", "train"),
        ("train/b", "b.jpg", "in_progress", "train"),
    ]


def test_yolo_labels_without_a_picture(tmp_path: Path) -> None:
    """A label file without its picture is an entry that can be skipped, its rows counted as what cannot be placed."""
    files = {**layouts.yolo().files, "train/labels/gone.txt": b"0 0.5 0.5 0.1 0.1\n\n1 0.5 0.5 0.1 0.1\n"}
    files["train/labels/classes.txt"] = b"car\nperson\n"
    source = FolderSource(url=str(lay_out(tmp_path / "street", files)))
    found = {one.id: one for one in everything(source)}
    assert len(found) == 5
    gone = found["train/labels/gone.txt"]
    assert (gone.name.split("/")[-1], gone.split, gone.state) == ("gone", "train", "completed")
    assert {one.shape for one in gone.annotations} == {Unknown("row of a picture that is missing")}
    assert len(gone.annotations) == 2
    assert gone.original
    with pytest.raises(SkippableError, match="its picture is not in the folder"):
        read_media(source, gone.original)


def test_embedded_pictures_are_said_to_be(tmp_path: Path) -> None:
    """Of a picture that is only inside of LabelMe's JSON, the reason says so."""
    document = {"shapes": [], "imagePath": "..\\imgs\\a.png", "imageData": "eHg="}
    source = FolderSource(url=str(lay_out(tmp_path / "set", {"a.json": document})))
    (one,) = everything(source)
    assert one.original
    with pytest.raises(SkippableError) as caught:
        read_media(source, one.original)
    assert caught.value.reason == "its picture is embedded in its JSON, which is not read"


def test_frames_are_no_video(tmp_path: Path) -> None:
    """Where a task of CVAT has its frames beside it instead of its video, the reason says which is wanted."""
    track = b'<track id="0" label="car"><box frame="0" keyframe="1" xtl="0" ytl="0" xbr="9" ybr="9"/></track>'
    document = b"<annotations><meta><source>a.mp4</source></meta>%b</annotations>" % track
    files = {"annotations.xml": document, "images/frame_000000.PNG": BLANK}
    source = FolderSource(url=str(lay_out(tmp_path / "set", files)))
    (one,) = everything(source)
    assert one.original
    with pytest.raises(SkippableError) as caught:
        read_media(source, one.original)
    assert caught.value.reason == "its video file is not in the folder, and frames of it are not read instead"
