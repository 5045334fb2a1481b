"""Width, height and orientation from the beginning of a file."""

from __future__ import annotations

import io
import random
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from blocks.pictures import Header, Picture, read_picture
from exporters.pictures.upright import MOST_HEADER_BYTES
from tests.blocks.samples import picture_bytes

SIZE = (64, 48)


def with_orientation(orientation: int, form: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return picture_bytes(form=form, exif=exif)


def feed(data: bytes, size: int) -> tuple[Picture | None, int]:
    """What is learned from a file in chunks of this size, and how many bytes that took."""
    header = Header()
    for start in range(0, len(data), size):
        if header.feed(data[start : start + size]):
            return header.result, min(start + size, len(data))
    return header.result, len(data)


def noise(width: int, height: int, form: str, **options: Any) -> bytes:
    """A picture that compresses badly: as large a file as a camera's."""
    buffer = io.BytesIO()
    pixels = random.Random(7).randbytes(width * height * 3)
    Image.frombytes("RGB", (width, height), pixels).save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations(form: str, orientation: int) -> None:
    """All eight orientations are told, with width and height as they are stored."""
    assert read_picture(with_orientation(orientation, form)) == Picture(*SIZE, orientation)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_orientations_that_are_none(orientation: int) -> None:
    """A number that is no orientation counts as upright."""
    assert read_picture(with_orientation(orientation)) == Picture(*SIZE, 1)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_forms_in_chunks_of_any_size(form: str, size: int) -> None:
    """Every usual form is measured, however small the chunks that it comes in."""
    found, _ = feed(picture_bytes(form=form, size=(32, 16)), size)
    assert found == Picture(32, 16)


def test_a_header_is_enough() -> None:
    """Of a large photograph only the beginning is needed, and no more than that is held."""
    data = with_orientation(6) + bytes(10_000_000)
    header = Header()
    assert header.feed(data[:4096])
    assert header.feed(data[4096:])
    assert header.result == Picture(*SIZE, 6)
    assert len(header._seen) == 0


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_large_pictures(form: str) -> None:
    """A picture is measured whatever the size of its file, of any form, in the chunks that downloads come in."""
    options = {"JPEG": {"quality": 100}, "WEBP": {"lossless": True, "method": 0}}
    data = noise(1600, 1200, form, **options.get(form, {}))
    assert len(data) > (MOST_HEADER_BYTES if form != "JPEG" else 1 << 20)
    found, _ = feed(data, 256 * 1024)
    assert found == Picture(1600, 1200)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP"])
def test_the_beginning_of_a_large_picture_is_enough(form: str) -> None:
    """Width and height stand at the beginning of these forms: the rest of the file need not be read for them."""
    found, needed = feed(noise(800, 600, form), 4096)
    assert found == Picture(800, 600)
    assert needed <= 64 * 1024


def test_a_long_header() -> None:
    """Previews and profiles in front of the picture itself are read over."""
    profile = random.Random(1).randbytes(600_000)
    assert feed(picture_bytes(form="JPEG", icc_profile=profile), 65536)[0] == Picture(*SIZE)


NONE = (
    *(b"", b"x", b"\xff\xd8", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"<svg/>", bytes(5000)),
    b"RIFF\x00\x00\x00\x00WEBP",
)


@pytest.mark.parametrize("data", NONE, ids=lambda data: ascii(data[:20]))
def test_what_is_no_picture(data: bytes) -> None:
    """What is no picture, or only the beginning of one, is no error: nothing is learned from it."""
    assert read_picture(data) is None
    assert feed(data, 3)[0] is None


def test_nothing_is_held_of_what_is_no_picture() -> None:
    """After the longest header there may be, a file counts as no picture and is not held any longer."""
    header = Header()
    chunk = bytes(1 << 20)
    answers = [header.feed(chunk) for _ in range(6)]
    assert answers == [False] * (MOST_HEADER_BYTES // len(chunk) - 1) + [True] * (
        6 - MOST_HEADER_BYTES // len(chunk) + 1
    )
    assert (header.result, len(header._seen)) == (None, 0)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "TIFF"])
def test_damaged_files(form: str) -> None:
    """A file that is cut or damaged anywhere gives its size or nothing, and never an exception or a warning."""
    data = with_orientation(6, form) if form != "GIF" else picture_bytes(form=form)
    chance = random.Random(3)
    for _ in range(150):
        damaged = bytearray(data[: chance.randrange(len(data))] if chance.random() < 0.5 else data)
        for _ in range(chance.randrange(4)):
            if damaged:
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        found = read_picture(bytes(damaged))
        assert found is None or found.orientation in range(1, 9)


def test_bombs_are_only_measured() -> None:
    """A file that claims an enormous picture is measured or passed over, without its pixels being made."""
    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    body = b"IDAT" + zlib.compress(bytes(1000))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in (chunk, body, b"IEND")
    )
    assert read_picture(data) in (None, Picture(50_000, 50_000))
