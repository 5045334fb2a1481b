"""What the format `tfrecord` promises beside what every format does.

Its reader of choice does not look at checksums, so the frames are checked here, by a checksum of our own making; the
messages are read by protocol buffers' own code and by the package tfrecord.
"""

from __future__ import annotations

import hashlib
import io
import math
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image
from tfrecord.example_pb2 import Example
from tfrecord.reader import tfrecord_loader

from exporters import RequestError
from exporters.formats import tfexample
from exporters.formats.tfrecord import TfrecordExporter
from exporters.model import Box, Category, Classification, Entry, Polygon
from exporters.shapes import masks
from tests import strategies
from tests.conformance.exporters import Export, run_export
from tests.fakes import hostile
from tests.fakes.datasets import BLOB, HEIGHT, RING, SQUARE, WIDTH, annotation, dataset, entry, media_bytes

GOLDEN = Path(__file__).parent / "golden" / "tfrecord"
BOX = Box(8.0, 6.0, 16.5, 12.25)
LISTS = ("bbox/xmin", "bbox/xmax", "bbox/ymin", "bbox/ymax", "class/text", "class/label", "is_crowd", "area")
KINDS = {"text": "bytes", "label": "int64", "is_crowd": "int64", "mask": "bytes"}


def export(*entries: Entry, **values: Any) -> Export:
    made = run_export(TfrecordExporter(), [values.pop("dataset", dataset())], entries, **values)
    made.tally.check("the export")
    return made


# -- the proof --------------------------------------------------------------------------------------------------------


def crc32c(data: bytes) -> int:
    """Castagnoli's checksum, bit by bit."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def masked(data: bytes) -> int:
    value = crc32c(data)
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(data: bytes, *, checks: bool = True) -> Iterator[bytes]:
    """The records of a file; raises unless it ends where the last one does and, with `checks`, all checksums hold."""
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        (length_checksum,) = struct.unpack_from("<I", data, at + 8)
        record = data[at + 12 : at + 12 + length]
        (checksum,) = struct.unpack_from("<I", data, at + 12 + length)
        if checks:
            assert length_checksum == masked(data[at : at + 8])
            assert checksum == masked(record)
        yield record
        at += 16 + length
    assert at == len(data)


def features(record: bytes) -> dict[str, Any]:
    """An Example as lists by name, read by protocol buffers' own code."""
    example = Example()
    example.ParseFromString(record)
    read = {}
    for name, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        assert kind is not None, name
        read[name] = list(getattr(feature, kind).value)
        tail = name.rpartition("/")[2]
        if name.startswith("image/object"):
            assert kind == KINDS.get(tail, "float") + "_list"
    return read


def label_map(made: Export) -> dict[int, str]:
    """The label map, read by protocol buffers' own reader of texts."""
    file = descriptor_pb2.FileDescriptorProto(name="label_map.proto", package="t", syntax="proto2")
    item = file.message_type.add(name="Item")
    item.field.add(name="id", number=1, type=5, label=1)
    item.field.add(name="name", number=2, type=9, label=1)
    file.message_type.add(name="Map").field.add(name="item", number=1, type=11, label=3, type_name=".t.Item")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    read = text_format.Parse(
        made.files["label_map.pbtxt"].decode(), message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Map"))()
    )
    ids = [one.id for one in read.item]
    assert ids == list(range(1, len(ids) + 1))
    return {one.id: one.name for one in read.item}


def prove(made: Export, *, checks: bool = True) -> list[dict[str, Any]]:
    """Raise unless every record is what TensorFlow's detection reads; gives the records back."""
    labels = label_map(made)
    found: list[dict[str, Any]] = []
    for path in sorted(path for path in made.files if path.endswith(".tfrecord")):
        found += [prove_record(features(record), labels) for record in records(made.files[path], checks=checks)]
    assert len(found) == made.tally.went_out.get("entries", 0)
    return found


def prove_record(read: dict[str, Any], labels: dict[int, str]) -> dict[str, Any]:
    (encoded,) = read["image/encoded"]
    assert read["image/key/sha256"] == [hashlib.sha256(encoded).hexdigest().encode()]
    with Image.open(io.BytesIO(encoded)) as picture:
        assert [picture.width] == read["image/width"]
        assert [picture.height] == read["image/height"]
        assert read["image/format"] == [(picture.format or "").lower().encode()]
    count = len(read["image/object/class/label"])
    assert all(len(read[f"image/object/{name}"]) == count for name in LISTS)
    edges = (read[f"image/object/bbox/{edge}"] for edge in ("xmin", "xmax", "ymin", "ymax"))
    for xmin, xmax, ymin, ymax in zip(*edges, strict=True):
        assert 0 <= xmin < xmax <= 1
        assert 0 <= ymin < ymax <= 1
    for kind in ("image/object/class", "image/class"):
        named = zip(read[f"{kind}/label"], read[f"{kind}/text"], strict=True)
        assert all(labels[number] == name.decode() for number, name in named)
    for mask in read.get("image/object/mask", ()):
        with Image.open(io.BytesIO(mask)) as picture:
            assert (picture.mode, picture.size) == ("L", (read["image/width"][0], read["image/height"][0]))
            assert set(np.unique(np.asarray(picture))) <= {0, 255}
    assert len(read.get("image/object/mask", ())) in (0, count)
    return read


def only(*shapes: Any, **values: Any) -> dict[str, Any]:
    (record,) = prove(export(entry("e1", *shapes), **values))
    return record


# -- frames and messages ----------------------------------------------------------------------------------------------


def test_checksum_of_the_proof_is_the_published_one() -> None:
    """What the frames are checked by gives the values of RFC 3720."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA


@given(st.binary(max_size=300))
def test_any_record_is_framed(data: bytes) -> None:
    """Whatever a record holds, its frame has its length and both checksums, and gives it back."""
    framed = tfexample.record(data, crc32c)
    assert list(records(framed * 2)) == [data, data]


@given(
    texts=st.lists(st.binary(max_size=200)),
    numbers=st.lists(st.integers(0, 2**63 - 1)),
    floats=st.lists(st.floats(width=32, allow_nan=False)),
)
def test_any_example_reads_back(texts: list[bytes], numbers: list[int], floats: list[float]) -> None:
    """Lists of each kind, also empty ones, come back from protocol buffers' own code as they went in."""
    given_ = {
        "b": tfexample.bytes_list(texts),
        "é": tfexample.int64_list(numbers),
        "f": tfexample.float_list(floats),
    }
    assert features(tfexample.example(given_)) == {"b": texts, "é": numbers, "f": floats}


def test_golden_file() -> None:
    """The label map of a small export is, to the byte, the file that lies beside this test."""
    odd = dataset(categories=[Category(id=name, name=name) for name in ("car", 'tree "big"', "back\\slash\n")])
    made = export(entry("e1", annotation("a", BOX, category_id="car")), dataset=odd)
    assert made.files["label_map.pbtxt"] == (GOLDEN / "label_map.pbtxt").read_bytes()


def test_both_checksums_hold() -> None:
    """Every record has CRC32C checksums, masked, of its length and its data: TensorFlow refuses a file without."""
    prove(export(entry("e1", BOX), entry("e2")), checks=True)


@given(strategies.entry_lists("d1", margin=30))
def test_any_export_is_sound(entries: list[Entry]) -> None:
    """Whatever the entries, with annotations over every border, what is written proves sound, pictures to the byte."""
    pictured = [
        replace(one, medias=tuple(replace(media, mime_type="image/png") for media in one.medias)) for one in entries
    ]
    by_id = {one.id: one for one in pictured}
    for read in prove(export(*pictured, shard_size=2, options={"records_per_file": 2}), checks=False):
        original = by_id[read["image/source_id"][0].decode()].original
        assert original is not None
        assert read["image/encoded"] == [media_bytes(original)]


def test_tfrecord_reads_it(tmp_path: Path) -> None:
    """The package tfrecord reads every record of a delivered folder, moved to another place."""
    made = export(entry("e1", BOX, split="train"), entry("e2", split="train"))
    made.write(tmp_path / "first")
    moved = (tmp_path / "first").rename(tmp_path / "moved")
    wanted = {"image/source_id": "byte", "image/height": "int", "image/object/class/label": "int"}
    read = list(tfrecord_loader(str(moved / "train-00000-of-00001.tfrecord"), None, wanted))
    assert [bytes(one["image/source_id"]) for one in read] == [b"e1", b"e2"]
    assert [one["image/height"].tolist() for one in read] == [[HEIGHT], [HEIGHT]]
    assert [one["image/object/class/label"].tolist() for one in read] == [[1], []]


# -- annotations ------------------------------------------------------------------------------------------------------


@given(strategies.boxes())
def test_boxes_read_back(box: Box) -> None:
    """Edges are shares of the picture's sides, exact to 32-bit floats, and never past 1."""
    read = only(box)
    edges = [read[f"image/object/bbox/{edge}"][0] for edge in ("xmin", "ymin", "xmax", "ymax")]
    wanted = [
        box.left / WIDTH,
        box.top / HEIGHT,
        (box.left + box.width) / WIDTH,
        (box.top + box.height) / HEIGHT,
    ]
    assert edges == pytest.approx(np.asarray(wanted, np.float32).tolist(), rel=1e-6, abs=1e-7)


def test_box_of_the_whole_picture() -> None:
    """The box of a whole picture goes from 0 to 1, exactly."""
    read = only(Box(0.0, 0.0, WIDTH, HEIGHT))
    assert [read[f"image/object/bbox/{edge}"] for edge in ("xmin", "ymin", "xmax", "ymax")] == [[0], [0], [1], [1]]


def test_labels_count_from_one() -> None:
    """The first class is 1, because 0 is the background; classes keep their numbers when they are empty."""
    made = export(entry("e1", annotation("a", BOX, category_id="c-tree"), annotation("b", BOX)))
    assert label_map(made) == {1: "car", 2: "person", 3: "tree"}
    (read,) = prove(made)
    assert read["image/object/class/label"] == [3, 1]
    assert read["image/object/class/text"] == [b"tree", b"car"]


def test_picture_without_annotations_has_empty_lists() -> None:
    """A negative has all its keys, with lists of no length."""
    read = only()
    assert all(read[f"image/object/{name}"] == [] for name in LISTS)
    assert "image/object/mask" not in read


def test_outlines_are_masks() -> None:
    """Polygons, with their holes, and masks are painted, a PNG each; a box beside them is painted whole, counted."""
    made = export(entry("e1", RING, BLOB, Box(2.0, 3.0, 4.0, 5.0)))
    (read,) = prove(made)
    painted = [np.asarray(Image.open(io.BytesIO(mask))) == 255 for mask in read["image/object/mask"]]
    assert isinstance(RING, Polygon)
    assert (painted[0] == masks.rasterize(RING.parts, WIDTH, HEIGHT)).all()
    assert (painted[1] == masks.to_pixels(BLOB)).all()
    assert painted[2].sum() == 4 * 5
    assert not painted[0][14, 14]
    assert made.tally.changed == {"its mask is its whole box: others on its picture have one": 1}


def test_crowds_and_areas_are_kept() -> None:
    """A crowd says so; the area is the outline's, or the one that the source states."""
    read = only(annotation("a", SQUARE, is_crowd=True), annotation("b", BOX, area=5.0))
    assert read["image/object/is_crowd"] == [1, 0]
    assert read["image/object/area"] == [100.0, 5.0]


def test_classes_of_a_picture_are_apart_from_its_objects() -> None:
    """A classification is a class of the picture, not an object without a box."""
    read = only(annotation("a", Classification(), category_id="c-tree"), BOX)
    assert (read["image/class/label"], read["image/class/text"]) == ([3], [b"tree"])
    assert len(read["image/object/class/label"]) == 1


def test_attributes_are_counted() -> None:
    """Attributes are not held, and each annotation that had any is counted as changed."""
    made = export(entry("e1", annotation("a", BOX, attributes={"x": 1}), BOX))
    assert made.tally.changed == {"attributes are not held": 1}


@pytest.mark.parametrize("one", [annotation("a", Box(60.0, 40.0, 1e-9, 1.0)), annotation("a", BOX, area=1e300)])
def test_what_32_bits_cannot_hold_is_left_out(one: Any) -> None:
    """A box that would lose its extent, or an area too large for a 32-bit float, is left out by name."""
    made = export(entry("e1", one))
    assert [left.reason for left in made.tally.left_out] == ["32-bit floats cannot hold its extent or area"]
    assert prove(made)[0]["image/object/area"] == []


@given(box=strategies.boxes(margin=20), conversion=st.sampled_from(["keep", "clip"]))
def test_numbers_are_finite(box: Box, conversion: str) -> None:
    """Over the border or not, edges are finite numbers."""
    made = export(entry("e1", box), options={"out_of_picture": conversion})
    (record,) = records(made.files["data-00000-of-00001.tfrecord"], checks=False)
    assert all(math.isfinite(value) for value in features(record)["image/object/bbox/xmax"])


# -- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_files_are_cut_by_the_place_in_the_export(size: int) -> None:
    """Files have `records_per_file` records at most, whatever the size of shards; names say how many there are."""
    splits = ["train", "train", None, "train", "val", None, "train"]
    entries = [entry(f"e{index}", split=split) for index, split in enumerate(splits)]
    made = export(*entries, shard_size=size, options={"records_per_file": 2})
    prove(made, checks=False)
    counts = {
        path: len(list(records(data, checks=False))) for path, data in made.files.items() if path != "label_map.pbtxt"
    }
    assert counts == {
        "data-00000-of-00002.tfrecord": 1,
        "data-00001-of-00002.tfrecord": 1,
        "train-00000-of-00003.tfrecord": 2,
        "train-00001-of-00003.tfrecord": 1,
        "train-00002-of-00003.tfrecord": 1,
        "val-00000-of-00001.tfrecord": 1,
    }


def test_hostile_entries_are_sound() -> None:
    """Hostile names, splits and classes give sound records and a label map that reads back."""
    split = [entry(f"s{index}", BOX, split=name) for index, name in enumerate(hostile.SPLITS)]
    prove(export(*hostile.entries(), *split), checks=False)
    many = hostile.categories()
    made = export(*hostile.of_every_category(many), dataset=many)
    prove(made, checks=False)
    assert list(label_map(made).values()) == [one.name for one in made.classes.classes]


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package that computes checksums, the refusal says what to install."""
    monkeypatch.setitem(sys.modules, "crc32c", None)
    with pytest.raises(RequestError, match=r"crc32c.*pip install 'outhaul\[tfrecord\]'"):
        export(entry("e1", BOX))
