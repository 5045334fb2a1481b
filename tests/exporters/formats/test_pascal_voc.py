"""What the format `pascal_voc` promises beside what every format does, read by Datumaro and checked besides."""

from __future__ import annotations

import hashlib
import io
import struct
import xml.etree.ElementTree as ET
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datumaro.components.annotation import AnnotationType
from datumaro.components.dataset import Dataset as DatumaroDataset
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image

from exporters import RequestError
from exporters.formats.pascal_voc import PascalVocExporter
from exporters.model import Box, Category, Entry, Media, Polygon, Shape
from exporters.pictures.upright import MediaFile
from exporters.shapes import masks
from tests import strategies
from tests.conformance import exporters as shared
from tests.conformance.exporters import Export, run_export
from tests.fakes import hostile
from tests.fakes.datasets import (
    BLOB,
    HEIGHT,
    PAIR,
    RING,
    SQUARE,
    WIDTH,
    annotation,
    dataset,
    entry,
    fetched,
    media_bytes,
    one_of_each,
    picture,
)

GOLDEN = Path(__file__).parent / "golden" / "pascal_voc"
BOX = Box(8.0, 6.0, 16.0, 12.0)
DAMAGED = b"MM\0*" + struct.pack(">IHHHIII", 8, 1, 0x8825, 4, 1, 9999, 0)
"""A TIFF file whose position would lie behind its end: nobody knows how to remove it."""
LABELS = ("car", "person", "tree")


def export(*entries: Entry, **values: Any) -> Export:
    made = run_export(PascalVocExporter(), [values.pop("dataset", dataset())], entries, **values)
    made.tally.check("the export")
    return made


def reasons(made: Export) -> dict[str, int]:
    return {left.reason: left.count for left in made.tally.left_out if left.kind == "annotations"}


def document(made: Export, name: str = "e1") -> ET.Element:
    return ET.fromstring(made.files[f"Annotations/{name}.xml"])


def texts(made: Export, path: str, name: str = "e1") -> list[str]:
    return [one.text or "" for one in document(made, name).iterfind(path)]


def edges(made: Export, name: str = "e1") -> list[tuple[int, ...]]:
    boxes = document(made, name).iterfind("object/bndbox")
    return [tuple(int(box.findtext(key, "")) for key in ("xmin", "ymin", "xmax", "ymax")) for box in boxes]


def lines(made: Export, name: str, kind: str = "Main") -> list[str]:
    return made.files[f"ImageSets/{kind}/{name}.txt"].decode().splitlines()


def values(made: Export, folder: str, name: str = "e1") -> Any:
    """The pixels of a mask, opened as a picture with a palette."""
    with Image.open(io.BytesIO(made.files[f"{folder}/{name}.png"])) as read:
        assert read.mode == "P"
        return np.asarray(read)


# -- the proof --------------------------------------------------------------------------------------------------------


def prove(made: Export, *, first: int = 1) -> None:
    """Raise unless lists, documents, pictures and masks agree, and coordinates are what VOC's own code takes."""
    stems = sorted(path.removeprefix("Annotations/")[:-4] for path in made.files if path.startswith("Annotations/"))
    assert sorted(path.removeprefix("JPEGImages/").rpartition(".")[0] or path[11:] for path in made.medias) == stems
    lists = {
        path: data.decode().splitlines() for path, data in made.files.items() if path.startswith("ImageSets/Main/")
    }
    labels = [line.split(":")[0] for line in made.files["labelmap.txt"].decode().splitlines()]
    assert labels[0] == "background"
    assert len(labels) == len(made.classes.classes) + 1
    plain = {path: rows for path, rows in lists.items() if all(len(row.split()) == 1 for row in rows)}
    assert {stem for rows in plain.values() for stem in rows} == set(stems)
    for stem in stems:
        prove_document(made, stem, first=first)


def prove_document(made: Export, stem: str, *, first: int) -> None:
    root = document(made, stem)
    assert root.tag == "annotation"
    name = root.findtext("filename", "")
    assert f"JPEGImages/{name}" in made.medias
    size = [int(root.findtext(f"size/{key}", "")) for key in ("width", "height")]
    file = made.medias[f"JPEGImages/{name}"]
    assert size == [file.width, file.height]
    names = {one.name for one in made.classes.classes}
    for one in root.iterfind("object"):
        if not any(set(name) & {"\n", "\r", "\x00"} for name in names):
            assert one.findtext("name") in names
        assert one.findtext("pose") in {"Unspecified", "Left", "Right", "Frontal", "Rear"}
        assert all(one.findtext(key) in {"0", "1"} for key in ("truncated", "occluded", "difficult"))
        left, top, right, bottom = (int(one.findtext(f"bndbox/{key}", "")) for key in ("xmin", "ymin", "xmax", "ymax"))
        assert first <= left <= right <= size[0] - 1 + first
        assert first <= top <= bottom <= size[1] - 1 + first
    paths = [f"{folder}/{stem}.png" for folder in ("SegmentationClass", "SegmentationObject")]
    is_segmented = root.findtext("segmented") == "1"
    assert [path in made.files for path in paths] == [is_segmented] * 2
    if is_segmented:
        classes, objects = (values(made, path.partition("/")[0], stem) for path in paths)
        assert classes.shape == objects.shape == (size[1], size[0])
        assert set(np.unique(classes)) <= {0, 255, *range(1, len(made.classes.classes) + 1)}
        assert ((classes == 0) == (objects == 0)).all()


def test_golden_files() -> None:
    """A small export is, to the byte, the files that lie beside this test to be looked at."""
    shapes = one_of_each()
    own = annotation("e1-own", BOX, attributes={"truncated": True, "pose": "left", "note": "a < b"})
    made = export(
        entry("e1", shapes["box"], own, split="train"),
        entry("e2", shapes["polygon"], shapes["mask"], name="folder/e2.png", split="val"),
        entry("e3"),
    )
    prove(made)
    found = {path.relative_to(GOLDEN).as_posix(): path.read_bytes() for path in GOLDEN.rglob("*.*")}
    assert made.files == found


@given(strategies.entry_lists("d1", margin=25), st.sampled_from([1, 0]))
def test_any_export_is_sound(entries: list[Entry], first: int) -> None:
    """Whatever the entries, with annotations over every border, what is written proves sound."""
    options = {"coordinates": "one_based" if first else "zero_based", "crowds": "difficult"}
    prove(export(*entries, shard_size=2, options=options), first=first)


def read_by_datumaro(made: Export, folder: Path, kind: str, **options: Any) -> Any:
    """The export, read from another place; its pictures are grey ones of their size."""
    made.write(folder / "first")
    moved = (folder / "first").rename(folder / "moved")
    for path, file in made.medias.items():
        Image.new("L", (file.width or 1, file.height or 1)).save(moved / path)
    return DatumaroDataset.import_from(str(moved), kind, **options)


def test_datumaro_reads_boxes(tmp_path: Path) -> None:
    """Another reader, told that coordinates count from 1, finds the same boxes, classes, flags and attributes."""
    one = annotation("a", BOX, category_id="c-tree", attributes={"difficult": 1, "occluded": "true", "note": "a & b"})
    made = export(entry("e1", Box(0.0, 0.0, WIDTH, HEIGHT), one), entry("e2"), entry("e3", BOX, name="R&D.png"))
    read = read_by_datumaro(made, tmp_path, "voc_detection", coordinate_mode="voc-one-based")
    found = {item.id: item.annotations for item in read}
    assert found.keys() == {"e1", "e2", "R&D"}
    assert [one.get_bbox() for one in found["e1"]] == [[0, 0, WIDTH, HEIGHT], [8, 6, 16, 12]]
    labels = read.categories()[AnnotationType.label]
    assert [labels[one.label].name for one in found["e1"]] == ["car", "tree"]
    attributes = found["e1"][1].attributes
    assert (attributes["difficult"], attributes["occluded"], attributes["truncated"]) == (True, True, False)
    assert attributes["note"] == "a & b"
    assert found["e2"] == []


def test_datumaro_reads_masks(tmp_path: Path) -> None:
    """Another reader finds the same classes of the same pixels in the masks."""
    made = export(entry("e1", RING, annotation("b", BLOB, category_id="c-tree")), entry("e2", BOX))
    read = read_by_datumaro(made, tmp_path, "voc_segmentation")
    labels = read.categories()[AnnotationType.label]
    (item,) = list(read)
    found = {labels[one.label].name: one.image for one in item.annotations if one.label}
    assert found.keys() == {"car", "tree"}
    assert (found["tree"] == masks.to_pixels(BLOB)).all()
    assert (found["car"] == (masks.rasterize(RING.parts, WIDTH, HEIGHT) & ~masks.to_pixels(BLOB))).all()


def test_datumaro_reads_lists_of_classes(tmp_path: Path) -> None:
    """Another reader finds in the lists of classes which class is in which picture."""
    made = export(entry("e1", BOX), entry("e2", annotation("a", BOX, category_id="c-tree")), entry("e3"), shard_size=1)
    read = read_by_datumaro(made, tmp_path, "voc_classification")
    labels = read.categories()[AnnotationType.label]
    found = {item.id: {labels[one.label].name for one in item.annotations} for item in read}
    assert found == {"e1": {"car"}, "e2": {"tree"}, "e3": set()}


# -- coordinates ------------------------------------------------------------------------------------------------------


@given(strategies.whole_boxes())
def test_whole_boxes_read_back_exactly(box: Box) -> None:
    """A box along the borders of pixels comes back as it was: only the minimum is shifted by one."""
    ((left, top, right, bottom),) = edges(made := export(entry("e1", box), media="none"))
    assert Box(left - 1, top - 1, right - (left - 1), bottom - (top - 1)) == box
    assert not made.tally.changed


@given(strategies.boxes())
def test_other_boxes_grow_to_whole_pixels(box: Box) -> None:
    """The edges of any box are written as those of the pixels that it touches, and this is counted."""
    ((left, top, right, bottom),) = edges(export(entry("e1", box), media="none"))
    for read, edge in ((left - 1, box.left), (top - 1, box.top)):
        assert edge - 1 < read <= edge + 1e-6
    for read, edge in ((right, box.left + box.width), (bottom, box.top + box.height)):
        assert edge - 1e-6 <= read < edge + 1 + 1e-6


def test_box_of_the_whole_picture() -> None:
    """The box of a whole picture is 1, 1, W, H; from 0 it is 0, 0, W-1, H-1."""
    whole = entry("e1", Box(0.0, 0.0, WIDTH, HEIGHT))
    assert edges(export(whole)) == [(1, 1, WIDTH, HEIGHT)]
    assert edges(export(whole, options={"coordinates": "zero_based"})) == [(0, 0, WIDTH - 1, HEIGHT - 1)]


def test_sums_of_decimals_take_in_no_other_pixel() -> None:
    """An edge that misses a whole number by a rounding does not reach into the next pixel."""
    left, width = 0.3, 19.700000000000003
    assert left + width > 20
    assert edges(export(entry("e1", Box(left, 2.0, width, 3.0)))) == [(1, 3, 20, 5)]


def test_smallest_box_is_a_pixel() -> None:
    """A box within one pixel, in a corner of the picture too, is that pixel."""
    made = export(entry("e1", Box(5.2, 5.2, 0.1, 0.1), Box(WIDTH - 1e-7, HEIGHT - 1e-7, 1e-7, 1e-7)))
    assert edges(made) == [(6, 6, 6, 6), (WIDTH, HEIGHT, WIDTH, HEIGHT)]
    assert made.tally.changed == {"its box was rounded outwards to whole pixels": 2}


def test_annotations_over_the_border_cannot_be_kept() -> None:
    """Pixels are those of the picture: boxes are cut at its border or left out, never written past it."""
    with pytest.raises(RequestError, match="out_of_picture"):
        export(entry("e1", BOX), options={"out_of_picture": "keep"})
    assert edges(export(entry("e1", Box(-5.0, -5.0, 15.0, 15.0)))) == [(1, 1, 10, 10)]


# -- documents --------------------------------------------------------------------------------------------------------


def test_attributes_that_voc_knows_have_their_elements() -> None:
    """Pose and the three flags are elements, whatever form they came in; others are attributes."""
    one = annotation("a", BOX, attributes={"pose": "frontal", "truncated": "yes", "occluded": False, "difficult": 1})
    other = annotation("b", SQUARE, attributes={"pose": "above", "truncated": 0.4, "list": [1, {"b": 1, "a": 2}]})
    made = export(entry("e1", one, other))
    assert texts(made, "object/pose") == ["Frontal", "Unspecified"]
    assert texts(made, "object/truncated") == ["1", "0"]
    assert texts(made, "object/occluded") == ["0", "0"]
    assert texts(made, "object/difficult") == ["1", "0"]
    assert texts(made, "object/attributes/attribute/name") == ["pose", "truncated", "list"]
    assert texts(made, "object/attributes/attribute/value") == ["above", "0.4", '[1,{"a":2,"b":1}]']


def test_hostile_texts_are_escaped() -> None:
    """Names and attributes are read back by a parser as they were; characters that XML cannot hold are shown."""
    names = [*dict.fromkeys(hostile.NAMES), "R&D", "a<b", "]]>", "'\"", "\r", "a\r\nb"]
    many = dataset(categories=[Category(id=f"c{at}", name=name) for at, name in enumerate(names)], name="<&>\x01")
    annotations = [
        annotation(f"a{at}", BOX, category_id=f"c{at}", attributes={"<&>": name}) for at, name in enumerate(names)
    ]
    made = export(entry("e1", *annotations, name="e1.png"), dataset=many)
    legal = [name.isprintable() for name in names]
    read = texts(made, "object/name")
    assert len(set(read)) == len(names)
    assert [text for text, is_legal in zip(read, legal, strict=True) if is_legal] == [
        name for name, is_legal in zip(names, legal, strict=True) if is_legal
    ]
    assert read[names.index("nul\x00byte.jpg")] == "nul\\u0000byte.jpg"
    assert texts(made, "object/attributes/attribute/value")[-1] == "a\r\nb"
    assert texts(made, "source/database") == ["<&>\\u0001"]


def test_filename_is_bare_and_has_its_extension() -> None:
    """`filename` is the file's name with extension and without a folder, whatever folder it came from."""
    made = export(entry("e1", BOX, name="some folder/R & D #1.jpeg"))
    assert set(made.medias) == {"JPEGImages/some~20folder~2fR~20&~20D~20~231.jpeg"}
    stem = "some~20folder~2fR~20&~20D~20~231"
    assert texts(made, "filename", stem) == [f"{stem}.jpeg"]
    assert texts(made, "folder", stem) == ["JPEGImages"]
    assert texts(made, "source/image", stem) == ["some folder/R & D #1.jpeg"]


def test_negatives_have_a_document() -> None:
    """A picture without objects has a document without any, and is in the lists."""
    made = export(entry("e1"))
    assert document(made).find("object") is None
    assert lines(made, "trainval") == ["e1"]
    assert lines(made, "car_trainval") == ["e1 -1"]


def test_depth_is_read_where_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The depth of pictures is 3 unless it is to be read: then it is what the file says, 3 if it says nothing."""
    grey = io.BytesIO()
    Image.new("L", (WIDTH, HEIGHT)).save(grey, "PNG")
    for data, depth in ((grey.getvalue(), "1"), (b"no picture", "3")):
        monkeypatch.setattr(shared, "media_bytes", lambda media, data=data: data)
        one = entry("e1", BOX)
        assert texts(export(one, files=partial(file_of, data)), "size/depth") == ["3"]
        assert texts(export(one, files=partial(file_of, data), options={"depth": "read"}), "size/depth") == [depth]
    assert texts(export(one, media="none", options={"depth": "read"}), "size/depth") == ["3"]


def file_of(data: bytes, media: Media) -> MediaFile:
    return replace(fetched(media), sha256=hashlib.sha256(data).hexdigest(), size=len(data))


# -- names and lists --------------------------------------------------------------------------------------------------


def test_names_never_meet() -> None:
    """Pictures of one name in two folders or two splits, and of one stem, have a document each."""
    entries = [
        entry("e1", BOX, name="x/0001.png"),
        entry("e2", BOX, name="y/0001.png"),
        entry("e3", BOX, name="0001.png", split="train"),
        entry("e4", BOX, name="0001.png", split="val"),
        entry("e5", BOX, name="a.jpg"),
        entry("e6", BOX, name="a.png"),
    ]
    made = export(*entries, shard_size=1)
    prove(made)
    assert len(made.medias) == len(entries)
    assert lines(made, "train") == ["0001~id-e3"]


def test_hostile_names_are_sound() -> None:
    """Entries of hostile names are in the lists, a line each that splits at blanks, with document and picture."""
    made = export(*hostile.entries())
    prove(made)
    names = lines(made, "trainval")
    assert len(set(names)) == len(hostile.NAMES)
    assert all(len(name.split()) == 1 and not name.startswith("#") for name in names)


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_lists(size: int) -> None:
    """Each split has its list, trainval has train, val and none, and a class's says of every picture if it is there."""
    difficult = annotation("d", BOX, attributes={"difficult": True})
    made = export(
        entry("e1", BOX, BOX, split="train"),
        entry("e2", difficult, split="val"),
        entry("e3", annotation("t", BOX, category_id="c-tree"), split="train"),
        entry("e4", BOX),
        entry("e5", BOX, split="test"),
        shard_size=size,
    )
    assert lines(made, "train") == ["e1", "e3"]
    assert lines(made, "trainval") == ["e1", "e2", "e3", "e4"]
    assert lines(made, "test") == ["e5"]
    assert lines(made, "car_train") == ["e1  1", "e3 -1"]
    assert lines(made, "car_trainval") == ["e1  1", "e2  0", "e3 -1", "e4  1"]
    assert lines(made, "person_test") == ["e5 -1"]
    main = [path for path in made.files if path.startswith("ImageSets/Main/")]
    assert len(main) == 4 + 4 * len(LABELS)


def test_lists_of_classes_never_meet() -> None:
    """Classes that differ in case, or with a split in their name, have a list each; none replaces that of a split."""
    names = ("car", "CAR", "a", "a_b", "x/y")
    many = dataset(categories=[Category(id=f"c{at}", name=name) for at, name in enumerate(names)])
    made = export(entry("e1", split="c"), entry("e2", split="b_c"), entry("e3", split="car_c"), dataset=many)
    paths = {path.casefold() for path in made.files if path.startswith("ImageSets/Main/")}
    assert len(paths) == 3 + 3 * len(names)
    assert lines(made, "car_c") == ["e3"]


@pytest.mark.parametrize("size", [1, 1000])
def test_lists_have_no_picture_that_was_left_out(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that turns out unfit only after it was converted is in no list, also as the last of a shard."""
    monkeypatch.setattr(shared, "media_bytes", lambda media: DAMAGED if media.ref == "bad" else media_bytes(media))
    bad = picture("bad", ref="bad")
    entries = [entry("e1", BOX), entry("e2", BOX, medias=(bad,)), entry("e3", BOX), entry("e4", BOX, medias=(bad,))]
    made = export(
        *entries,
        shard_size=size,
        files=lambda media: file_of(DAMAGED, media) if media.ref == "bad" else fetched(media),
        skips_faults=True,
        options={"redact": "positions"},
    )
    assert made.tally.went_out["entries"] == 2
    assert lines(made, "trainval") == ["e1", "e3"]
    assert lines(made, "car_trainval") == ["e1  1", "e3  1"]


def test_lists_of_classes_can_be_left_out() -> None:
    """With class_lists=false there are lists of splits only."""
    made = export(entry("e1", BOX), options={"class_lists": False})
    assert [path for path in made.files if "Main" in path] == ["ImageSets/Main/trainval.txt"]


# -- masks ------------------------------------------------------------------------------------------------------------


def test_masks_are_palette_pictures_of_numbers() -> None:
    """A pixel is the number of its class from 1, or of its object in the document; 0 is background."""
    made = export(entry("e1", BOX, annotation("b", BLOB, category_id="c-tree")))
    painted = masks.to_pixels(BLOB)
    assert (values(made, "SegmentationClass") == np.where(painted, 3, 0)).all()
    assert (values(made, "SegmentationObject") == np.where(painted, 2, 0)).all()
    assert lines(made, "trainval", "Segmentation") == ["e1"]
    assert made.tally.changed == {"its box is not in the masks of its picture": 1}
    assert made.files["labelmap.txt"] == b"background:0,0,0::\ncar:128,0,0::\nperson:0,128,0::\ntree:128,128,0::\n"


def test_pictures_without_outlines_have_no_masks() -> None:
    """A picture with boxes only is not in the lists of segmentation: its masks would say that it is empty."""
    made = export(entry("e1", BOX))
    assert texts(made, "segmented") == ["0"]
    assert not [path for path in made.files if "Segmentation" in path]


def test_covered_objects_are_counted() -> None:
    """Later annotations are painted over earlier ones; what is covered in part, or wholly, is in the books."""
    big = Polygon((SQUARE.parts[0], PAIR.parts[1]))
    made = export(entry("e1", SQUARE, BLOB, big, Polygon((SQUARE.parts[0],))))
    assert made.tally.changed == {
        "its outline was painted as whole pixels": 3,
        "others cover all of it: only its box is written": 1,
        "partly covered by another annotation": 1,
    }
    assert made.tally.went_out["annotations"] == 4
    assert set(np.unique(values(made, "SegmentationObject"))) == {0, 2, 3, 4}


def test_masks_can_be_left_out() -> None:
    """With masks=false polygons and masks are left out and counted, unless they are converted to boxes."""
    made = export(entry("e1", BOX, SQUARE, BLOB), options={"masks": False})
    assert reasons(made) == {"pascal_voc holds polygons and masks only with masks=true": 2}
    made = export(entry("e1", SQUARE, BLOB), options={"masks": False, "convert": "polygon_to_box,mask_to_box"})
    assert edges(made) == [(11, 11, 20, 20), (6, 4, 7, 9)]
    assert not [path for path in made.files if "Segmentation" in path]


@pytest.mark.parametrize("shape", [BOX, SQUARE])
def test_crowds_are_difficult_where_asked_for(shape: Shape) -> None:
    """Crowds are left out, or written as difficult, and ignored in the masks."""
    crowd = entry("e1", annotation("a", shape, is_crowd=True))
    assert reasons(export(crowd)) == {"pascal_voc holds crowds only with crowds=difficult": 1}
    made = export(crowd, options={"crowds": "difficult"})
    assert texts(made, "object/difficult") == ["1"]
    assert lines(made, "car_trainval") == ["e1  0"]
    if shape is SQUARE:
        assert set(np.unique(values(made, "SegmentationClass"))) == {0, 255}


def test_room_of_masks() -> None:
    """Classes above 254 and objects after the 254th have no number in a mask: their outlines are left out by name."""
    many = dataset(categories=[Category(id=f"c{at}", name=f"c{at}") for at in range(300)])
    made = export(
        entry("e1", annotation("a", SQUARE, category_id="c254"), annotation("b", BOX, category_id="c299")),
        entry(
            "e2",
            *[annotation(f"b{at}", BOX, category_id="c0") for at in range(254)],
            annotation("z", SQUARE, category_id="c0"),
        ),
        dataset=many,
    )
    assert reasons(made) == {
        "pascal_voc has room for 254 classes in masks": 1,
        "pascal_voc has room for 254 objects in the masks of a picture": 1,
    }


def test_huge_pictures_are_not_painted() -> None:
    """A picture whose masks would not fit in memory is left out by name, not tried."""
    side = 1 << 16
    huge = entry("e1", SQUARE, medias=(picture("m", width=side, height=side, mime_type=None),))
    made = export(huge, skips_faults=True)
    assert [left.reason for left in made.tally.left_out if left.kind == "entries"] == [
        "its picture is too large to be painted in memory"
    ]
