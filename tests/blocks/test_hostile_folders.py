"""Folders and zips that were made to harm whoever reads them: each is refused in a sentence, or harms nothing."""

from __future__ import annotations

import base64
import io
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from blocks.folder import FolderSource
from blocks.layouts.coco_records import to_entry
from exporters.errors import OuthaulError, RequestError
from exporters.model import Mask, Media, Polygon, Unknown
from exporters.shapes import masks
from tests.blocks.samples import box, coco, everything, image, lay_out, pack, picture_bytes, read_media
from tests.fakes import layouts

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n%%EndComments\n(owned) (w) file\n"


def png_of(width: int, height: int) -> bytes:
    """A few kilobytes that say they are a picture of any size, in grey."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(1 << 20), 9))
        + chunk(b"IEND", b"")
    )


BAD_PICTURES = {
    "bomb": png_of(40_000, 40_000),
    "PostScript": POSTSCRIPT,
    "cut off": picture_bytes(1)[:60],
    "empty": b"",
}


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_masks_of_pascal_voc_that_are_no_masks(name: str, tmp_path: Path) -> None:
    """A mask that is a bomb, a program or damaged is not drawn: the file is named and refused."""
    sample = layouts.pascal_voc()
    files = dict(sample.files)
    files["Annotations/000001.xml"] = files["Annotations/000001.xml"].replace(
        b"<object>", b"<segmented>1</segmented><object>"
    )
    files["SegmentationObject/000001.png"] = BAD_PICTURES[name]
    with pytest.raises(RequestError, match=r"000001\.png is (no picture that can be read|not of the size)"):
        everything(FolderSource(url=str(lay_out(tmp_path / "set", files))))


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_masks_of_labelme_that_are_no_masks(name: str, tmp_path: Path) -> None:
    """The same inside of a JSON file costs the annotation its shape, and nothing else."""
    shape = {
        "label": "car",
        "shape_type": "mask",
        "points": [[1, 1], [2, 2]],
        "mask": base64.b64encode(BAD_PICTURES[name]).decode(),
    }
    document = {"shapes": [shape], "imagePath": "a.png", "imageWidth": 64, "imageHeight": 48}
    files = {"a.json": json.dumps(document).encode(), "a.png": picture_bytes(1)}
    (entry,) = everything(FolderSource(url=str(lay_out(tmp_path / "set", files))))
    assert isinstance(entry.annotations[0].shape, Unknown)


def test_a_zip_with_a_member_that_has_no_name(tmp_path: Path) -> None:
    """What zip libraries stumble over is refused by the zip's name."""
    path = pack(tmp_path / "set.zip", {"x": b"1", "instances.json": coco(image())})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo(""), b"nothing")
    with pytest.raises(RequestError, match="a file that has no name"):
        everything(FolderSource(url=str(path)))


def test_a_zip_with_damaged_members(tmp_path: Path) -> None:
    """Damage within a zip is a sentence that names the member, wherever in the reading it comes to light."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("instances.json", json.dumps(coco(image(), annotations=[box()])))
        archive.writestr("images/1.png", picture_bytes(1))
    data = bytearray(buffer.getvalue())
    data[60:70] = b"\xff" * 10
    (tmp_path / "set.zip").write_bytes(data)
    with pytest.raises(RequestError, match=r"instances\.json.* its archive is damaged"):
        everything(FolderSource(url=str(tmp_path / "set.zip")))


def test_a_zip_whose_names_do_not_agree(tmp_path: Path) -> None:
    """A member that is called otherwise in its own head, by bytes that are no text, is a damage and no crash."""
    packed = pack(tmp_path / "set.zip", {"annotations.json": coco(image()), "images/1.png": picture_bytes(1)})
    data = packed.read_bytes()
    head = data.index(b"PK\x03\x04", 10)
    packed.write_bytes(data[: head + 7] + b"\x08" + data[head + 8 :].replace(b"images/1", b"imag\xffs/1", 1))
    source = FolderSource(url=str(packed))
    with pytest.raises(OuthaulError, match="damaged"):
        read_media(source, everything(source)[0].medias[0])


def test_members_of_a_zip_lead_nowhere(tmp_path: Path) -> None:
    """A zip whose members are called as if they lay elsewhere is read as it is; nothing of this machine is."""
    (tmp_path / "outside.png").write_bytes(picture_bytes(2))
    names = ["../outside.png", "/etc/passwd", f"{tmp_path}/outside.png", "..\\outside.png", "images/../../outside.png"]
    listed = coco(*(image(number, name) for number, name in enumerate(names, 1)))
    path = pack(tmp_path / "set.zip", {"instances.json": listed, **{name: picture_bytes(1) for name in names[:2]}})
    entries = everything(FolderSource(url=str(path)))
    assert len(entries) == len(names)
    assert not any(entry.original and entry.original.version for entry in entries)


RUNS: tuple[Any, ...] = (
    {"size": [48, 64], "counts": [48 * 64 - 1]},
    {"size": [48, 64], "counts": [48 * 64, 1]},
    {"size": [48, 64], "counts": [-1, 48 * 64 + 1]},
    {"size": [-48, -64], "counts": [48 * 64]},
    {"size": [48, 64], "counts": [1 << 63]},
    {"size": [48, 64], "counts": "o" * 1_000_000},
    {"size": [48, 64], "counts": "é"},
    {"size": [1e308, 64], "counts": [1]},
    {"size": [None, 64], "counts": [1]},
    {"size": [48], "counts": [1]},
    [[1e308, 1e308, 1, 1, 2, 2]],
    [[1, 2, 3]],
    [["nan", 1, 2, 2, 3, 3]],
)


@pytest.mark.parametrize("segmentation", RUNS, ids=[str(one)[:40] for one in RUNS])
def test_run_lengths_and_rings_that_do_not_add_up(segmentation: Any) -> None:
    """Too short, too long, negative, overflowing, of another picture, or without an end: an unknown shape."""
    record = box(1, segmentation=segmentation)
    document = {"image": image(), "annotations": [record], "zero": None}
    found = to_entry(document, "d", None, Media(id="m", name="m", ref="m", width=64, height=48))
    assert isinstance(found.annotations[0].shape, Unknown)


def test_a_mask_of_an_enormous_picture_is_not_painted() -> None:
    """A few bytes of run lengths can say a picture of any size; it is sound, and not painted in memory."""
    enormous = Mask(1 << 20, 1 << 20, (1 << 40,))
    assert masks.is_sound(enormous)
    with pytest.raises(masks.TooLargeError, match="too large to be painted"):
        masks.to_pixels(enormous)


def test_coordinates_that_overflow(tmp_path: Path) -> None:
    """A share of a picture that is the largest number there is would be infinite in pixels: its row is refused."""
    files = {**layouts.yolo().files, "train/labels/000001.txt": b"0 0.5 0.5 1e308 0.25\n"}
    with pytest.raises(RequestError, match=r"000001\.txt, line 1"):
        everything(FolderSource(url=str(lay_out(tmp_path / "set", files))))


def test_a_polygon_of_very_many_points(tmp_path: Path) -> None:
    """Nothing about an outline grows faster than its points: a hundred thousand come through as they are."""
    ring = [value for number in range(100_000) for value in (number % 64, number % 48)]
    files = {
        "instances.json": coco(image(), annotations=[box(1, segmentation=[ring])]),
        "images/1.png": picture_bytes(1),
    }
    (entry,) = everything(FolderSource(url=str(lay_out(tmp_path / "set", files))))
    shape = entry.annotations[0].shape
    assert isinstance(shape, Polygon)
    assert len(shape.parts[0].ring) == 100_000
