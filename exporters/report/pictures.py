"""Pictures opened with care: small enough to be held, upright, in eight bits of three colours; or why there is none."""

from __future__ import annotations

import warnings
from typing import IO

import numpy as np
from PIL import Image

from exporters.model import Entry
from exporters.pictures.upright import MediaFile, size_of
from exporters.report.legend import RGB
from exporters.shapes import geometry

MOST_PIXELS = 50_000_000
"""Of a picture that is decoded for a thumbnail: some 150 MB for a moment."""
MOST_BYTES = 256 << 20
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""What is opened: others start programs of their own, or are rare."""
LONGEST_SIDE = 1280
"""Of what is held of it."""
PAPER: RGB = (236, 238, 241)
"""In place of a picture that is not there."""
CLEAR: RGB = (247, 248, 250)
"""Behind what is drawn from nothing: lanes of time, frames side by side, lines of a text."""

CANNOT_BE_SHOWN = "this picture cannot be shown"
TOO_LARGE = "this picture is too large to be shown here"
NOT_SHOWN = (CANNOT_BE_SHOWN, TOO_LARGE)

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def opened(handle: IO[bytes], file: MediaFile, entry: Entry) -> Image.Image | str:
    """The picture of an entry as its coordinates are measured, made smaller; or a sentence that says why not."""
    if (file.width or 0) * (file.height or 0) > MOST_PIXELS or file.size > MOST_BYTES:
        return TOO_LARGE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is odd in it: it is shown as far as it goes
            with Image.open(handle, formats=FORMATS) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    return TOO_LARGE
                picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # a JPEG is decoded at a half, a quarter, an eighth
                small = _plain(_smaller(picture))
    except Image.DecompressionBombError:
        return TOO_LARGE
    except Exception:  # noqa: BLE001 - whatever a decoder says of a broken file: the export goes on without a thumbnail
        return CANNOT_BE_SHOWN
    turn = _TURNS.get(file.orientation)
    return small.transpose(turn) if turn is not None and _is_measured_upright(entry, file) else small


def paper(size: tuple[int, int]) -> Image.Image:
    """A blank sheet of a picture's proportions."""
    width, height = size
    scale = min(1.0, LONGEST_SIDE / max(width, height, 1))
    return Image.new("RGB", (max(1, round(width * scale)), max(1, round(height * scale))), PAPER)


def _is_measured_upright(entry: Entry, file: MediaFile) -> bool:
    """Some sources count on the stored picture, and say that this is how it is looked at."""
    measured = size_of(entry)
    upright = geometry.upright_size(file.width or 0, file.height or 0, file.orientation)
    return measured is None or measured == upright or measured != (file.width, file.height)


def _smaller(picture: Image.Image) -> Image.Image:
    picture.load()
    if max(picture.size) <= LONGEST_SIDE:
        return picture
    scale = LONGEST_SIDE / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    smooth = picture.mode in ("L", "RGB", "CMYK", "YCbCr", "RGBA", "LA")
    return picture.resize(size, Image.Resampling.BOX if smooth else Image.Resampling.NEAREST)


def _plain(picture: Image.Image) -> Image.Image:
    """In eight bits: of deeper pictures from the darkest pixel to the brightest; nothing shines through."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        values = np.nan_to_num(np.asarray(picture, dtype=np.float64))
        low, high = float(values.min()), float(values.max())
        picture = Image.fromarray(((values - low) * (255 / ((high - low) or 1))).astype(np.uint8))
    if "A" in picture.getbands() or "transparency" in picture.info:
        seen = picture.convert("RGBA")
        on_paper = Image.new("RGBA", seen.size, (*PAPER, 255))
        on_paper.alpha_composite(seen)
        picture = on_paper
    return picture.convert("RGB")
