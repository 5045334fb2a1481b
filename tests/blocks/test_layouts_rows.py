"""MOT, KITTI, YOLO's turned boxes and folders of classes, and what the formats' own readers say of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import datasets
import motmetrics
import pytest
from msgspec.structs import astuple

from blocks.folder import FolderSource
from blocks.layouts import LAYOUTS, recognised
from blocks.layouts.opened import Folder
from blocks.storage import Storage
from exporters import registry
from exporters.errors import OuthaulError, RequestError
from exporters.model import Box, RotatedBox, Track
from tests.blocks.samples import everything, lay_out
from tests.conformance.exporters import Export, run_export
from tests.fakes.datasets import HEIGHT, WIDTH, dataset, entry
from tests.fakes.layouts import SAMPLES, imagefolder, kitti, mot, pascal_voc, picture


def converted(source: FolderSource, format_name: str, **options: Any) -> Export:
    """All of a folder exported without its media, the books checked."""
    dataset = source.dataset(source.catalog()[0].id)
    exporter: Any = registry.get(format_name)
    made = run_export(exporter, [dataset], everything(source), options=options, media="none")
    made.tally.check(format_name)
    return made


# -- which layout it is -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_each_layout_is_told_from_all_others(tmp_path: Path, name: str) -> None:
    """A dataset of each layout is recognised as what it is."""
    folder = Folder(Storage(str(lay_out(tmp_path, SAMPLES[name]().files))), "street", "folder:street")
    assert type(recognised(folder)).__module__ == f"blocks.layouts.{name}"


def test_the_form_names_every_layout() -> None:
    """What a person reads beside the form of the block, and what is said when nothing is found, is made of the list."""
    description = FolderSource.get_description()
    assert description is not None
    assert [layout.label for layout in LAYOUTS if layout.label not in description] == []
    assert len({layout.label for layout in LAYOUTS}) == len({layout.sought for layout in LAYOUTS}) == len(LAYOUTS)


MANGLED = [
    (name, path)
    for name, make in sorted(SAMPLES.items())
    for path in make().files
    if not path.endswith(".png") and "000002" not in path and "000003" not in path and "000004" not in path
]


@pytest.mark.parametrize(("name", "path"), MANGLED)
def test_mangled_files_end_in_a_sentence(tmp_path: Path, name: str, path: str) -> None:
    """Cut off anywhere, or with bytes changed, a file is read or refused in one sentence: nothing else comes of it."""
    files = dict(SAMPLES[name]().files)
    data = files[path]
    cuts = [data[:end] for end in range(0, len(data), max(1, len(data) // 12))]
    edits = [data.replace(old, new) for old, new in ((b"1", b"-9e999"), (b"0", b"NaN"), (b'"', b"{"), (b":", b"\xff"))]
    numbers = [data.replace(b"1", b"9" * 400), data.replace(b"0", b"null"), data.replace(b"car", b"\\u0000")]
    for number, mangled in enumerate([*cuts, *edits, *numbers]):
        folder = lay_out(tmp_path / str(number), {**files, path: mangled})
        try:
            everything(FolderSource(url=str(folder)))
        except OuthaulError as error:
            assert "\n" not in str(error)  # noqa: PT017 - not each of them fails


# -- MOT --------------------------------------------------------------------------------------------------------------


def test_mot_is_read(tmp_path: Path) -> None:
    """Corners are 1-based, flag 0 is ignored, classes are the benchmark's where none are named."""
    found = everything(FolderSource(url=str(lay_out(tmp_path, mot().files))))
    assert [(one.name, one.split) for one in found[:2]] == [
        ("MOT-01/000001.png", "train"),
        ("MOT-01/000002.png", "train"),
    ]
    one, other = found[0].annotations
    assert (one.shape, one.attributes, one.category_id) == (Box(10, 12, 20.5, 10), {"track_id": 1}, "1")
    assert other.shape == Box(0, 0, WIDTH, HEIGHT)
    assert other.attributes == {"track_id": 2, "ignored": True, "visibility": 0.25}
    assert not found[1].annotations


def test_motmetrics_sees_no_difference(tmp_path: Path) -> None:
    """Read from one package of MOT and written to another, a sequence scores MOTA 1 and IDF1 1 against itself."""
    folder = lay_out(tmp_path / "street", mot().files)
    made = converted(FolderSource(url=str(folder)), "mot")
    (path,) = [path for path in made.files if path.endswith("gt/gt.txt")]
    (tmp_path / "again.txt").write_bytes(made.files[path])
    truth, ours = (
        motmetrics.io.loadtxt(str(file), fmt="mot16")
        for file in (folder / "train/MOT-01/gt/gt.txt", tmp_path / "again.txt")
    )
    scores = motmetrics.utils.compare_to_groundtruth(truth, ours, "euc", distth=0.1)  # square pixels
    summary = motmetrics.metrics.create().compute(scores, metrics=["mota", "idf1", "num_objects"])
    assert summary.to_numpy().tolist() == [[1.0, 1.0, 3.0]]


def test_a_mot_sequence_may_be_a_video(tmp_path: Path) -> None:
    """Where the frames are still in a video, that is the entry, and each object of it a track."""
    rows = "1,3,1,1,10,10,1,1,1\n2,3,2,1,10,10,1,1,1\n3,3,3,1,10,10,1,1,1\n7,3,1,1,10,10,1,1,0.5\n"
    info = "[Sequence]\nname=a\nimDir=img1\nframeRate=25\nseqLength=9\nimWidth=64\nimHeight=48\nimExt=.mp4\n"
    files = {"a/gt/gt.txt": rows.encode(), "a/seqinfo.ini": info.encode(), "a/a.mp4": b"video"}
    source = FolderSource(url=str(lay_out(tmp_path, files)))
    assert source.catalog()[0].modality == "video"
    (one,) = everything(source)
    (found,) = one.annotations
    assert isinstance(found.shape, Track)
    assert [(key.frame, key.is_outside) for key in found.shape.keyframes] == [
        (0, False),
        (2, False),
        (3, True),
        (6, False),
    ]
    assert one.original
    assert (one.original.ref, one.original.frame_rate, one.original.frames_count) == ("a/a.mp4", 25.0, 9)


def test_no_layout_looks_outside_its_folder(tmp_path: Path) -> None:
    """A file that says its pictures lie above the folder is not followed there."""
    info = b"[Sequence]\nimDir=../../../outside\nimExt=.png\n"
    files = {"set/a/gt/gt.txt": b"1,1,1,1,9,9,1,1,1\n", "set/a/seqinfo.ini": info, "outside/000002.png": picture(1)}
    (one,) = everything(FolderSource(url=str(lay_out(tmp_path, files) / "set")))
    assert one.original
    assert not one.original.version


@pytest.mark.parametrize(
    ("row", "words"), [("1,1,a,1,1,1,1", "has the row"), ("0,1,1,1,1,1,1", "frame 0"), ("1e9,1,1,1,1,1,1", "at most")]
)
def test_unsound_mot_is_refused(tmp_path: Path, row: str, words: str) -> None:
    """A row that is none, or of a frame that cannot be, is refused with its file."""
    with pytest.raises(RequestError, match=f"gt/gt.txt.*{words}"):
        everything(FolderSource(url=str(lay_out(tmp_path, {"a/gt/gt.txt": row.encode()}))))


# -- KITTI, VOC -------------------------------------------------------------------------------------------------------


def test_kitti_rows_come_out_as_they_went_in(tmp_path: Path) -> None:
    """A row of the benchmark, with all that it says of space, is written again as it was."""
    rows = [
        "Car 0.50 2 -1.58 10.00 12.50 40.25 30.00 1.65 1.67 3.64 -0.65 1.71 46.70 -1.59",
        "Pedestrian 0.00 0 -10 1.00 2.00 3.00 4.00 -1 -1 -1 -1000 -1000 -1000 -10",
        "DontCare -1 -1 -10 5.00 5.00 9.00 9.00 -1 -1 -1 -1000 -1000 -1000 -10",
    ]
    text = "".join(f"{row}\n" for row in rows).encode()
    source = FolderSource(url=str(lay_out(tmp_path, {**kitti().files, "training/label_2/000001.txt": text})))
    made = converted(source, "kitti", crowds="dont_care")
    assert made.files["training/label_2/000000.txt"] == text
    assert len(made.files["names.jsonl"].splitlines()) == 4


def test_kitti_without_a_label_file_is_in_progress(tmp_path: Path) -> None:
    """An empty file is a picture without objects; none at all, as in the benchmark's test set, one nobody knows."""
    files = {**kitti().files, "testing/image_2/000000.png": picture(7)}
    states = {one.id: (one.state, one.split) for one in everything(FolderSource(url=str(lay_out(tmp_path, files))))}
    assert states["training/000002"] == ("completed", None)
    assert states["testing/000000"] == ("in_progress", "test")


def test_voc_integers_come_out_as_they_went_in(tmp_path: Path) -> None:
    """The corners of a box are the same whole numbers again."""
    made = converted(FolderSource(url=str(lay_out(tmp_path, pascal_voc().files))), "pascal_voc")
    document = made.files["Annotations/000001.xml"].decode()
    for corner in ("<xmin>5</xmin>", "<ymin>6</ymin>", "<xmax>20</xmax>", "<ymax>30</ymax>"):
        assert corner in document


# -- YOLO -------------------------------------------------------------------------------------------------------------


def test_turned_boxes_of_yolo_come_back(tmp_path: Path) -> None:
    """With `task: obb` four corners are a turned box, to within a millionth of the picture."""
    box = RotatedBox(30.0, 20.0, 12.0, 6.0, 0.5)
    exporter: Any = registry.get("yolo_obb")
    row = run_export(exporter, [dataset()], [entry("a", box)], media="none").files["labels/a.txt"]
    files = {"data.yaml": b"train: images\nnames: [a]\ntask: obb\n", "images/a.png": picture(1), "labels/a.txt": row}
    (one,) = everything(FolderSource(url=str(lay_out(tmp_path, files))))
    found = one.annotations[0].shape
    assert isinstance(found, RotatedBox)
    assert astuple(found) == pytest.approx(astuple(box), abs=1e-4)


def test_cvat_lists_of_yolo_begin_with_data(tmp_path: Path) -> None:
    """Lists that CVAT writes name pictures below `data/`, which is the folder itself; what is in two splits is one."""
    files = {
        "data.yaml": b"train: train.txt\nval: train.txt\nnames: {0: a}\n",
        "train.txt": b"data/images/train/a.png\n",
        "images/train/a.png": picture(1),
    }
    (one,) = everything(FolderSource(url=str(lay_out(tmp_path, files))))
    assert (one.name, one.split) == ("a.png", "train")


def test_yaml_bombs_do_not_go_off(tmp_path: Path) -> None:
    """Names that refer to lists of lists of lists are refused, not written out."""
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12))]
    document = "\n".join([*lines, "train: images", "names: [*a11]"])
    files = {"data.yaml": document.encode(), "images/a.png": picture(1)}
    with pytest.raises(RequestError, match="a list where one value belongs"):
        everything(FolderSource(url=str(lay_out(tmp_path, files))))


# -- folders of classes -----------------------------------------------------------------------------------------------


def test_datasets_sees_the_same_pictures(tmp_path: Path) -> None:
    """Hugging Face's reader finds as many pictures of each class in each split as are read."""
    folder = lay_out(tmp_path / "street", imagefolder().files)
    loaded = datasets.load_dataset(
        "imagefolder", data_dir=str(folder), drop_labels=False, cache_dir=str(tmp_path / "cache")
    )
    names = loaded["train"].features["label"].names
    seen = sorted((split, names[row["label"]]) for split, rows in loaded.items() for row in rows)
    found = everything(FolderSource(url=str(folder)))
    ours = [({"val": "validation"}.get(one.split or "", one.split), one.annotations[0].category_id) for one in found]
    assert sorted(ours) == seen  # type: ignore[type-var]


@pytest.mark.parametrize("path", ["annotations.csv", "cats/a.txt", "rows/a.txt"])
def test_pictures_beside_unknown_files_are_refused(tmp_path: Path, path: str) -> None:
    """Folders of pictures with a file that may be their annotations are not taken for classes: it is named instead."""
    files = {"cats/a.png": picture(1), "dogs/b.png": picture(2), path: b"a.png,1,2,3,4\n"}
    with pytest.raises(RequestError, match=re.escape(path)):
        everything(FolderSource(url=str(lay_out(tmp_path, files))))


def test_pictures_alone_are_no_dataset(tmp_path: Path) -> None:
    """Pictures without a folder around them have no class: nothing is known of them."""
    with pytest.raises(RequestError, match="holds no dataset that is known here"):
        everything(FolderSource(url=str(lay_out(tmp_path, {"a.png": picture(1)}))))
