"""What `exporters.pictures.upright` promises: sizes and coordinates of the picture as it is shown."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from exporters.errors import SkippableError
from exporters.model import Box, Entry, Media
from exporters.pictures.upright import MOST_HEADER_BYTES, MediaFile, settle, size_of
from exporters.shapes import geometry
from tests.fakes.datasets import HEIGHT, SQUARE, WIDTH, annotation, entry, one_of_each, picture

BOX = Box(1.0, 2.0, 10.0, 5.0)


def file(orientation: int = 1, width: int | None = WIDTH, height: int | None = HEIGHT) -> MediaFile:
    return MediaFile(sha256="0" * 64, size=1, crc32=0, width=width, height=height, orientation=orientation)


def framed(media: Media, *shapes: Box) -> Entry:
    return entry("e", *shapes, medias=(media,))


def test_stored_coordinates_are_turned() -> None:
    """Where the source counts on the pixels as stored, every annotation is turned with its picture."""
    one = entry("e", *one_of_each().values(), medias=(picture("m", frame="stored"),))
    settled = settle(one, file(6))
    assert size_of(settled) == (HEIGHT, WIDTH)
    assert settled.original is not None
    assert settled.original.frame == "upright"
    for before, after in zip(one.annotations, settled.annotations, strict=True):
        assert after.shape == geometry.to_upright(before.shape, WIDTH, HEIGHT, 6)


def test_box_of_the_source_is_turned_too() -> None:
    """A box that the source states apart from the shape turns with it; its area stays."""
    stated = annotation("a", SQUARE, box=BOX, area=42.0)
    settled = settle(entry("e", stated, medias=(picture("m", frame="stored"),)), file(8))
    (after,) = settled.annotations
    assert after.box == geometry.to_upright(BOX, WIDTH, HEIGHT, 8)
    assert after.area == 42.0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_coordinates_are_left(orientation: int) -> None:
    """Where the source counts on the upright picture, as most do, no annotation is touched."""
    width, height = geometry.upright_size(WIDTH, HEIGHT, orientation)
    one = framed(picture("m", width=width, height=height), BOX)
    settled = settle(one, file(orientation))
    assert settled.annotations == one.annotations
    assert size_of(settled) == (width, height)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_size_that_the_source_lacks_is_the_upright_one(orientation: int) -> None:
    """Where the source does not know the size, the file's own is taken, turned upright."""
    settled = settle(framed(picture("m", width=None, height=None), BOX), file(orientation))
    assert size_of(settled) == geometry.upright_size(WIDTH, HEIGHT, orientation)


def test_file_of_another_size_is_a_fault_of_its_entry() -> None:
    """A file of another size than the coordinates were measured on is a fault of its entry alone, in constant words."""
    with pytest.raises(SkippableError, match="Entry e ") as caught:
        settle(framed(picture("m", width=640, height=480)), file())
    assert caught.value.entry_id == "e"
    assert caught.value.reason == "its picture is not of the size that the source says"
    assert str(caught.value) == (
        f"Entry e cannot be exported: its picture “m.png” has {WIDTH} x {HEIGHT} pixels, but the source says 640 x 480."
    )


@pytest.mark.parametrize("known", [{}, {"mime_type": None}, {"mime_type": None, "name": "scan.TIF"}])
def test_picture_without_a_header_is_a_fault_of_its_entry(known: dict[str, str | None]) -> None:
    """A file that the source, or its name, says to be a picture and that is none is not delivered as if it were."""
    media = picture("m", **known)
    with pytest.raises(SkippableError) as caught:
        settle(framed(media, BOX), file(width=None, height=None))
    assert caught.value.reason == "its picture cannot be read"
    assert str(caught.value) == f"Entry e cannot be exported: its picture cannot be read (“{media.name}”, 1 bytes)."


@pytest.mark.parametrize(
    ("known", "size"),
    [
        ({"mime_type": "video/mp4"}, 9),
        ({"mime_type": "image/heic"}, 9),
        ({"mime_type": "application/octet-stream"}, 9),
        ({"mime_type": None, "name": "notes.txt"}, 9),
        ({"mime_type": None, "name": "png"}, 9),
        ({}, MOST_HEADER_BYTES + 1),
    ],
)
def test_file_that_may_be_sound_is_left(known: dict[str, str | None], size: int) -> None:
    """What is no picture, one of a kind that is not looked into, or one whose header may lie far behind, goes out."""
    one = framed(picture("m", **known), BOX)
    assert settle(one, replace(file(width=None, height=None), size=size)) is one


def test_size_swapped_by_an_orientation_is_no_fault() -> None:
    """A source that gives either the stored or the upright size of a turned picture is understood."""
    for width, height in ((WIDTH, HEIGHT), (HEIGHT, WIDTH)):
        assert size_of(settle(framed(picture("m", width=width, height=height)), file(6))) is not None
    with pytest.raises(SkippableError):
        settle(framed(picture("m", width=HEIGHT, height=WIDTH)), file(3))


def test_entry_without_a_fetched_picture_is_left() -> None:
    """Without a file, or without a media, an entry stays as it is."""
    one = framed(picture("m"), BOX)
    bare = entry("e", medias=())
    assert settle(one, None) is one
    assert settle(bare, file(6)) is bare


def test_derived_media_do_not_count() -> None:
    """Only the original media decides; a preview of another size is left as it is."""
    preview = picture("p", key="preview", width=6, height=4)
    one = entry("e", BOX, medias=(preview, picture("m", frame="stored")))
    settled = settle(one, file(6))
    assert settled.medias[0] == preview
    assert size_of(settled) == (HEIGHT, WIDTH)


@pytest.mark.parametrize("size", [(None, None), (0, 0), (5, None), (None, 5)])
def test_size_that_nobody_knows_is_none(size: tuple[int | None, int | None]) -> None:
    """A size that is not known, or not above zero, is none."""
    assert size_of(framed(picture("m", width=size[0], height=size[1]))) is None
    assert size_of(entry("e", medias=())) is None


def test_coordinates_measured_upright_are_not_turned_again() -> None:
    """Where the source states the upright size, its coordinates are upright, whatever it usually counts on."""
    measured = picture("m", frame="stored", width=HEIGHT, height=WIDTH)
    settled = settle(framed(measured, annotation("a", BOX)), file(6))
    assert size_of(settled) == (HEIGHT, WIDTH)
    assert [one.shape for one in settled.annotations] == [BOX]
