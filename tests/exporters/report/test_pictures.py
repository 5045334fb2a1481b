"""Pictures for thumbnails: upright, in plain colours, and none that breaks or floods an export."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from exporters.model import Box, Entry, Skeleton
from exporters.pictures.upright import MediaFile, settle
from exporters.report.figures import Figures, counted
from exporters.report.legend import Legend
from exporters.report.pictures import CANNOT_BE_SHOWN, LONGEST_SIDE, TOO_LARGE, opened
from exporters.report.tiles import NOT_DRAWN, Sample, tile
from tests.fakes.datasets import annotation, entry, picture

LEGEND = Legend(())


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def file_of(data: bytes, width: int, height: int, orientation: int = 1) -> MediaFile:
    return MediaFile(sha256="0" * 64, size=len(data), crc32=0, width=width, height=height, orientation=orientation)


def corner_marked() -> Image.Image:
    """Grey, with a red block at the top left."""
    image = Image.new("RGB", (60, 40), (90, 90, 90))
    image.paste((255, 0, 0), (0, 0, 20, 10))
    return image


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("frame", ["stored", "upright"])
def test_shapes_lie_on_what_they_mark_whichever_way_the_picture_is_stored(orientation: int, frame: str) -> None:
    """With every EXIF orientation, and whichever way the source counts, the box is around the red block."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(corner_marked(), "JPEG", quality=95, exif=exif, subsampling=0)
    stored_box = Box(0, 0, 20, 10)
    sideways = orientation >= 5
    size = (40, 60) if frame == "upright" and sideways else (60, 40)
    box = stored_box
    if frame == "upright":
        turned = np.asarray(_upright(data))
        rows, columns = np.nonzero((turned[:, :, 0] > 200) & (turned[:, :, 1] < 80))
        box = Box(columns.min(), rows.min(), columns.max() + 1 - columns.min(), rows.max() + 1 - rows.min())
    media = picture("m", width=size[0], height=size[1], frame=frame)
    file = file_of(data, 60, 40, orientation)
    one = settle(entry("e", annotation("a", box), medias=(media,)), file)
    shown = opened(io.BytesIO(data), file, one)
    assert isinstance(shown, Image.Image)
    assert shown.size == ((40, 60) if sideways else (60, 40))
    settled = one.annotations[0].shape
    assert isinstance(settled, Box)
    middle = round(settled.left + settled.width / 2), round(settled.top + settled.height / 2)
    red, green, _ = shown.getpixel(middle)  # type: ignore[misc]
    assert (red > 200, green < 90) == (True, True)


def _upright(data: bytes) -> Image.Image:
    from PIL import ImageOps  # noqa: PLC0415 - another reader than ours

    with Image.open(io.BytesIO(data)) as image:
        return ImageOps.exif_transpose(image).convert("RGB")


MODES = ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "I;16", "F"]


@pytest.mark.parametrize("mode", MODES)
def test_every_depth_becomes_eight_bits_of_colour(mode: str) -> None:
    """Bilevel, grey, palette, transparent, printing colours, 16 and 32 bits deep."""
    ramp = Image.linear_gradient("L")
    image = Image.fromarray(np.asarray(ramp).astype(np.uint16) * 200) if mode == "I;16" else ramp.convert(mode)
    data = saved(image, "TIFF" if mode in ("CMYK", "F", "I") else "PNG")
    shown = opened(io.BytesIO(data), file_of(data, 256, 256), entry("e"))
    assert isinstance(shown, Image.Image)
    assert (shown.mode, shown.size) == ("RGB", (256, 256))
    dark, bright = shown.getpixel((128, 5)), shown.getpixel((128, 250))
    assert sum(dark) < 100  # type: ignore[arg-type]
    assert sum(bright) > 600  # type: ignore[arg-type]


def test_large_pictures_are_held_small() -> None:
    """What is kept of one has a bound, and its proportions."""
    data = saved(Image.new("RGB", (5000, 2500), (10, 200, 30)), "JPEG")
    shown = opened(io.BytesIO(data), file_of(data, 5000, 2500), entry("e"))
    assert isinstance(shown, Image.Image)
    assert shown.size == (LONGEST_SIDE, LONGEST_SIDE // 2)


def bomb() -> bytes:
    """A few kilobytes that say they are 40,000 pixels wide and high."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1 << 16))) + chunk(b"IEND", b"")


GOOD = saved(corner_marked(), "PNG")


@pytest.mark.parametrize(
    ("data", "size", "sentence"),
    [
        (bomb(), (40_000, 40_000), TOO_LARGE),
        (bomb(), (60, 40), TOO_LARGE),
        (GOOD[:70], (60, 40), CANNOT_BE_SHOWN),
        (b"", (60, 40), CANNOT_BE_SHOWN),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 60 40\n", (60, 40), CANNOT_BE_SHOWN),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", (60, 40), CANNOT_BE_SHOWN),
    ],
    ids=["bomb", "bomb with a lie", "cut short", "empty", "PostScript", "SVG"],
)
def test_what_cannot_be_shown_is_a_grey_tile_with_a_sentence(data: bytes, size: tuple[int, int], sentence: str) -> None:
    """Bombs, broken files, and kinds that start programs are not opened; nothing is raised."""
    one = entry("e", Box(1, 1, 5, 5))
    shown = opened(io.BytesIO(data), file_of(data, *size), one)
    assert shown == sentence
    made, grey = tile(Sample(one, one.annotations, shown, size), LEGEND)
    assert (made.sentence, made.jpeg) == (sentence, b"")
    assert grey.getpixel((3, 3)) == (236, 238, 241)


def test_an_entry_that_cannot_be_drawn_is_a_grey_tile_too() -> None:
    """Whatever goes wrong while it is drawn: a skeleton whose points and visibility do not go together."""
    one = entry("e", Skeleton(((1.0, 1.0),), (2, 2)))
    made, _ = tile(Sample(one, one.annotations, "no picture", (64, 48)), LEGEND)
    assert (made.sentence, made.jpeg) == (NOT_DRAWN, b"")


def test_figures_pick_the_same_few_in_any_order() -> None:
    """Samples do not depend on the order in which entries come, but for their places."""
    entries = [entry(f"e{number}", Box(1, 1, 5, 5)) for number in range(50)]

    def picked(those: list[Entry]) -> set[str]:
        figures = Figures()
        for at, one in enumerate(those):
            figures.count(counted(one, [(annotation, None) for annotation in one.annotations], LEGEND), at)
        return {those[pick.at].id for pick in figures.annotated}

    assert len(picked(entries)) == 12
    assert picked(entries) == picked(entries[::-1])
